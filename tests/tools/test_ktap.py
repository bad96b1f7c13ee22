# SPDX-License-Identifier: BSD-2-Clause
"""The parser takes a report by the rules, and names every way of breaking one."""

import unittest

from canned import ALL_SKIPPED, CRASHED, EMPTY, FAILED, GOOD, edited, without
from bifold import ktap


def parse(log):
    return ktap.parse(log.encode("latin-1"))


class GoodReports(unittest.TestCase):
    def test_everything_is_read(self):
        report = parse(GOOD)
        self.assertEqual(report.violations, [])
        self.assertEqual([(leaf.name, leaf.result) for leaf in report.leaves],
                         [("options.understood", "pass"), ("page.splits", "pass"),
                          ("page.collapses", "skip")])
        self.assertEqual(report.leaves[2].reason, "no area is free")
        self.assertEqual(report.suites, ["options", "page"])
        self.assertEqual(report.verdict(), "passed")

    def test_measurements_and_facts_are_read(self):
        report = parse(GOOD)
        self.assertEqual(report.measurements,
                         [ktap.Measurement("page.splits.latency", 120, "ns")])
        self.assertIn(("", {"seed": "7"}), report.facts)
        self.assertEqual(report.facts[1][0], "region")
        self.assertEqual(report.facts[1][1]["end"], "0x108000000")

    def test_line_ends_may_be_crlf(self):
        self.assertEqual(parse(GOOD.replace("\n", "\r\n")).violations, [])

    def test_the_boot_loader_may_leave_a_carriage_return(self):
        self.assertEqual(parse(edited("BIFOLD-TEST-START", "\rBIFOLD-TEST-START")).violations, [])

    def test_a_failure_is_a_failed_report_without_violations(self):
        self.assertEqual(parse(FAILED).violations, [])
        self.assertEqual(parse(FAILED).verdict(), "failed")

    def test_all_skipped_is_not_passed(self):
        self.assertEqual(parse(ALL_SKIPPED).violations, [])
        self.assertEqual(parse(ALL_SKIPPED).verdict(), "skipped")

    def test_a_failure_keeps_its_diagnostics(self):
        log = edited("  # R name=page.splits result=fail",
                     "  # mm/page.c:7: expected 1, found 2\n  # R name=page.splits result=fail",
                     FAILED)
        self.assertIn("mm/page.c:7: expected 1, found 2", parse(log).leaves[1].diagnostics)

    def test_a_driver_speaks_anywhere(self):
        said = "# nvme0n1: read error at sector 800\n"
        for line in ("  # R name=page.splits result=fail", "not ok 2 page"):
            report = parse(edited(line, said + line, FAILED))
            self.assertEqual(report.violations, [])
            self.assertIn("nvme0n1: read error at sector 800", report.lines)

    def test_a_bail_out_is_a_failed_run(self):
        report = parse(CRASHED)
        self.assertEqual(report.violations, [])
        self.assertEqual(report.bail_out, "page fault")
        self.assertEqual(report.verdict(), "failed")

    def test_a_bail_out_before_any_test_is_a_failed_run(self):
        report = parse("BIFOLD-TEST-START 1\nKTAP version 1\n1..2\nBail out! no memory\n")
        self.assertEqual((report.bail_out, report.verdict()), ("no memory", "failed"))

    def test_nothing_but_the_options_is_no_verdict(self):
        self.assertIsNone(parse(EMPTY).verdict())
        start, rest = GOOD.index("  KTAP version 1\n  # Subtest: page"), GOOD.index("# Totals")
        self.assertIsNone(parse(GOOD[:start] + GOOD[rest:]).verdict())

    def test_lines_are_kept_without_their_frame(self):
        lines = parse(CRASHED).lines
        self.assertIn("seed=7", lines)
        self.assertIn("ok 1 understood", lines)
        self.assertEqual(lines[-2:], ["BUG: page fault, write to 0x0", "Bail out! page fault"])


# Name of the case, the broken log, and what the violation must say.
BROKEN = [
    ("nothing", "", "the run never began"),
    ("no_start", GOOD.replace("BIFOLD-TEST-START 1\n", ""), "the run never began"),
    ("start_twice", GOOD + "BIFOLD-TEST-START 1\n", "a second time"),
    ("end_twice", GOOD + "BIFOLD-TEST-END 1\n", "a second time"),
    ("format_2", edited("TEST-START 1", "TEST-START 2"), "expected the line"),
    ("text_before_start", edited("BIFOLD-TEST-START", "grub> BIFOLD-TEST-START"),
     "expected the line"),
    ("cut_off", GOOD[:GOOD.index("ok 2 page")], "the report is cut off"),
    ("cut_inside_a_line", GOOD[:GOOD.index("collapses # SKIP")], "the report is cut off"),
    ("only_the_end_lost", without("BIFOLD-TEST-END 1"), "the report is cut off"),
    ("end_before_start", "BIFOLD-TEST-END 1\n" + without("BIFOLD-TEST-END 1"),
     "before the start marker"),
    ("text_after_end", GOOD + "\nrebooting\n", "text after the end marker"),
    ("end_after_bail_out", CRASHED + "BIFOLD-TEST-END 1\n", "although the run bailed out"),
    ("no_version", edited("START 1\nKTAP version 1\n", "START 1\n"), "expected 'KTAP version 1'"),
    ("version_2", edited("START 1\nKTAP version 1", "START 1\nKTAP version 2"),
     "expected 'KTAP version 1'"),
    ("no_plan", without("1..2\n# seed=7"), "expected the plan"),
    ("plan_late", edited("1..2\n# seed=7", "# seed=7\n1..2"), "expected the plan"),
    ("plan_too_high", edited("1..2\n# seed", "1..3\n# seed"), "planned 3 results, found 2"),
    ("plan_too_low", edited("1..2\n# seed", "1..1\n# seed"), "planned 1 results, found 2"),
    ("nested_plan", edited("  1..2", "  1..3"), "page: planned 3 results, found 2"),
    ("gap", edited("ok 2 collapses", "ok 3 collapses"), "expected result number 2, found 3"),
    ("gap_at_the_top", edited("ok 2 page", "ok 3 page"), "expected result number 2, found 3"),
    ("number_0", edited("ok 1 options", "ok 0 options"), "expected result number 1, found 0"),
    ("no_subtest_name", without("  # Subtest: page"), "expected '# Subtest: NAME'"),
    ("parent_of_another_name", edited("ok 2 page", "ok 2 pages"), "names pages"),
    ("parent_passes_over_a_failure", edited("not ok 2 page", "ok 2 page", FAILED),
     "the subtest says pass, its children say fail"),
    ("parent_fails_alone", edited("ok 2 page", "not ok 2 page"),
     "the subtest says fail, its children say pass"),
    ("parent_passes_over_skips",
     edited("ok 1 page # SKIP all were skipped", "ok 1 page", ALL_SKIPPED),
     "the subtest says pass, its children say skip"),
    ("parent_skips_over_a_pass", edited("ok 2 page", "ok 2 page # SKIP no"),
     "the subtest says skip, its children say pass"),
    ("no_parent_line", without("ok 1 options"), "the subtest options has no result line"),
    ("no_last_parent_line", without("ok 2 page"), "the subtest page has no result line"),
    ("noise", edited("# seed=7", "# seed=7\nhello"), "not a line of a report: 'hello'"),
    ("blank_line", edited("# seed=7", "# seed=7\n"), "not a line of a report: ''"),
    ("noise_in_a_subtest", edited("  1..2", "  1..2\n  hello"), "not a line of a report"),
    ("wrong_indent", edited("  # R name=page.collapses", "    # R name=page.collapses"),
     "indented by 4, expected 2"),
    ("unindented", edited("  # R name=page.collapses", "# R name=page.collapses"),
     "indented by 2, expected 0"),
    ("no_blank_after_hash", edited("# seed=7", "#seed=7"), "not a line of a report"),
    ("tab", edited("# seed=7", "# seed=\t7"), "not printable ASCII"),
    ("colour", edited("# seed=7", "# \x1b[31mseed=7"), "not printable ASCII"),
    ("not_ascii", edited("# seed=7", "# seed=\xb5"), "not printable ASCII"),
    ("bare_cr", edited("# seed=7", "# seed\r=7"), "not printable ASCII"),
    ("reserved_phrase", edited("# seed=7", "# a KTAP version 1 report"), "a reserved phrase"),
    ("hash_in_a_result", edited("ok 1 splits", "ok 1 splits #fast"), "not a line of a report"),
    ("unknown_directive", edited("ok 1 splits", "ok 1 splits # TODO later"),
     "not a line of a report"),
    ("failed_and_skipped", edited("ok 2 collapses # SKIP", "not ok 2 collapses # SKIP"),
     "cannot be skipped"),
    ("skip_without_reason", edited("# SKIP no area is free", "# SKIP"), "without a reason"),
    ("name_in_capitals", GOOD.replace("splits", "Splits"), "a name outside"),
    ("name_in_capitals_on_a_result", edited("ok 2 page", "ok 2 Page"), "a name outside"),
    ("name_in_capitals_of_a_measurement", edited("splits.latency", "splits.Latency"),
     "a name outside"),
    ("measured_twice",
     edited("  # R name=page.splits result=pass",
            "  # R name=page.splits.latency result=pass value=1 units=ns\n"
            "  # R name=page.splits result=pass"), "is taken already"),
    ("subtest_without_results",
     edited("  # Subtest: page", "  # Subtest: none\n  1..0\nok 2 none\n  KTAP version 1\n"
            "  # Subtest: page"), "none: a subtest without results"),
    ("r_line_of_a_parent", edited("ok 2 page", "# R name=page result=pass\nok 2 page"),
     "a '# R' line without a result of its own"),
    ("same_name_twice", edited("ok 2 collapses # SKIP no area is free", "ok 2 splits")
     .replace("page.collapses result=skip", "page.splits result=pass"), "is taken already"),
    ("names_that_collide", GOOD.replace("collapses", "a.b").replace("splits", "a-b"),
     "is taken already"),
    ("no_r_line", without("  # R name=page.splits result=pass"), "expected one line '# R"),
    ("r_line_disagrees", edited("page.splits result=pass", "page.splits result=fail"),
     "found page.splits fail"),
    ("r_line_of_another_test", edited("page.collapses result", "page.folds result"),
     "found page.folds skip"),
    ("r_line_after_its_result",
     edited("  # R name=page.splits result=pass\n  ok 1 splits",
            "  ok 1 splits\n  # R name=page.splits result=pass"), "expected one line '# R"),
    ("r_line_alone", edited("ok 2 page", "  # R name=page.last result=pass\nok 2 page"),
     "not followed by its result line"),
    ("r_line_malformed", edited("value=120 units=ns", "value=120"), "expected '# R name="),
    ("r_line_unknown_result", edited("page.splits result=pass", "page.splits result=good"),
     "expected '# R name="),
    ("no_totals", without("# Totals: pass:2 fail:0 xfail:0 xpass:0 skip:1 error:0"),
     "expected one Totals line"),
    ("wrong_totals", edited("pass:2", "pass:3"), "expected one Totals line"),
    ("no_summary", without("SUMMARY: 3 tests, 1 skipped"), "expected one SUMMARY line"),
    ("wrong_summary", edited("3 tests", "4 tests"), "expected one SUMMARY line"),
    ("summary_without_the_skip", edited("3 tests, 1 skipped", "3 tests"),
     "expected one SUMMARY line"),
]


class BrokenReports(unittest.TestCase):
    """One test for each row of BROKEN, and:"""

    def test_a_violation_names_its_line(self):
        self.assertEqual(parse(edited("# seed=7", "oops")).violations,
                         ["line 5: not a line of a report: 'oops'"])

    def test_a_report_cut_off_between_lines_has_no_other_fault(self):
        self.assertEqual(parse(without("BIFOLD-TEST-END 1")).violations,
                         ["no line 'BIFOLD-TEST-END 1': the report is cut off"])


def _case(log, says):
    def test(self):
        violations = parse(log).violations
        self.assertTrue(any(says in violation for violation in violations),
                        f"expected a violation with {says!r}, found {violations}")
    return test


for _name, _log, _says in BROKEN:
    setattr(BrokenReports, f"test_{_name}", _case(_log, _says))


class Rubbish(unittest.TestCase):
    def test_no_prefix_of_a_report_passes(self):
        for length in range(len(GOOD) - 1):
            report = parse(GOOD[:length])
            self.assertTrue(report.violations, f"the first {length} characters passed")

    def test_no_log_raises(self):
        rows = GOOD.split("\n")
        for dropped in range(len(rows)):
            for again in range(len(rows)):
                parse("\n".join(rows[:dropped] + rows[dropped + 1:] + rows[again:again + 2]))


if __name__ == "__main__":
    unittest.main()
