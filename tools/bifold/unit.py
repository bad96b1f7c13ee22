# SPDX-License-Identifier: BSD-2-Clause
"""Runs one unittest file and prints the same report as a kernel does: `unit.py FILE`.

So that the tests of the tools are counted and judged like all others. Exit status 0 passed,
1 failed, 4 all skipped.
"""

import re
import sys
import unittest
from pathlib import Path


class _Result(unittest.TestResult):
    """Collects [(name, result, reason, lines)]; a failed subtest fails its test."""

    def __init__(self):
        super().__init__()
        self.rows = []

    def _add(self, test, result, reason="", text=""):
        name = re.sub(r"[^a-z0-9._-]", "_", ".".join(test.id().split(".")[1:]).lower())
        self.rows.append((name, result, reason, text.splitlines()))

    def addSuccess(self, test):
        self._add(test, "pass")

    def addSkip(self, test, reason):
        self._add(test, "skip", reason)

    def addFailure(self, test, err):
        self._add(test, "fail", text=self._exc_info_to_string(err, test))

    addError = addFailure

    def addExpectedFailure(self, test, err):
        self._add(test, "pass")

    def addUnexpectedSuccess(self, test):
        self._add(test, "fail", text="marked as an expected failure, but it passed")

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self._add(subtest, "fail", text=self._exc_info_to_string(err, test))


def _ascii(text):
    return "".join(c if " " <= c <= "~" else "?" for c in text)


def main(path):
    tests = unittest.defaultTestLoader.discover(str(path.parent), path.name)
    result = _Result()
    tests.run(result)
    suite = path.stem
    counts = [sum(row[1] == word for row in result.rows) for word in ("pass", "fail", "skip")]
    verdict = "fail" if counts[1] else "pass" if counts[0] else "skip"
    print(f"BIFOLD-TEST-START 1\nKTAP version 1\n1..1\n  KTAP version 1\n  # Subtest: {suite}\n"
          f"  1..{len(result.rows)}")
    for number, (name, said, reason, lines) in enumerate(result.rows, 1):
        for line in lines:
            print(f"  # {_ascii(line)}")
        print(f"  # R name={suite}.{name} result={said}")
        print(f"  {'not ok' if said == 'fail' else 'ok'} {number} {name}"
              + (f" # SKIP {_ascii(reason)}" if said == "skip" else ""))
    print(f"{'not ok' if verdict == 'fail' else 'ok'} 1 {suite}"
          + (" # SKIP all were skipped" if verdict == "skip" else ""))
    print("# Totals: pass:{} fail:{} xfail:0 xpass:0 skip:{} error:0".format(*counts))
    print(f"SUMMARY: {sum(counts)} tests"
          + (f", {counts[1]} unexpected failures" if counts[1] else "")
          + (f", {counts[2]} skipped" if counts[2] else ""))
    print("BIFOLD-TEST-END 1")
    return {"pass": 0, "fail": 1, "skip": 4}[verdict]


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    sys.path.insert(0, str(Path(sys.argv[1]).resolve().parent))
    sys.exit(main(Path(sys.argv[1])))
