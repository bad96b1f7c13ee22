# SPDX-License-Identifier: BSD-2-Clause
"""Reports to judge, and programs that pretend to be QEMU."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

GOOD = """\
SeaBIOS (version 1.16)\x1b[2J
BIFOLD-TEST-START 1
KTAP version 1
1..2
# seed=7
# region name=pmem0 kind=persistent start=0x100000000 end=0x108000000 node=0
  KTAP version 1
  # Subtest: options
  1..1
  # R name=options.understood result=pass
  ok 1 understood
ok 1 options
  KTAP version 1
  # Subtest: page
  1..2
  # R name=page.splits.latency result=pass value=120 units=ns
  # R name=page.splits result=pass
  ok 1 splits
  # R name=page.collapses result=skip
  ok 2 collapses # SKIP no area is free
ok 2 page
# Totals: pass:2 fail:0 xfail:0 xpass:0 skip:1 error:0
SUMMARY: 3 tests, 1 skipped
BIFOLD-TEST-END 1
"""

FAILED = (GOOD.replace("page.splits result=pass", "page.splits result=fail")
          .replace("  ok 1 splits", "  not ok 1 splits").replace("ok 2 page", "not ok 2 page")
          .replace("pass:2 fail:0", "pass:1 fail:1")
          .replace("3 tests, 1 skipped", "3 tests, 1 unexpected failures, 1 skipped"))

ALL_SKIPPED = """\
BIFOLD-TEST-START 1
KTAP version 1
1..1
  KTAP version 1
  # Subtest: page
  1..1
  # R name=page.splits result=skip
  ok 1 splits # SKIP no memory
ok 1 page # SKIP all were skipped
# Totals: pass:0 fail:0 xfail:0 xpass:0 skip:1 error:0
SUMMARY: 1 tests, 1 skipped
BIFOLD-TEST-END 1
"""

EMPTY = """\
BIFOLD-TEST-START 1
KTAP version 1
1..0
# Totals: pass:0 fail:0 xfail:0 xpass:0 skip:0 error:0
SUMMARY: 0 tests
BIFOLD-TEST-END 1
"""

CRASHED = GOOD[:GOOD.index("  # R name=page.splits result")] + """\
  # R name=page.splits result=fail
  not ok 1 splits
# BUG: page fault, write to 0x0
Bail out! page fault
"""


def edited(old, new, log=GOOD):
    """The log with one text replaced; the text must be in it once."""
    assert log.count(old) == 1, f"{old!r} stands {log.count(old)} times in the log"
    return log.replace(old, new)


def without(line, log=GOOD):
    return edited(line + "\n", "", log)


MACHINE = """\
[machine]
purpose = A machine for the tests of the runner.
boot = pvh
bound = 20
{machine}
[expect]
exit = passed
suites = options page
skip = page.collapses
{expect}
"""


def program(folder, body):
    """An executable shell script; returns its path."""
    path = Path(folder) / "fake-qemu"
    path.write_text("#!/bin/sh\n" + body + "\n", encoding="ascii")
    path.chmod(0o755)
    return str(path)


def speaking(folder, log, status):
    """A program that prints the log and exits."""
    text = Path(folder) / "text"
    text.write_text(log, encoding="latin-1")
    return program(folder, f"cat '{text}'\nexit {status}")
