# SPDX-License-Identifier: BSD-2-Clause
"""tools/test and tools/report as programs: what they print last, and with which status they end."""

import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from canned import CRASHED, EMPTY, FAILED, GOOD, ROOT

MACHINE = """\
[machine]
purpose = A program that prints a report.
boot = program
program = {program}
bound = 20
[expect]
exit = passed
suites = options page
skip = page.collapses
"""

UNIT_TESTS = """\
import unittest
class Some(unittest.TestCase):
    def test_good(self):
        pass
    {more}
"""


class Project(unittest.TestCase):
    """A project of its own in a temporary folder, with a copy of the tools."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        for path in ("tools", "tests/machines", "tests/tools"):
            (self.root / path).mkdir(parents=True)
        shutil.copytree(ROOT / "tools/bifold", self.root / "tools/bifold",
                        ignore=shutil.ignore_patterns("__pycache__"))
        for program in ("test", "run-machine"):
            shutil.copy(ROOT / "tools" / program, self.root / "tools")

    def machine(self, name, log, status):
        (self.root / name).write_text(f"#!/bin/sh\ncat '{self.root}/{name}.txt'\nexit {status}\n",
                                      encoding="ascii")
        (self.root / name).chmod(0o755)
        (self.root / f"{name}.txt").write_text(log, encoding="latin-1")
        (self.root / f"tests/machines/{name}.ini").write_text(MACHINE.format(program=name),
                                                              encoding="ascii")

    def gate(self, name, body):
        path = self.root / "tools" / name
        path.write_text("#!/bin/sh\n" + body + "\n", encoding="ascii")
        path.chmod(0o755)

    def unit_tests(self, more):
        (self.root / "tests/tools/test_some.py").write_text(UNIT_TESTS.format(more=more),
                                                            encoding="ascii")

    def run_program(self, program, *arguments):
        """(exit status, lines of standard output)"""
        done = subprocess.run([sys.executable, f"tools/{program}", *arguments], cwd=self.root,
                              capture_output=True, text=True, timeout=60, check=False)
        self.errors = done.stderr
        return done.returncode, done.stdout.splitlines()

    def run_test(self, *arguments):
        return self.run_program("test", *arguments)


class TestProgram(Project):
    def test_all_good(self):
        self.machine("good", GOOD, 0)
        self.gate("check-good", "exit 0")
        self.unit_tests("")
        status, lines = self.run_test()
        self.assertEqual((status, lines[-1]), (0, "6 passed, 0 failed, 1 skipped"))
        self.assertTrue((self.root / "build/logs/good.xml").is_file())

    def test_a_failed_machine(self):
        self.machine("good", GOOD, 0)
        self.machine("bad", FAILED, 1)
        status, lines = self.run_test()
        self.assertEqual((status, lines[-1]), (1, "4 passed, 2 failed, 2 skipped"))
        self.assertTrue(any("page.splits: " in line for line in lines), lines)

    def test_a_crashed_machine(self):
        self.machine("bad", CRASHED, 1)
        self.assertEqual(self.run_test()[0], 1)

    def test_the_log_is_shown_where_it_was_cut_off(self):
        for log, shown in ((FAILED, False), (GOOD[:GOOD.index("ok 2 page")], True)):
            self.machine("bad", log, 1)
            text = "\n".join(self.run_test()[1])
            self.assertEqual("the last lines of build/logs/bad.log:" in text, shown)
            self.assertEqual("\n      ok 1 splits" in text, shown)

    def test_an_unreadable_description(self):
        self.machine("good", GOOD, 0)
        (self.root / "tests/machines/bad.ini").write_text("[machine]\n", encoding="ascii")
        status, lines = self.run_test()
        self.assertEqual((status, lines[-1]), (1, "3 passed, 1 failed, 1 skipped"))

    def test_a_red_gate_shows_its_message(self):
        self.gate("check-bad", "echo 'mm/page.c:3: what to do' >&2; exit 1")
        status, lines = self.run_test()
        self.assertEqual((status, lines[-1]), (1, "0 passed, 1 failed, 0 skipped"))
        self.assertTrue(any("mm/page.c:3: what to do" in line for line in lines), lines)

    def test_a_gate_that_cannot_run(self):
        self.gate("check-bad", "exit 0")
        (self.root / "tools/check-bad").chmod(0o644)
        self.assertEqual(self.run_test()[0], 1)

    def test_failed_unit_tests(self):
        for more in ("def test_bad(self): self.fail('why')",
                     "def test_bad(self): raise KeyError('why')",
                     "def test_bad(self):\n        with self.subTest(): self.fail('why')"):
            self.unit_tests(more)
            status, lines = self.run_test()
            self.assertEqual((status, lines[-1]), (1, "1 passed, 2 failed, 0 skipped"))
            self.assertTrue(any("why" in line for line in lines), lines)

    def test_unit_tests_that_skip_are_not_expected(self):
        self.unit_tests("@unittest.skip('no time')\n    def test_some(self): pass")
        status, lines = self.run_test()
        self.assertEqual((status, lines[-1]), (1, "1 passed, 2 failed, 0 skipped"))
        self.assertTrue(any("skipped unexpectedly: no time" in line for line in lines), lines)

    def test_unit_tests_that_are_expected_to_fail(self):
        self.unit_tests("@unittest.expectedFailure\n    def test_some(self): self.fail()")
        self.assertEqual(self.run_test()[1][-1], "3 passed, 0 failed, 0 skipped")
        self.unit_tests("@unittest.expectedFailure\n    def test_some(self): pass")
        self.assertEqual(self.run_test()[1][-1], "1 passed, 2 failed, 0 skipped")

    def test_unit_tests_that_do_not_load(self):
        (self.root / "tests/tools/test_some.py").write_text("import nothing_of_this_name\n",
                                                            encoding="ascii")
        self.assertEqual(self.run_test()[0], 1)

    def test_a_file_without_unit_tests(self):
        (self.root / "tests/tools/test_some.py").write_text("", encoding="ascii")
        self.assertEqual(self.run_test()[0], 1)

    def test_nothing_to_run(self):
        status, lines = self.run_test()
        self.assertEqual((status, lines[-1]), (2, "0 passed, 0 failed, 0 skipped"))

    def test_patterns_select(self):
        self.machine("good", GOOD, 0)
        self.machine("bad", FAILED, 1)
        for pattern in ("good", "machines/good", "*od"):
            self.assertEqual(self.run_test(pattern)[0], 0)

    def test_a_pattern_that_selects_nothing(self):
        self.machine("good", GOOD, 0)
        self.assertEqual(self.run_test("goood")[0], 2)
        self.assertIn("no item is named 'goood'", self.errors)

    def test_list_runs_nothing(self):
        self.machine("bad", FAILED, 1)
        self.assertEqual(self.run_test("--list"), (0, ["machines/bad"]))


class RunMachineProgram(Project):
    def test_a_machine_as_described(self):
        self.machine("good", GOOD, 0)
        status, lines = self.run_program("run-machine", "good")
        self.assertEqual((status, len(lines)), (0, 1))
        self.assertTrue(lines[0].startswith("good: 3 passed, 0 failed, 1 skipped, "), lines)

    def test_a_machine_not_as_described(self):
        self.machine("bad", FAILED, 1)
        status, lines = self.run_program("run-machine", "tests/machines/bad.ini")
        self.assertEqual(status, 1)
        self.assertTrue(any("page.splits: " in line for line in lines), lines)

    def test_a_program_that_is_not_built(self):
        self.machine("bad", GOOD, 0)
        (self.root / "bad").unlink()
        status, lines = self.run_program("run-machine", "bad")
        self.assertEqual(status, 1)
        self.assertTrue(any("`make` builds it" in line for line in lines), lines)

    def test_a_machine_that_is_not_described(self):
        status, lines = self.run_program("run-machine", "none")
        self.assertEqual((status, lines), (2, []))
        self.assertIn("tests/machines/none.ini: not there", self.errors)

    def test_live_shows_the_log_without_control_characters(self):
        self.machine("good", GOOD, 0)
        _, lines = self.run_program("run-machine", "--live", "good")
        self.assertEqual(lines[:2], ["SeaBIOS (version 1.16)", "BIFOLD-TEST-START 1"])

    def test_a_copy_of_the_log(self):
        self.machine("good", GOOD, 0)
        self.run_program("run-machine", "-o", "copy", "good")
        self.assertEqual((self.root / "copy").read_bytes(), GOOD.encode("latin-1"))

    def test_keep_leaves_the_command(self):
        self.machine("good", GOOD, 0)
        self.run_program("run-machine", "--keep", "good")
        kept = list((self.root / "build").glob("good.*/command"))
        self.assertEqual([path.read_text() for path in kept], [f"{self.root}/good\n"])

    def test_other_options_want_all_to_pass(self):
        self.machine("bad", FAILED, 1)
        self.assertEqual(self.run_program("run-machine", "--options", "seed=1", "bad")[0], 1)
        passing = GOOD.replace("skip:1", "skip:0").replace("pass:2", "pass:3")
        passing = passing.replace("3 tests, 1 skipped", "3 tests").replace(
            "collapses result=skip", "collapses result=pass").replace(
            "collapses # SKIP no area is free", "collapses")
        self.machine("good", passing, 0)
        self.assertEqual(self.run_program("run-machine", "good")[0], 1)
        self.assertEqual(self.run_program("run-machine", "--options", "seed=1", "good")[0], 0)


class ReportProgram(unittest.TestCase):
    def report(self, log):
        return subprocess.run([sys.executable, ROOT / "tools/report", "-"], check=False,
                              input=log.encode("latin-1"), capture_output=True, timeout=60)

    def test_exit_status(self):
        self.assertEqual(self.report(GOOD).returncode, 0)
        for log in (FAILED, CRASHED, EMPTY, GOOD[:200], ""):
            self.assertEqual(self.report(log).returncode, 1)

    def test_output(self):
        lines = self.report(GOOD).stdout.decode().splitlines()
        self.assertEqual(lines, ["skip   page.collapses: no area is free",
                                 "value  page.splits.latency = 120 ns",
                                 "2 passed, 0 failed, 1 skipped"])


if __name__ == "__main__":
    unittest.main()
