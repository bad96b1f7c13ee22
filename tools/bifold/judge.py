# SPDX-License-Identifier: BSD-2-Clause
"""Decides whether a run went as its machine's description says.

Nothing is taken for granted: the way the program ended, its exit status, the report's form, what
the report says, and which tests passed, failed and skipped must agree with each other and with the
description. Each disagreement is a sentence in Verdict.problems; none means "as described".
"""

import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from os.path import relpath


@dataclass
class Judged:
    """A leaf of the report, and how it counts: a failure that was expected counts as passed."""
    name: str
    outcome: str            # "passed", "failed" or "skipped"
    text: str = ""          # why it failed or was skipped


@dataclass
class Verdict:
    name: str
    problems: list = field(default_factory=list)
    notes: list = field(default_factory=list)       # worth saying, and nothing wrong
    leaves: list = field(default_factory=list)
    seconds: float = 0.0
    whole: bool = False     # the report is whole: the problems say all that its last lines could

    def counts(self):
        """(passed, failed, skipped) over the leaves and the run itself."""
        outcomes = [leaf.outcome for leaf in self.leaves]
        outcomes.append("failed" if self.problems else "passed")
        return tuple(outcomes.count(word) for word in ("passed", "failed", "skipped"))


def judge(machine, ended, report, statuses, required):
    """The Verdict on one run.

    ended: process.Ended; report: ktap.Report of its output; statuses: {exit status: verdict};
    required: full names of tests that the report must have.
    """
    verdict = Verdict(machine.name, seconds=ended.seconds,
                      whole=report.ended and not report.violations)
    expect = machine.expect
    problems = verdict.problems
    problems += _ending(machine, ended, statuses)
    if report.bail_out is not None and expect.bail_out is None:
        problems.append(f"crash: the run bailed out: {report.bail_out}")
    problems += report.violations[:10]
    if len(report.violations) > 10:
        problems.append(f"and {len(report.violations) - 10} more violations of the report's rules")
    problems += _agreement(expect, ended, report, statuses)
    if expect.bail_out is not None:
        problems += _bail_out(expect, report)
    elif report.started:
        problems += _missing(expect, report, required)
    problems += _lines(expect, report)
    verdict.leaves = [_judge_leaf(machine, leaf) for leaf in report.leaves]
    problems += [f"{leaf.name}: {leaf.text}" for leaf in verdict.leaves
                 if leaf.outcome == "failed"]
    problems += _unused(expect, report)
    return verdict


def explain(verdict, log):
    """Lines that say what is wrong with a run, and how its log ended if that can say more."""
    lines = ["  " + problem.replace("\n", "\n    ") for problem in verdict.problems]
    if not verdict.whole and log.is_file() and log.stat().st_size:
        lines += [f"  the last lines of {relpath(log)}:", *(f"    {row}" for row in tail(log))]
    return lines


def tail(log, lines=20):
    """The last lines of a log file, fit for a terminal."""
    with open(log, "rb") as stream:
        stream.seek(max(0, log.stat().st_size - 200 * lines))
        rows = stream.read().decode("latin-1").splitlines()[-lines:]
    return ["".join(c if " " <= c <= "~" else "." for c in row) for row in rows]


def turn_red_round(expect, verdict):
    """For a run that must be found wrong: what was found and foreseen is no problem any more."""
    if not expect.red:
        return
    found = verdict.problems
    verdict.problems = [f"not foreseen by `red`: {problem}" for problem in found
                        if not any(re.search(pattern, problem) for pattern in expect.red)]
    verdict.problems += [f"expected the runner to find /{pattern}/" for pattern in expect.red
                         if not any(re.search(pattern, problem) for problem in found)]
    if not verdict.problems:
        verdict.leaves = []

def _ending(machine, ended, statuses):
    known = ", ".join(f"{status} {word}" for status, word in sorted(statuses.items()))
    said = f"; it said: {ended.errors[-2000:]}" if ended.errors else ""
    if ended.how == "missing":
        return [f"could not be started: {ended.errors}"]
    if ended.how == "timeout":
        return [f"hang: still running after the bound of {machine.bound} s and was killed; "
                f"`bound` in {machine.path} sets it"]
    if ended.how == "flood":
        return [f"wrote more than {len(ended.output)} bytes and was killed"]
    if ended.status not in statuses:
        return [f"exit status {ended.status}, expected one of the kernel's: {known}{said}"]
    return []


def _agreement(expect, ended, report, statuses):
    """Expected, exit status and report must say the same."""
    reported, status = report.verdict(), statuses.get(ended.status)
    problems = []
    if reported is None:
        problems.append("empty: the report holds no test")
    elif status and status != reported:
        problems.append(f"the exit status says {status}, the report says {reported}")
    return problems + [f"expected exit = {expect.exit}, the run {word}"
                       for word in sorted({status, reported} - {None, expect.exit})]


def _bail_out(expect, report):
    if report.bail_out is None:
        return [f"expected the run to bail out with /{expect.bail_out}/; it went on"]
    if not re.search(expect.bail_out, report.bail_out):
        return [f"expected a bail-out for /{expect.bail_out}/, found {report.bail_out!r}"]
    return []


def _missing(expect, report, required):
    problems = []
    if expect.suites not in (["all"], ["portable"]):
        problems = [f"the suite {suite} is missing" for suite in expect.suites
                    if suite not in report.suites]
    absent = sorted(required - {leaf.name for leaf in report.leaves})
    if absent:
        problems.append(f"{len(absent)} tests of the sources are not in the report: "
                        + ", ".join(absent[:5]) + (", ..." if len(absent) > 5 else ""))
    return problems


def _lines(expect, report):
    problems = []
    for pattern in expect.lines:
        if not any(re.search(pattern, line) for line in report.lines):
            problems.append(f"no line of the report matches /{pattern}/")
    for pattern in expect.qemu_says:
        if not any(re.search(pattern, line) for line in report.foreign):
            problems.append(f"QEMU says nothing that matches /{pattern}/")
    for pattern in expect.no_lines:
        problems += [f"a line matches /{pattern}/ and must not: {line}"
                     for line in report.lines if re.search(pattern, line)][:1]
    return problems


def _named(globs, name):
    return any(fnmatchcase(name, glob) for glob in globs)


def _lacks_device(machine, reason):
    """Whether the reason is that there is none of a device, and the description gives none."""
    match = re.fullmatch(r"the machine has no ([a-z0-9-]+) device", reason)
    return bool(match) and match[1] not in machine.devices()


def _lacks_errors(machine, reason):
    """Whether the reason is that memory errors cannot be had, and the description gives none."""
    return reason == "nobody injects memory errors here" and not machine.errors


def _judge_leaf(machine, leaf):
    expect = machine.expect
    if leaf.result == "fail":
        if _named(expect.fail, leaf.name):
            return Judged(leaf.name, "passed")
        return Judged(leaf.name, "failed", "\n".join(_evidence(leaf)) or "failed")
    if _named(expect.fail, leaf.name):
        return Judged(leaf.name, "failed", f"expected to fail, found {leaf.result}")
    if leaf.result == "skip":
        due = (_named(expect.skip, leaf.name) or _lacks_device(machine, leaf.reason)
               or _lacks_errors(machine, leaf.reason)
               or any(re.search(pattern, leaf.reason) for pattern in expect.skip_reasons))
        if due:
            return Judged(leaf.name, "skipped", leaf.reason)
        return Judged(leaf.name, "failed", f"skipped unexpectedly: {leaf.reason}")
    if _named(expect.skip, leaf.name):
        return Judged(leaf.name, "failed", "expected to skip, found pass")
    return Judged(leaf.name, "passed")


def _evidence(leaf):
    return [line for line in leaf.diagnostics if not line.startswith(("R ", "progress "))]


def _unused(expect, report):
    """Expectations that nothing met: the description no longer describes."""
    problems = []
    for result, word, globs in (("skip", "skipped", expect.skip), ("fail", "failed", expect.fail)):
        names = [leaf.name for leaf in report.leaves if leaf.result == result]
        problems += [f"no test that {word} matches {glob}" for glob in globs
                     if not any(fnmatchcase(name, glob) for name in names)]
    return problems
