# SPDX-License-Identifier: BSD-2-Clause
"""A machine's run is red unless everything agrees with its description."""

import os
import tempfile
import time
import unittest
import xml.etree.ElementTree as xml
from pathlib import Path
from unittest import mock

from canned import (ALL_SKIPPED, CRASHED, EMPTY, FAILED, GOOD, MACHINE, ROOT, edited, program,
                    speaking, without)
from bifold import runner
from bifold.machine import read_machine


class Runs(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.kernel = self.folder / "kernel"
        self.kernel.write_bytes(b"")

    def run_with(self, fake, machine="", expect=""):
        """The problems found when the program `fake` plays QEMU."""
        path = self.folder / "canned.ini"
        path.write_text(MACHINE.format(machine=machine, expect=expect), encoding="ascii")
        self.verdict = runner.run_machine(read_machine(path, ROOT), kernel=self.kernel,
                                          program=fake, logs=self.folder / "logs")
        return self.verdict.problems

    def said(self, log, status, machine="", expect=""):
        return self.run_with(speaking(self.folder, log, status), machine, expect)

    def expect_problem(self, problems, says):
        self.assertTrue(any(says in problem for problem in problems),
                        f"expected a problem with {says!r}, found {problems}")


class AsDescribed(Runs):
    def test_a_good_run_has_no_problems(self):
        self.assertEqual(self.said(GOOD, 33), [])
        self.assertEqual(self.verdict.counts(), (3, 0, 1))

    def test_an_expected_failure_counts_as_passed(self):
        machine = MACHINE.replace("exit = passed", "exit = failed")
        path = self.folder / "fails.ini"
        path.write_text(machine.format(machine="", expect="fail = page.splits"), encoding="ascii")
        verdict = runner.run_machine(read_machine(path, ROOT), kernel=self.kernel,
                                     program=speaking(self.folder, FAILED, 35),
                                     logs=self.folder / "logs")
        self.assertEqual(verdict.problems, [])
        self.assertEqual(verdict.counts(), (3, 0, 1))

    def test_an_expected_bail_out_is_as_described(self):
        path = self.folder / "crashes.ini"
        text = MACHINE.replace("exit = passed", "exit = failed").replace("skip = ", "fail = ")
        text = text.replace("page.collapses", "page.splits")
        path.write_text(text.format(machine="", expect="bail-out = ^page fault"), encoding="ascii")
        machine = read_machine(path, ROOT)
        logs = self.folder / "logs"
        for log, wanted in ((CRASHED, 0), (edited("Bail out! page", "Bail out! disk", CRASHED), 1),
                            (FAILED, 1)):
            verdict = runner.run_machine(machine, kernel=self.kernel, logs=logs,
                                         program=speaking(self.folder, log, 35))
            self.assertEqual(bool(verdict.problems), bool(wanted), verdict.problems)
        self.expect_problem(verdict.problems, "it went on")

    def test_a_foreseen_fault_is_as_described(self):
        self.assertEqual(self.said(FAILED, 35, expect="red =\n\t^page.splits: \n\tthe run failed"),
                         [])
        self.assertEqual(self.verdict.counts(), (1, 0, 0))

    def test_red_must_be_met_and_met_alone(self):
        self.expect_problem(self.said(FAILED, 35, expect="red = ^page.splits: "),
                            "not foreseen by `red`: expected exit = passed")
        self.expect_problem(self.said(GOOD, 33, expect="red = ^crash"),
                            "expected the runner to find /^crash/")

    def test_log_and_junit_are_written(self):
        self.said(GOOD, 33)
        logs = self.folder / "logs"
        self.assertEqual((logs / "canned.log").read_bytes(), GOOD.encode("latin-1"))
        cases = [case.get("name") for case in xml.parse(logs / "canned.xml").iter("testcase")]
        self.assertEqual(cases, ["understood", "splits", "collapses", "behaved_as_described"])

    def test_nothing_is_left_behind(self):
        self.said(GOOD, 33, "nvdimms = size=1M")
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()),
                         ["canned.ini", "fake-qemu", "kernel", "logs", "text"])


class Red(Runs):
    def test_crash(self):
        self.expect_problem(self.said(CRASHED, 35), "crash: the run bailed out: page fault")

    def test_crash_that_claims_success(self):
        self.expect_problem(self.said(CRASHED, 33), "the report says failed")

    def test_hang(self):
        start = time.monotonic()
        machine = MACHINE.replace("bound = 20", "bound = 1")
        path = self.folder / "hangs.ini"
        path.write_text(machine.format(machine="", expect=""), encoding="ascii")
        fake = program(self.folder, "echo $$ >pid; echo BIFOLD-TEST-START 1; exec sleep 100"
                       .replace(">pid", f">{self.folder}/pid"))
        verdict = runner.run_machine(read_machine(path, ROOT), kernel=self.kernel, program=fake,
                                     logs=self.folder / "logs")
        self.expect_problem(verdict.problems, "hang: still running after the bound of 1 s")
        self.assertLess(time.monotonic() - start, 10)
        with self.assertRaises(ProcessLookupError):
            os.kill(int((self.folder / "pid").read_text()), 0)

    def test_hang_after_the_report(self):
        machine = MACHINE.replace("bound = 20", "bound = 1")
        path = self.folder / "hangs.ini"
        path.write_text(machine.format(machine="", expect=""), encoding="ascii")
        text = self.folder / "text"
        text.write_text(GOOD, encoding="latin-1")
        fake = program(self.folder, f"cat {text}; exec sleep 100")
        verdict = runner.run_machine(read_machine(path, ROOT), kernel=self.kernel, program=fake,
                                     logs=self.folder / "logs")
        self.expect_problem(verdict.problems, "hang")

    def test_truncated_log(self):
        for length in range(0, len(GOOD) - 1, 7):
            self.assertTrue(self.said(GOOD[:length], 33), f"{length} characters passed")

    def test_empty_run(self):
        self.expect_problem(self.said(EMPTY, 33), "empty: the report holds no test")

    def test_no_output(self):
        self.expect_problem(self.said("", 33), "the run never began")

    def test_all_skipped(self):
        self.expect_problem(self.said(ALL_SKIPPED, 37), "expected exit = passed")

    def test_all_skipped_that_claims_success(self):
        self.expect_problem(self.said(ALL_SKIPPED, 33),
                            "the exit status says passed, the report says skipped")

    def test_plan_mismatch(self):
        self.expect_problem(self.said(edited("  1..2", "  1..3"), 33), "planned 3 results")

    def test_gap(self):
        self.expect_problem(self.said(edited("ok 2 page", "ok 3 page"), 33),
                            "expected result number 2")

    def test_wrong_parent(self):
        self.expect_problem(self.said(edited("not ok 2 page", "ok 2 page", FAILED), 35),
                            "the subtest says pass")

    def test_noise(self):
        self.expect_problem(self.said(edited("# seed=7", "oops"), 33), "not a line of a report")

    def test_duplicate_name(self):
        log = edited("ok 2 collapses # SKIP no area is free", "ok 2 splits")
        log = log.replace("page.collapses result=skip", "page.splits result=pass")
        self.expect_problem(self.said(log, 33), "is taken already")

    def test_r_line_disagrees(self):
        log = edited("page.splits result=pass", "page.splits result=fail")
        self.expect_problem(self.said(log, 33), "found page.splits fail")

    def test_a_failed_test(self):
        problems = self.said(FAILED, 35)
        self.expect_problem(problems, "page.splits: ")
        self.assertEqual(self.verdict.counts(), (1, 2, 1))

    def test_a_failure_shows_what_the_test_said(self):
        log = edited("  # R name=page.splits result=fail",
                     "  # mm/page.c:7: expected 1, found 2\n  # R name=page.splits result=fail",
                     FAILED)
        self.expect_problem(self.said(log, 35), "page.splits: mm/page.c:7: expected 1, found 2")

    def test_many_violations_are_counted(self):
        self.expect_problem(self.said(edited("# seed=7", "oops\n" * 30 + "# seed=7"), 33),
                            "and 20 more violations")

    def test_endless_output(self):
        with mock.patch("bifold.process.OUTPUT_LIMIT", 1 << 20):
            problems = self.run_with(program(self.folder, "exec yes"))
        self.expect_problem(problems, "and was killed")

    def test_a_failure_that_was_expected_and_passed(self):
        self.expect_problem(self.said(GOOD, 33, expect="fail = page.splits"),
                            "expected to fail, found pass")

    def test_unexpected_skip(self):
        log = edited("  ok 1 splits", "  ok 1 splits # SKIP too late")
        log = log.replace("page.splits result=pass", "page.splits result=skip")
        log = edited("ok 2 page", "ok 2 page # SKIP all", log)
        self.expect_problem(self.said(log, 33), "page.splits: skipped unexpectedly: too late")

    def test_a_skip_that_was_expected_and_passed(self):
        log = edited("  ok 2 collapses # SKIP no area is free", "  ok 2 collapses")
        log = edited("page.collapses result=skip", "page.collapses result=pass", log)
        log = edited("pass:2", "pass:3", log).replace("skip:1", "skip:0")
        log = edited("3 tests, 1 skipped", "3 tests", log)
        self.expect_problem(self.said(log, 33), "expected to skip, found pass")

    def test_an_expectation_that_nothing_meets(self):
        self.expect_problem(self.said(GOOD, 33, expect="fail = page.x*"),
                            "no test that failed matches page.x*")

    def test_a_reason_to_skip_covers_no_other_reason(self):
        path = self.folder / "reason.ini"
        logs = self.folder / "logs"
        for reason, problems in (("^no area is free$", 0), ("^no cable", 1)):
            text = MACHINE.replace("skip = page.collapses", f"skip-reasons = {reason}")
            path.write_text(text.format(machine="", expect=""), encoding="ascii")
            verdict = runner.run_machine(read_machine(path, ROOT), kernel=self.kernel, logs=logs,
                                         program=speaking(self.folder, GOOD, 33))
            self.assertEqual(len(verdict.problems), problems, verdict.problems)

    def skips_for(self, reason, machines):
        """Expects so many problems on each of {machine: problems} when a test skips for this."""
        log = GOOD.replace("no area is free", reason)
        text = MACHINE.replace("skip = page.collapses", "")
        path = self.folder / "lacks.ini"
        for machine, problems in machines.items():
            path.write_text(text.format(machine=machine, expect=""), encoding="ascii")
            verdict = runner.run_machine(read_machine(path, ROOT), kernel=self.kernel,
                                         logs=self.folder / "logs",
                                         program=speaking(self.folder, log, 33))
            self.assertEqual(len(verdict.problems), problems, verdict.problems)

    def test_a_device_is_missing_where_there_is_none(self):
        self.skips_for("the machine has no edu device",
                       {"": 0, "qemu = -device edu2": 0, "qemu = -drive edu": 0,
                        "qemu = -device x -device edu,a=b": 1})

    def test_errors_are_missing_where_nobody_injects_them(self):
        self.skips_for("nobody injects memory errors here",
                       {"": 0, "errors = no": 0, "errors = yes": 1})

    def test_an_error_that_cannot_be_injected_is_a_problem(self):
        line = ("# inject-error cpu=0 bank=9 status=0x1 global=0x7 address=0x0 misc=0x86 "
                "broadcast=no at=0x0\n  ok 1 splits")
        self.expect_problem(self.said(edited("  ok 1 splits", line), 33, "errors = yes"),
                            "a memory error could not be injected")

    def test_words_of_qemu_are_there_and_no_others(self):
        expect = "qemu-says = ^QEMU: a w"
        for log in (GOOD + "QEMU: a word\n", edited("# seed=7", "QEMU: a word\n# seed=7")):
            self.assertEqual(self.said(log, 33, expect=expect), [])
            self.expect_problem(self.said(log, 33), "'QEMU: a word'")
            log = log.replace("QEMU: a word", "QEMU: a word\nand more")
            self.expect_problem(self.said(log, 33, expect=expect), "'and more'")
        self.expect_problem(self.said(GOOD, 33, expect=expect), "QEMU says nothing that matches")

    def test_missing_suite(self):
        log = GOOD[:GOOD.index("1..2")] + "1..1\n" + GOOD[GOOD.index("  KTAP"):]
        log = log[:log.index("ok 1 options") + 13] + log[log.index("# Totals"):]
        log = log.replace("pass:2", "pass:1").replace("skip:1", "skip:0")
        log = log.replace("3 tests, 1 skipped", "1 tests")
        self.expect_problem(self.said(log, 33), "the suite page is missing")

    def test_missing_test_of_the_sources(self):
        path = self.folder / "all.ini"
        text = MACHINE.replace("suites = options page", "suites = all")
        path.write_text(text.format(machine="", expect=""), encoding="ascii")
        verdict = runner.run_machine(read_machine(path, ROOT), kernel=self.kernel,
                                     program=speaking(self.folder, GOOD, 33),
                                     logs=self.folder / "logs")
        self.expect_problem(verdict.problems, "tests of the sources are not in the report")

    def test_missing_line(self):
        self.expect_problem(self.said(GOOD, 33, expect="lines = ^region name=pmem9"),
                            "no line of the report matches")

    def test_forbidden_line(self):
        self.expect_problem(self.said(GOOD, 33, expect="no-lines = ^region name=pmem0"),
                            "a line matches /^region name=pmem0/ and must not")

    def test_wrong_exit_status(self):
        self.expect_problem(self.said(GOOD, 35), "the exit status says failed")
        self.expect_problem(self.said(GOOD, 0), "exit status 0, expected one of the kernel's")

    def test_qemu_that_cannot_start(self):
        fake = program(self.folder, "echo 'no such machine' >&2; exit 1")
        problems = self.run_with(fake)
        self.expect_problem(problems, "exit status 1, expected one of the kernel's")
        self.expect_problem(problems, "no such machine")

    def test_qemu_that_is_not_there(self):
        self.expect_problem(self.run_with(str(self.folder / "none")), "could not be started")

    def test_qemu_that_is_killed(self):
        self.expect_problem(self.run_with(program(self.folder, "kill -9 $$")), "exit status -9")

    def test_kernel_that_is_not_built(self):
        self.kernel.unlink()
        self.expect_problem(self.said(GOOD, 33), "`make` builds it")


class Backing(Runs):
    """The fake program finds the backing files in its arguments, and writes to one of them."""

    WRITE = """
    for word; do case $word in memory-backend-file,id=m1,*)
        file=${word#*mem-path=}; file=${file%%,*};;
    esac; done
    """

    def test_one_changed_byte_is_found(self):
        write = self.WRITE + "printf '\\125\\252' | dd of=$file bs=1 seek=3000000 conv=notrunc"
        fake = program(self.folder, f"{write} 2>/dev/null\ncat '{self.folder}/good'\nexit 33")
        (self.folder / "good").write_text(GOOD, encoding="latin-1")
        nvdimms = "nvdimms =\n\tsize=1M\n\tsize=4M"
        self.expect_problem(self.run_with(fake, nvdimms, "unchanged = yes"),
                            "a forbidden write to NVDIMM 1: byte 0x2dc6c0")
        self.expect_problem(self.run_with(fake, nvdimms + " unchanged"), "a forbidden write")
        self.assertEqual(self.run_with(fake, nvdimms), [])
        self.assertEqual(self.run_with(fake, "nvdimms =\n\tsize=1M unchanged\n\tsize=4M"), [])

    def test_untouched_files_are_as_described(self):
        self.assertEqual(self.said(GOOD, 33, "nvdimms =\n\tsize=1M\n\tsize=4T", "unchanged = yes"),
                         [])


if __name__ == "__main__":
    unittest.main()
