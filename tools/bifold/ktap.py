# SPDX-License-Identifier: BSD-2-Clause
"""Reads the report of a test run strictly.

parse(bytes) takes a whole serial log and never raises: whatever is not exactly a report ends up in
Report.violations, each with its line number. What stands before the start marker (firmware, boot
loader) is not looked at; what stands after it is held to the rules:

    BIFOLD-TEST-START 1
    KTAP version 1
    1..1
    # seed=7
      KTAP version 1
      # Subtest: page
      1..2
      # R name=page.splits result=pass
      ok 1 splits
      # R name=page.collapses result=skip
      ok 2 collapses # SKIP no area is free
    ok 1 page
    # Totals: pass:1 fail:0 xfail:0 xpass:0 skip:1 error:0
    SUMMARY: 2 tests, 1 skipped
    BIFOLD-TEST-END 1

A driver may speak at any place, in a line "# NAME: ..." that is not indented, as it knows of no
tests: "# nvme0n1: read error at sector 800".

A leaf is a result without a subtest of its own; its full name is the path to it: "page.splits".
"""

import re
from dataclasses import dataclass, field

START = "BIFOLD-TEST-START"
END = "BIFOLD-TEST-END"
FORMAT = "1"
VERSION = "KTAP version 1"
INDENT = 2

# They judge the options, not the machine: if nothing else passed, everything was skipped.
ALWAYS = ("options.understood", "options.select_something")

# Other readers of KTAP act on these wherever they stand.
RESERVED = ("KTAP version", "TAP version", "# Subtest:", "List of all partitions:",
            "Kernel panic - not syncing: VFS:", "reboot: System halted")

_PLAN = re.compile(r"1\.\.([0-9]+)")
_NAME = re.compile(r"[a-z0-9._-]+")
_RESULT = re.compile(r"(ok|not ok) ([0-9]+) (\S+)( # SKIP( \S.*)?)?")
_R = re.compile(r"# R name=(\S+) result=(pass|fail|skip)(?: value=([0-9]+) units=(\S+))?")
_SPOKEN = re.compile(r"# (?:[a-z0-9.]+:|memory-error|inject-error) .")
_TOTALS = re.compile(r"# Totals: pass:(\d+) fail:(\d+) xfail:0 xpass:0 skip:(\d+) error:0")
_SUMMARY = re.compile(r"SUMMARY: (\d+) tests(?:, (\d+) unexpected failures)?(?:, (\d+) skipped)?")


@dataclass
class Leaf:
    name: str                 # full: "suite.test"
    result: str               # "pass", "fail" or "skip"
    reason: str = ""          # why it was skipped
    diagnostics: list = field(default_factory=list)  # its lines, without "# "


@dataclass
class Measurement:
    name: str
    value: int
    units: str


@dataclass
class Report:
    leaves: list = field(default_factory=list)
    suites: list = field(default_factory=list)        # names of the top level, in order
    measurements: list = field(default_factory=list)
    facts: list = field(default_factory=list)         # (keyword, {key: value})
    lines: list = field(default_factory=list)         # every line, without indent and "# "
    foreign: list = field(default_factory=list)       # lines that are no part of it
    violations: list = field(default_factory=list)
    bail_out: str | None = None                       # the run ended itself, and why
    started: bool = False
    ended: bool = False

    def count(self, result):
        return sum(1 for leaf in self.leaves if leaf.result == result)

    def verdict(self):
        """'passed', 'failed' or 'skipped', as the leaves say; None when nothing ran."""
        if self.bail_out is not None or self.count("fail"):
            return "failed"
        rest = [leaf.result for leaf in self.leaves if leaf.name not in ALWAYS]
        if not rest:
            return None
        return "passed" if "pass" in rest else "skipped"


def parse(log, foreign=()):
    """The Report that the bytes of a serial log hold. Lines that match a regular expression of
    `foreign` are somebody else's, who writes to the same place, and no part of it."""
    return _Parser(log, foreign).report


def collision_key(name):
    """Names with the same key cannot be told apart by every consumer of reports."""
    return re.sub(r"[._-]+", "_", name.lower())


class _BailOut(Exception):
    """Unwinds the levels: nothing after this line is a result."""


@dataclass
class _Level:
    """One list of results: its place in the tree and what was seen of it so far."""
    indent: int
    path: str                 # "" at the top
    planned: int | None = None
    results: list = field(default_factory=list)       # "pass", "fail", "skip"
    pending: list = field(default_factory=list)       # diagnostics since the last result
    verdicts: list = field(default_factory=list)      # `# R` records since the last result
    child: "_Level | None" = None                     # finished, waits for its result line

    def full(self, name):
        return f"{self.path}.{name}" if self.path else name


class _Parser:
    def __init__(self, log, foreign):
        self.report = Report()
        self.foreign = foreign
        self.names = {}
        self.lines = self._cut(log)
        self.at = 0
        self.bails_out = any(row.startswith("Bail out!") for _, row in self.lines)
        try:
            self._level(_Level(0, ""))
        except _BailOut:
            if self.report.ended:
                self._violation("the end marker stands although the run bailed out")
            return
        if self.report.started:
            self._tail()

    # The frame: markers, and the characters allowed.

    def _cut(self, log):
        """[(line number, text)] between the markers; notes what is wrong with them."""
        rows = [row.removesuffix("\r") for row in log.decode("latin-1").split("\n")]
        starts = [i for i, row in enumerate(rows) if START in row]
        if not starts:
            self.report.violations.append(f"no line '{START} {FORMAT}': the run never began")
            return []
        self.report.started = True
        first = starts[0]
        rows[first] = rows[first].lstrip("\r")        # GRUB's: it ends its lines with LF CR
        ends = [i for i, row in enumerate(rows) if END in row]
        for marker, places in ((START, starts), (END, ends)):
            for place in places[1:]:
                self._violation(f"'{marker}' stands a second time", place + 1)
            for place in places:
                if rows[place] != f"{marker} {FORMAT}":
                    self._violation(f"expected the line '{marker} {FORMAT}', "
                                    f"found {rows[place]!r}", place + 1)
        last = ends[0] if ends and ends[0] > first else len(rows)
        if ends and ends[0] < first:
            self._violation("the end marker stands before the start marker", ends[0] + 1)
        self.report.ended = last < len(rows)
        for number, row in enumerate(rows[last + 1:], last + 2):
            if row.strip() and END not in row and START not in row and not self._is_foreign(row):
                self._violation(f"text after the end marker: {row!r}", number)
                break
        cut = [(first + 2 + i, row) for i, row in enumerate(rows[first + 1:last])
               if not self._is_foreign(row)]
        if not self.report.ended and cut and cut[-1][1] == "":
            cut.pop()                                 # what follows the last newline
        for number, row in cut:
            if not all(" " <= character <= "~" for character in row):
                self._violation(f"a character that is not printable ASCII: {row!r}", number)
        return cut

    def _is_foreign(self, row):
        if not any(re.search(pattern, row) for pattern in self.foreign):
            return False
        self.report.foreign.append(row)
        return True

    def _violation(self, what, number=None):
        if number is None:
            number = self.lines[self.at][0] if self.at < len(self.lines) else None
        self.report.violations.append(f"line {number}: {what}" if number else what)

    # The tree.

    def _here(self):
        """(indent, text) of the current line, or (None, '') at the end."""
        if self.at >= len(self.lines):
            return None, ""
        row = self.lines[self.at][1]
        text = row.lstrip(" ")
        return len(row) - len(text), text

    def _take(self):
        text = self._here()[1]
        self.report.lines.append(text.removeprefix("# "))
        self.at += 1

    def _opening(self, level):
        """Version, name and plan, in this order and with nothing between them."""
        def wanted(condition, what):
            indent, text = self._here()
            if indent == level.indent and condition(text):
                self._take()
                return text
            if indent is not None:
                self._violation(f"expected {what}, found {text!r}")
            return None

        wanted(lambda text: text == VERSION, f"'{VERSION}'")
        if level.indent:
            line = wanted(lambda text: text.startswith("# Subtest: "), "'# Subtest: NAME'")
            level.path = level.full(line.removeprefix("# Subtest: ")) if line else level.path
        plan = wanted(_PLAN.fullmatch, "the plan '1..N'")
        level.planned = int(_PLAN.fullmatch(plan)[1]) if plan else None

    def _level(self, level):
        self._opening(level)
        while True:
            indent, text = self._here()
            if indent == 0 and text.startswith("Bail out!"):
                self._bail_out(text)
            if indent == 0 and (_SPOKEN.match(text) or self.bails_out and text.startswith("# ")):
                self._line(level, level.indent, text)  # a driver, or a crash, wherever it is
                continue
            if indent is None or indent < level.indent:
                break
            if level.indent and indent == level.indent and text == VERSION:
                break                                 # the next subtest, without a result line
            if indent == level.indent + INDENT and text == VERSION:
                if level.child:
                    self._violation(f"the subtest {level.child.path} has no result line")
                level.child = _Level(indent, level.path)
                self._level(level.child)
                continue
            self._line(level, indent, text)
        self._closing(level)

    def _bail_out(self, text):
        self.report.bail_out = text.removeprefix("Bail out!").strip() or "no reason given"
        self._take()
        raise _BailOut

    def _closing(self, level):
        where = level.path or "the top level"
        if level.child:
            self._violation(f"the subtest {level.child.path} has no result line")
        if level.planned is not None and len(level.results) != level.planned:
            self._violation(f"{where}: planned {level.planned} results, found "
                            f"{len(level.results)}")
        if level.verdicts:
            self._violation(f"{where}: '# R name={level.verdicts[0][0]}' is not followed by "
                            "its result line")

    def _line(self, level, indent, text):
        result = _RESULT.fullmatch(text)
        if indent != level.indent:
            self._violation(f"indented by {indent}, expected {level.indent}: {text!r}")
        elif result:
            self._result(level, result)
        elif text.startswith("# "):
            self._diagnostic(level, text)
        elif not (level.indent == 0 and text.startswith("SUMMARY: ")):
            self._violation(f"not a line of a report: {text!r}")
        self._take()

    def _diagnostic(self, level, text):
        for word in RESERVED:
            if word in text:
                self._violation(f"a reserved phrase in a diagnostic: {text!r}")
        level.pending.append(text.removeprefix("# "))
        if text.startswith("# R "):
            self._verdict_line(level, text)
            return
        head, _, rest = text.removeprefix("# ").partition(" ")
        words = rest.split()
        if "=" in head:
            head, words = "", [head, *words]
        if words and all("=" in word for word in words):
            self.report.facts.append((head, dict(word.split("=", 1) for word in words)))

    def _verdict_line(self, level, text):
        match = _R.fullmatch(text)
        if not match:
            self._violation(f"expected '# R name=NAME result=pass|fail|skip[ value=NUMBER "
                            f"units=UNITS]', found {text!r}")
            return
        name, result, value, units = match.groups()
        if not _NAME.fullmatch(name):
            self._violation(f"a name outside [a-z0-9._-]: {name!r}")
        if value is None:
            level.verdicts.append((name, result))
            return
        self._distinct(name)
        self.report.measurements.append(Measurement(name, int(value), units))

    def _distinct(self, name):
        first = self.names.setdefault(collision_key(name), self.lines[self.at][0])
        if first != self.lines[self.at][0]:
            self._violation(f"the name {name!r} is taken already, on line {first}")

    def _result(self, level, match):
        status, number, name, directive, reason = match.groups()
        result = "fail" if status == "not ok" else "skip" if directive else "pass"
        full = level.full(name)
        level.results.append(result)
        if int(number) != len(level.results):
            self._violation(f"expected result number {len(level.results)}, found {number}")
        if not _NAME.fullmatch(name):
            self._violation(f"a name outside [a-z0-9._-]: {name!r}")
        if directive and status == "not ok":
            self._violation(f"{full}: a test that failed cannot be skipped")
        self._distinct(full)
        if level.indent == 0:
            self.report.suites.append(name)
        if level.child:
            self._parent(level, full, result)
        else:
            self._leaf(level, full, result, (reason or "").strip(), bool(directive))
        level.child, level.pending, level.verdicts = None, [], []

    def _parent(self, level, full, result):
        child = level.child
        if child.path != full:
            self._violation(f"the result line of the subtest {child.path} names {full}")
        if not child.results:
            self._violation(f"{full}: a subtest without results")
        due = ("fail" if "fail" in child.results else
               "pass" if "pass" in child.results else "skip")
        if result != due:
            self._violation(f"{full}: the subtest says {result}, its children say {due}")
        if level.verdicts:
            self._violation(f"{full}: a '# R' line without a result of its own")

    def _leaf(self, level, full, result, reason, directive):
        if directive and not reason:
            self._violation(f"{full}: skipped without a reason")
        if level.verdicts != [(full, result)]:
            found = ", ".join(f"{name} {said}" for name, said in level.verdicts) or "none"
            self._violation(f"{full}: expected one line '# R name={full} result={result}' "
                            f"before it, found {found}")
        self.report.leaves.append(Leaf(full, result, reason, level.pending))

    # After the last result.

    def _tail(self):
        report = self.report
        if not report.ended:
            self._violation(f"no line '{END} {FORMAT}': the report is cut off")
            return
        counts = report.count("pass"), report.count("fail"), report.count("skip")
        rows = [row for _, row in self.lines]
        self._figures([m.groups() for m in map(_TOTALS.fullmatch, rows) if m], counts, "Totals")
        summaries = [m.groups() for m in map(_SUMMARY.fullmatch, rows[-5:]) if m]
        self._figures(summaries, (sum(counts), counts[1], counts[2]), "SUMMARY")

    def _figures(self, found, counts, what):
        found = [tuple(int(figure or 0) for figure in row) for row in found]
        if found != [counts]:
            self._violation(f"expected one {what} line with the figures {counts}, found "
                            f"{found or 'none'}")
