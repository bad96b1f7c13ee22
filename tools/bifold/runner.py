# SPDX-License-Identifier: BSD-2-Clause
"""Runs a machine as its description says, and judges it."""

import shutil
import tempfile
from pathlib import Path

from bifold import backing, errors, junit, ktap, process, qemu, record, sources
from bifold.judge import Verdict, judge, turn_red_round
from bifold.machine import DescriptionError, read_machine

ROOT = Path(__file__).resolve().parents[2]
KERNEL = ROOT / "build/bifold.elf"
ISO = ROOT / "build/bifold.iso"
LOGS = ROOT / "build/logs"
MACHINES = ROOT / "tests/machines"

# A hosted build is an ordinary process, with exit statuses as small as those are.
PROGRAM_STATUSES = {0: "passed", 1: "failed", 4: "skipped"}


def find_machine(name):
    """The Machine of a name or of a path; DescriptionError if there is none."""
    path = Path(name) if name.endswith(".ini") else MACHINES / f"{name}.ini"
    if not path.is_file():
        raise DescriptionError(f"{path}: not there; `tools/test --list` names the machines")
    return read_machine(path, ROOT)


def run_machine(machine, kernel=KERNEL, iso=ISO, program=qemu.PROGRAM, logs=LOGS, keep=False,
                echo=None, update_record=False):
    """Runs and judges; returns the Verdict. Writes logs/NAME.log (raw) and logs/NAME.xml.

    With update_record, a run without problems makes the machine's record instead of being compared
    with it.
    """
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{machine.name}.log"
    absent = _absent(machine, kernel, iso)
    if absent:
        log.write_bytes(b"")
        return Verdict(machine.name, [f"{absent} is not there; `make` builds it"])
    scratch = Path(tempfile.mkdtemp(prefix=f"{machine.name}.", dir=logs.parent))
    injector = errors.Injector() if machine.errors else None
    try:
        if machine.boot == "program":
            command, files = _program(machine), []
        else:
            arguments, files = qemu.command(machine, {"kernel": kernel, "iso": iso}, scratch)
            command = [program, *arguments, *(injector.arguments() if injector else [])]
        if keep:
            (scratch / "command").write_text(" ".join(map(str, command)) + "\n", encoding="utf-8")
        ended = process.run(command, machine.bound, log, _listeners(injector, echo), cwd=ROOT)
        changes = _changes(machine, files)
    finally:
        if injector:
            injector.close()
        if not keep:
            shutil.rmtree(scratch)
    report = ktap.parse(ended.output, machine.expect.qemu_says)
    statuses = PROGRAM_STATUSES if machine.boot == "program" else qemu.STATUSES
    verdict = judge(machine, ended, report, statuses, _required(machine))
    verdict.problems += changes + (injector.problems if injector else [])
    if machine.expect.record:
        _record(machine, report, verdict, update_record)
    turn_red_round(machine.expect, verdict)
    junit.write(logs / f"{machine.name}.xml", verdict, report)
    return verdict


def _listeners(injector, echo):
    """What gets the output as it comes: echo(bytes), the injector, both, or nobody."""
    if not injector:
        return echo

    def listen(data):
        injector.feed(data)
        if echo:
            echo(data)
    return listen


def _program(machine):
    words = machine.program.split() + machine.options.split()
    return [ROOT / words[0], *words[1:]]


def _absent(machine, kernel, iso):
    """What the machine needs and was not built, or None."""
    needed = (_program(machine)[0] if machine.boot == "program" else
              kernel if machine.boot == "pvh" else iso)
    return None if needed.is_file() else needed


def _changes(machine, files):
    problems = []
    for index, (medium, path) in enumerate(zip(machine.media(), files)):
        if not medium.unchanged and medium.becomes is None:
            continue
        what = backing.difference(path, medium, index)
        if what:
            problems.append(f"a {'forbidden' if medium.unchanged else 'wrong or missing'} write to "
                            f"{machine.medium_name(index)}: {what}")
    return problems


def _record(machine, report, verdict, update):
    path = machine.expect.record
    if not update:
        problems, verdict.notes = record.compare(path, machine.name, report.measurements)
        verdict.problems += problems
    elif not verdict.problems:
        record.write(path, machine.name, report.measurements)


def _required(machine):
    if machine.expect.suites in (["all"], ["portable"]):
        return sources.test_names(ROOT, portable_only=machine.expect.suites == ["portable"])
    return set()
