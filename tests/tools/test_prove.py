# SPDX-License-Identifier: BSD-2-Clause
"""What `make prove` rests on, as far as it needs no prover: the facts about words, computed with
Python's own integers, and a contract and a mistake for each transition."""

import contextlib
import io
import itertools
import re
import sys
import unittest

from canned import ROOT

sys.path.insert(0, str(ROOT / "tests" / "proofs"))
import facts  # pylint: disable=wrong-import-position
import prove  # pylint: disable=wrong-import-position

FACTS = facts.read_facts((ROOT / prove.FACTS).read_text())
CODE = (ROOT / prove.CODE).read_text()

# Fields at the ends of their ranges, and masks as the code has them.
WORDS = sorted({owner << 32 | pins << 12 | flags
                for owner in (0, 1, 0x7fff, 0xffff0000, 0xffffffff)
                for pins in (0, 1, 0x80000, 0xffffe, 0xfffff)
                for flags in (0, 1, 4, 0x10, 0x51, 0xff7, 0xfff)} | set(range(44, 70)))


def to_signed(bits, value):
    value &= (1 << bits) - 1
    return value - (value >> bits - 1 << bits)


def holds(fact, words):
    """Whether a fact is true of these words: C's operators are Python's but for a few."""
    def python(text):
        for c, like in (("<==>", "=="), ("&&", " and "), ("||", " or "), ("/", "//")):
            text = text.replace(c, like)
        text = re.sub(r"\((u?int\d+_t)\)", r"\1", text)
        return " ".join(text.split())

    names = {"uint64_t": lambda x: x & (1 << 64) - 1, "uint32_t": lambda x: x & (1 << 32) - 1,
             "int64_t": lambda x: to_signed(64, x), **words}
    for name, (parameter, body) in fact.functions.items():
        names[name] = eval(f"lambda {parameter}: {python(body)}")  # pylint: disable=eval-used
    return (not all(eval(python(p), dict(names)) for p in fact.premises)  # pylint: disable=eval-used
            or bool(eval(python(fact.claim), dict(names))))  # pylint: disable=eval-used


def samples(fact):
    """Words for its variables, as many as are quick."""
    few = WORDS[::max(1, len(WORDS) // 25)] if len(fact.variables) > 1 else WORDS
    for values in itertools.product(few, repeat=len(fact.variables)):
        yield dict(zip(fact.variables, values))


class Facts(unittest.TestCase):
    def test_each_is_true(self):
        for fact in FACTS:
            with self.subTest(fact.name):
                wrong = [words for words in samples(fact) if not holds(fact, words)]
                self.assertEqual(wrong[:1], [])

    def test_a_false_one_is_noticed(self):
        false, = facts.read_facts("axiom off: \\forall uint64_t w; w > 0 ==> (w & 0xfff) <= 0xffe;")
        self.assertFalse(all(holds(false, words) for words in samples(false)))

    def test_one_that_is_not_understood_is_not_left_out(self):
        with self.assertRaises(ValueError):
            facts.read_facts("axiom a: 1 == 1;\naxiom b 2 == 2;")

    def test_they_become_bit_vectors(self):
        fact, = facts.read_facts("axiom a: \\forall uint32_t v; v > 0 ==> (v & 1) <= 1;")
        v = "((_ zero_extend 96) v)"
        self.assertEqual(facts.to_smt(fact).splitlines(), [
            "(set-logic QF_BV)",
            "(declare-const v (_ BitVec 32))",
            f"(assert (bvsgt {v} (_ bv0 128)))",
            f"(assert (not (bvsle (bvand {v} (_ bv1 128)) (_ bv1 128))))",
            "(check-sat)"])


class Contracts(unittest.TestCase):
    def test_each_transition_has_one(self):
        names = prove.transitions(CODE)
        self.assertIn("word_pin", names)
        self.assertTrue(prove.all_contracts_are_there(names))
        with contextlib.redirect_stdout(io.StringIO()) as output:
            self.assertFalse(prove.all_contracts_are_there(["word_unheard_of"]))
        self.assertIn("word_unheard_of", output.getvalue())

    def test_each_transition_has_a_mistake_that_fits(self):
        for name in prove.transitions(CODE):
            with self.subTest(name):
                self.assertNotEqual(prove.with_mistake(CODE, name), CODE)


if __name__ == "__main__":
    unittest.main()
