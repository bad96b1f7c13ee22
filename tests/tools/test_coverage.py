# SPDX-License-Identifier: BSD-2-Clause
"""What gcov counts is merged, and what nobody reaches wants a reason, which must not outlive it."""

import unittest

from canned import ROOT  # first, since it makes tools/ a place to import from
from bifold import coverage, sources

SOURCE = ["int f(int x)", "{", "\tif (x)", "\t\treturn 1;", "\treturn 2;", "}"]


def report(*lines):
    """One object's, of (number, count, counts of branches)."""
    return {"files": [{"file": "mm/f.c", "lines": [
        {"line_number": number, "count": count, "branches": [{"count": c} for c in branches]}
        for number, count, branches in lines]}]}


class Coverage(unittest.TestCase):
    def gaps(self, *lines):
        files = coverage.merge([report(*lines)], "mm/")
        return list(coverage.gaps("mm/f.c", files["mm/f.c"], SOURCE))

    def test_counts_of_objects_add_up(self):
        files = coverage.merge([report((3, 1, [1, 0])), report((3, 2, [0, 2]))], "mm/")
        self.assertEqual(files["mm/f.c"], {3: (3, [1, 2])})

    def test_objects_must_agree(self):
        with self.assertRaisesRegex(ValueError, "mm/f.c:3: 2 and 1 branches"):
            coverage.merge([report((3, 1, [1, 0])), report((3, 1, [1]))], "mm/")

    def test_other_folders_are_left_out(self):
        self.assertEqual(coverage.merge([report((3, 1, []))], "drivers/"), {})

    def test_shares_are_of_lines_and_of_branches(self):
        lines, branches = coverage.shares([(1, [1, 0]), (0, [0, 0]), (2, [])])
        self.assertEqual((lines, branches), ((2, 3), (1, 4)))

    def test_a_branch_and_what_is_behind_it_is_one_gap(self):
        self.assertEqual(self.gaps((1, 1, []), (3, 1, [0, 1]), (4, 0, []), (5, 1, [])),
                         [("mm/f.c", 3, "if (x)")])

    def test_a_line_that_does_not_run_is_a_gap(self):
        self.assertEqual(self.gaps((1, 1, []), (3, 1, [1, 1]), (4, 0, []), (5, 1, [])),
                         [("mm/f.c", 4, "return 1;")])

    def test_all_reached_is_no_gap(self):
        self.assertEqual(self.gaps((3, 2, [1, 1]), (4, 1, [])), [])

    def test_a_gap_wants_a_reason_and_a_reason_a_gap(self):
        gap = coverage.Gap("mm/f.c", 3, "if (x)")
        reasons = coverage.read_reasons("# Why.\n\n[mm/f.c]\nif (x)\n    Nobody\n    can.\n")
        self.assertEqual(reasons, {("mm/f.c", "if (x)"): "Nobody can."})
        self.assertEqual(list(coverage.compare([gap], reasons)), [])
        self.assertIn("mm/f.c:3: no test reaches", next(coverage.compare([gap], {})))
        self.assertIn("needs no reason: if (x)", next(coverage.compare([], reasons)))

    def test_what_is_reached_sometimes_may_be(self):
        reasons = coverage.read_reasons("[mm/f.c]\nif (x)\n    Sometimes: it rains.\n")
        self.assertEqual(list(coverage.compare([], reasons)), [])

    def test_a_reason_must_be_given(self):
        for text in ("[mm/f.c]\nif (x)\n", "[mm/f.c]\n    Why.\n", "if (x)\n    Why.\n",
                     "[mm/f.c]\nif (x)\n    Why.\nif (x)\n    Why.\n"):
            with self.assertRaises(ValueError, msg=text):
                coverage.read_reasons(text)

    def test_tests_on_all_cpus_are_left_out(self):
        selections = sources.selections_of_one_cpu(ROOT)
        selected = ",".join(selections).split(",")
        self.assertLessEqual(max(map(len, selections)), 512)
        self.assertIn("page", selected)
        self.assertIn("step", selected)
        self.assertIn("alloc.all_memory_can_be_had", selected)
        for left_out in ("alloc", "alloc.tables_at_hand_come_back", "stress", "cpus", "cost"):
            self.assertNotIn(left_out, selected)


if __name__ == "__main__":
    unittest.main()
