#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Proves the contracts of the transitions (page_word.c) for mm/page_word.h with Frama-C's WP.

First the facts about 64-bit words that the proofs rest on (word_fields.h) are decided as bit vectors,
each by two solvers; then each function is proved. --mutants proves again with one mistake at a time
in a copy of mm/page_word.h: each must make a proof fail. Installs nothing: tools/setup prove does.
Exit status: 0 all is proved; 1 not; 2 a program is missing.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from facts import read_facts, to_smt

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CODE = Path("mm/page_word.h")
CONTRACTS = Path("tests/proofs/page_word.c")
FACTS = Path("tests/proofs/word_fields.h")
PROGRAMS = ("frama-c", "why3", "cvc4", "z3")
SOLVERS = {"z3": ["z3", "-in"], "cvc4": ["cvc4", "--lang=smt2"]}
GOAL_SECONDS = 10         # for one prover and one goal
BOUND = 1200                # for one function

# One mistake in each function: what stands there, what stands there instead.
MUTANTS = {
    "word_pins": ("(word & WORD_PINS) >> WORD_PIN_SHIFT", "(word & WORD_PINS) >> (WORD_PIN_SHIFT + 1)"),
    "word_owner": ("word >> WORD_OWNER_SHIFT", "word >> (WORD_OWNER_SHIFT - 1)"),
    "word_touched": ("index / PAGES_PER_TOUCHED", "index / (PAGES_PER_TOUCHED + 1)"),
    "word_table": ("(word << 16) >> 16", "(word << 15) >> 15"),
    "word_is_free": ("WORD_FLAGS & ~(word_t)WORD_DIRTY", "WORD_FLAGS & ~(word_t)WORD_LOCKED"),
    "word_pin": ("(uint32_t)word < WORD_PINS_MAX << WORD_PIN_SHIFT",
                 "(uint32_t)word <= WORD_PINS_MAX << WORD_PIN_SHIFT"),
    "word_unpin": (" || word_pins(word) == 0)", ")"),
    "word_lock": ("word_pins(word) == 0", "word_pins(word) != 1"),
    "word_unlock": ("word & ~(word_t)WORD_LOCKED;", "word & ~(word_t)(WORD_LOCKED | WORD_DIRTY);"),
    "word_with_owner": ("WORD_PINS | WORD_FLAGS", "WORD_FLAGS"),
    "word_heal_begin": ("| WORD_HEALING", ""),
    "word_heal_end": ("(bad ? WORD_POISONED : 0)", "(bad ? WORD_HEALING : 0)"),
    "word_allocate": ("*next = WORD_ALLOCATED;", "*next = WORD_ALLOCATED | (word & WORD_DIRTY);"),
    "word_hold": ("return -ENOENT;", "return -EIO;"),
    "word_pin_free": ("if (!word_is_free(word))", "if (word & WORD_TAKEN)"),
    "word_release": ("word_pins(word) != 1", "word_pins(word) > 2"),
    "word_reuse": ("return -EIO;", "*next = word;"),
    "word_disowned": ("WORD_OUT_OF_USE | ", ""),
    "word_inherited": ("WORD_PINS | WORD_LOCKED", "WORD_PINS | WORD_DIRTY"),
    "word_split": ("(word & WORD_POISONED)", "(word & WORD_DIRTY)"),
    "word_kinship": ("WORD_DIRTY", "WORD_LOCKED"),
    "word_can_join": ("word_pins(word) != 0 || ", ""),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutants", action="store_true", help="prove the mistakes instead")
    parser.add_argument("functions", metavar="FUNCTION", nargs="*", help="prove these only")
    arguments = parser.parse_args()
    os.chdir(ROOT)
    missing = [program for program in PROGRAMS if not shutil.which(program)]
    if missing:
        print(f"prove: {', '.join(missing)} not found; tools/setup prove installs what is needed",
              file=sys.stderr)
        return 2
    functions = arguments.functions or transitions(CODE.read_text())
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["why3", "config", "detect"], check=True, capture_output=True,
                       env=environment(folder))
        if arguments.mutants:
            good = all_good(functions, lambda name: find_mistake(name, folder))
        else:
            good = decide_facts() & all_contracts_are_there(functions)
            good &= all_good(functions, lambda name: prove(name, ROOT, folder))
    print("all as it should be" if good else "FAILED")
    return 0 if good else 1


def environment(folder):
    """Why3 finds the provers once for this run, and leaves its user's settings alone."""
    return {**os.environ, "HOME": folder, "WHY3CONFIG": f"{folder}/why3.conf"}


def all_good(functions, check):
    """Runs the check for each function on all CPUs; prints a line for each."""
    good = True
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, (right, text) in zip(functions, pool.map(check, functions)):
            print(f"{'ok' if right else 'FAILED':6} {name:16} {text}", flush=True)
            good &= right
    return good


def transitions(code):
    return re.findall(r"^static inline [\w ]+?[ *](\w+)\(", code, re.M)


def all_contracts_are_there(functions):
    """A function without a contract would have nothing to prove."""
    text = (ROOT / CONTRACTS).read_text()
    bare = [name for name in functions
            if not re.search(rf"\*/\nstatic inline [\w ]+?{name}\([^)]*\);", text)]
    for name in bare:
        print(f"FAILED {name:16} no contract; write one in {CONTRACTS}")
    return not bare


def decide_facts():
    """Whether the solvers find no 64-bit words for which a fact is false."""
    good = True
    for fact in read_facts(FACTS.read_text()):
        answers = {name: subprocess.run(command, input=to_smt(fact), text=True, timeout=BOUND,
                                        capture_output=True).stdout.strip()
                   for name, command in SOLVERS.items()}
        right = set(answers.values()) == {"unsat"}
        good &= right
        print(f"{'ok' if right else 'FAILED':6} fact {fact.name:16} "
              + ", ".join(f"{name}: {'holds' if answer == 'unsat' else answer}"
                          for name, answer in answers.items()), flush=True)
    return good


def prove(name, tree, folder):
    """(all goals of the function are proved, a line about it)."""
    start = time.monotonic()
    result = subprocess.run(
        ["frama-c", "-machdep", "gcc_x86_64", "-cpp-extra-args=-I.", "-wp", "-wp-rte",
         "-wp-no-simplify-land-mask", "-wp-cache", "none", "-wp-par", "1", "-wp-prover", "cvc4,z3",
         "-wp-timeout", str(GOAL_SECONDS), "-wp-fct", name, str(CONTRACTS)],
        cwd=tree, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=BOUND,
        env=environment(folder))
    seconds = time.monotonic() - start
    total = re.search(r"Proved goals:\s+(\d+) / (\d+)", result.stdout)
    if result.returncode != 0 or not total or total[2] == "0":
        return False, f"Frama-C says:\n{result.stdout[-2000:]}"
    text = f"{total[1]:>3} of {total[2]:>3} goals {seconds:6.1f} s"
    unproved = re.findall(r"\[Failed\] Goal typed_(\w+)", result.stdout)
    return not unproved and total[1] == total[2], "  ".join([text, *unproved])


def find_mistake(name, folder):
    """(a proof fails that succeeds without the mistake, a line about it)."""
    code = with_mistake(CODE.read_text(), name)
    tree = Path(folder) / name
    for path in (CONTRACTS, FACTS, *Path("mm").glob("*.h")):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, tree / path)
    (tree / CODE).write_text(code)
    proved, text = prove(name, tree, folder)
    found = not proved and "goals" in text
    return found, f"{'found' if found else 'NOT FOUND'}: {' -> '.join(MUTANTS[name])}: {text}"


def with_mistake(code, name):
    old, new = MUTANTS[name]
    start = re.search(rf"^static inline .*\b{name}\(", code, re.M).start()
    end = code.index("\n}\n", start)
    if code.count(old, start, end) != 1:
        raise ValueError(f"{name}: {old!r} should be there once; choose another mistake for it")
    return code[:start] + code[start:end].replace(old, new) + code[end:]


if __name__ == "__main__":
    sys.exit(main())
