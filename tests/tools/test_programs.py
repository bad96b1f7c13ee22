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


class TestProgram(unittest.TestCase):
    """A project of its own in a temporary folder, with a copy of the tools."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        for path in ("tools", "tests/machines", "tests/tools"):
            (self.root / path).mkdir(parents=True)
        shutil.copytree(ROOT / "tools/bifold", self.root / "tools/bifold",
                        ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "tools/test", self.root / "tools")

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

    def run_test(self, *arguments):
        """(exit status, lines of standard output)"""
        done = subprocess.run([sys.executable, "tools/test", *arguments], cwd=self.root,
                              capture_output=True, text=True, timeout=60, check=False)
        self.errors = done.stderr
        return done.returncode, done.stdout.splitlines()

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
