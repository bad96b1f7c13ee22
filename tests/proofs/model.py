#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks the model of split, collapse, pins and poison (pages.pml) with spin.

The model as it is must hold in each setting, over every state that it can reach; and with one
precaution left out (BREAK_...) a violation must be found, or the model would prove nothing.
Exit status: 0 all is so, 1 not.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

MODEL = Path(__file__).with_name("pages.pml")
BOUND = 1800                # seconds for one search
MEMORY_MB = 8000

# What each CPU does: sums of these.
PINS, ALLOCATES, RESIZES, POISONS, HEALS = 1, 2, 4, 8, 16


@dataclass
class Setting:
    name: str
    cpus: tuple
    tables: int = 1
    bad: int = 2            # frames that go bad, where some CPU poisons
    leave_out: str = ""     # the precaution: RECHECK for BREAK_RECHECK

    def defines(self):
        flags = [f"-DTABLES={self.tables}", f"-DBAD={self.bad}"]
        flags += [f"-DCPU{i}={can}" for i, can in enumerate(self.cpus)]
        return flags + ([f"-DBREAK_{self.leave_out}"] if self.leave_out else [])


ROLES = (PINS, RESIZES, POISONS)

HEALING = (PINS, POISONS, HEALS)

# For every test run: seconds each.
SHORT = [
    Setting("pin, split and collapse, poison of one frame", ROLES, bad=1),
    Setting("pin, poison, unpoison of one frame", HEALING, bad=1),
    Setting("pin, two that split and collapse", (PINS, RESIZES, RESIZES)),
]

# Minutes each, and gigabytes.
LONG = [
    Setting("pin, split and collapse, poison", ROLES),
    Setting("pin, split and collapse, two tables", (PINS, RESIZES, 0), tables=2),
]

BROKEN = [
    Setting("a pin does not look at the area again", ROLES, leave_out="RECHECK"),
    Setting("a pin does not see that its table left and came back", (PINS, RESIZES, RESIZES),
            leave_out="TOUCHED"),
    Setting("a collapse does not mark the area before it looks at the pages", ROLES,
            leave_out="MARK"),
    Setting("a table is filled by storing", ROLES, leave_out="FILL"),
    Setting("a table is cleared by storing", ROLES, leave_out="CLEAR"),
    Setting("a table goes back while a pin is astray in its first word", ROLES, leave_out="PUT"),
    Setting("poisoning does not mark the area first", ROLES, leave_out="POISON"),
    Setting("poisoning does not note the frame before it marks the page", HEALING,
            leave_out="NOTE"),
    Setting("poisoning does not look whether the frame was healed meanwhile",
            (RESIZES, POISONS, HEALS), leave_out="HEALED"),
    Setting("healing does not look again at a page that was marked meanwhile", HEALING,
            leave_out="HEAL"),
    Setting("two heal the same page at the same time", (POISONS, HEALS, HEALS), leave_out="TURN"),
]


@dataclass
class Outcome:
    complete: bool          # every reachable state was seen, and nothing was wrong in any
    violation: str          # what spin found, or empty
    states: int
    seconds: float
    output: str


def search(setting):
    """Builds the checker for one setting and lets it search."""
    with tempfile.TemporaryDirectory() as folder:
        def run(*command):
            return subprocess.run(command, cwd=folder, text=True, timeout=BOUND,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)

        start = time.monotonic()
        run("spin", *setting.defines(), "-a", MODEL)
        # Most of the time for a small search is the compiler's.
        run("gcc", "-O1" if setting in LONG else "-O0", "-w", "-DSAFETY",
            f"-DMEMLIM={MEMORY_MB}", "-o", "pan", "pan.c")
        text = run("./pan", "-m10000000").stdout
    violation = re.search(r"^pan:1: (.*?)(?: \(at depth \d+\))?$", text, re.M)
    states = re.search(r"^\s*(\d+) states, stored", text, re.M)
    complete = ("errors: 0" in text and not violation and "Search not completed" not in text
                and "search depth too small" not in text)
    return Outcome(complete, violation.group(1) if violation else "",
                   int(states.group(1)) if states else 0, time.monotonic() - start, text)


def as_it_should(setting, outcome):
    return bool(outcome.violation) if setting.leave_out else outcome.complete


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="leave out what takes minutes")
    arguments = parser.parse_args()
    failed = False
    for setting in SHORT + BROKEN + ([] if arguments.short else LONG):
        outcome = search(setting)
        good = as_it_should(setting, outcome)
        failed |= not good
        what = "violation found" if outcome.violation else "holds" if outcome.complete else \
            "search not completed"
        print(f"{'ok' if good else 'FAILED':6} {setting.name}: {what}, {outcome.states} states, "
              f"{outcome.seconds:.1f} s", flush=True)
        if not good:
            print(outcome.output[-2000:])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
