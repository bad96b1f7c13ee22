# SPDX-License-Identifier: BSD-2-Clause
"""What a run measured is compared with its record; only a command changes the record."""

import unittest

from canned import FAILED, GOOD
from test_programs import Project

FIGURE = "page.splits.latency"      # 120 ns in GOOD
AGAIN = "`tools/run-machine --update-record canned`"


class Records(Project):
    def setUp(self):
        super().setUp()
        self.record = self.root / "tests/canned.record"
        self.canned(GOOD, 0)

    def canned(self, log, status):
        self.machine("canned", log, status)
        with open(self.root / "tests/machines/canned.ini", "a", encoding="ascii") as stream:
            stream.write("record = tests/canned.record\n")

    def run_with(self, *recorded):
        """(exit status, output) of a run where this is recorded."""
        self.record.write_text("# Figures.\n\n" + "".join(line + "\n" for line in recorded),
                               encoding="ascii")
        status, lines = self.run_program("run-machine", "canned")
        return status, "\n".join(lines)

    def expect_red(self, says, *recorded):
        status, text = self.run_with(*recorded)
        self.assertEqual(status, 1)
        self.assertIn(says, text)
        self.assertIn(AGAIN, text)

    def test_what_is_recorded_is_as_described(self):
        for value in (118, 120, 122):
            status, text = self.run_with(f"{FIGURE} {value} ns")
            self.assertEqual(status, 0)
            self.assertEqual(len(text.splitlines()), 1, text)

    def test_more_than_two_percent_above_is_red(self):
        self.expect_red(f"{FIGURE}: 117 ns recorded, 120 found (+2.6 %)", f"{FIGURE} 117 ns")
        self.expect_red(f"{FIGURE}: 0 ns recorded, 120 found", f"{FIGURE} 0 ns")

    def test_more_than_two_percent_below_is_told(self):
        status, text = self.run_with(f"{FIGURE} 123 ns")
        self.assertEqual(status, 0)
        told = f"note: {FIGURE}: 123 ns recorded, 120 found (-2.4 %); {AGAIN}"
        self.assertIn(told, text)
        status, lines = self.run_test()
        self.assertEqual(status, 0)
        self.assertIn(told, "\n".join(lines))

    def test_a_figure_that_is_not_recorded_is_red(self):
        self.expect_red(f"measured, and not in the record: {FIGURE} in ns")

    def test_a_figure_that_is_not_measured_is_red(self):
        self.expect_red("recorded, and not measured: page.gone in ns, page.lost in ns",
                        f"{FIGURE} 120 ns", "page.lost 7 ns", "page.gone 7 ns")

    def test_other_units_are_red(self):
        self.expect_red(f"recorded, and not measured: {FIGURE} in us", f"{FIGURE} 120 us")

    def test_a_record_that_cannot_be_read_is_red(self):
        for line in ("{0} 120", "{0} 120 ns more", "{0} 12.5 ns", "{0} -1 ns", "{0} +1 ns"):
            self.expect_red("canned.record:3: expected NAME VALUE UNITS", line.format(FIGURE))
        self.expect_red(f"canned.record:4: {FIGURE} stands a second time", f"{FIGURE} 120 ns",
                        f"{FIGURE} 120 ns")

    def test_a_record_that_is_not_there_is_red(self):
        status, lines = self.run_program("run-machine", "canned")
        self.assertEqual(status, 1)
        self.assertIn(AGAIN, "\n".join(lines))

    def test_an_update_makes_the_record(self):
        for _ in range(2):
            status, _ = self.run_program("run-machine", "--update-record", "canned")
            self.assertEqual(status, 0)
            text = self.record.read_text(encoding="ascii")
            self.assertIn("tools/run-machine --update-record canned\n", text)
            self.assertEqual(text.splitlines()[-1], f"{FIGURE} 120 ns")
            self.assertEqual(self.run_program("run-machine", "canned")[0], 0)
            self.record.write_text(f"{FIGURE} 1 ns\n", encoding="ascii")

    def test_a_record_is_sorted(self):
        line = f"  # R name={FIGURE} result=pass value=120 units=ns\n"
        self.canned(GOOD.replace(line, line + line.replace(FIGURE, "page.area")), 0)
        self.run_program("run-machine", "--update-record", "canned")
        self.assertEqual(self.record.read_text(encoding="ascii").splitlines()[-2:],
                         ["page.area 120 ns", f"{FIGURE} 120 ns"])

    def test_a_run_gone_wrong_makes_no_record(self):
        self.canned(FAILED, 1)
        self.record.write_text(f"{FIGURE} 1 ns\n", encoding="ascii")
        self.assertEqual(self.run_program("run-machine", "--update-record", "canned")[0], 1)
        self.assertEqual(self.record.read_text(encoding="ascii"), f"{FIGURE} 1 ns\n")

    def test_nothing_else_makes_a_record(self):
        self.run_program("run-machine", "canned")
        self.run_test()
        self.assertFalse(self.record.exists())

    def test_an_update_needs_a_machine_with_a_record(self):
        self.machine("good", GOOD, 0)
        self.assertEqual(self.run_program("run-machine", "--update-record", "good")[0], 2)
        self.assertIn("has no `record`", self.errors)

    def test_an_update_takes_no_other_options(self):
        self.assertEqual(self.run_program("run-machine", "--update-record", "--options", "seed=1",
                                          "canned")[0], 2)
        self.assertFalse(self.record.exists())


if __name__ == "__main__":
    unittest.main()
