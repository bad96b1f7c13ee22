# SPDX-License-Identifier: BSD-2-Clause
"""The model of split, collapse, pins and poison holds, and shows it when a precaution is left out.
`make model` searches longer."""

import sys
import unittest

from canned import ROOT

sys.path.insert(0, str(ROOT / "tests" / "proofs"))
import model  # pylint: disable=wrong-import-position


class Model(unittest.TestCase):
    def test_holds(self):
        for setting in model.SHORT:
            with self.subTest(setting.name):
                outcome = model.search(setting)
                self.assertTrue(outcome.complete, outcome.output[-2000:])


def finds(setting):
    def test(self):
        outcome = model.search(setting)
        self.assertTrue(outcome.violation, outcome.output[-2000:])
    return test


for each in model.BROKEN:
    setattr(Model, f"test_finds_left_out_{each.leave_out.lower()}", finds(each))
