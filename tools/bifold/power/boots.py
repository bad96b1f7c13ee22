# SPDX-License-Identifier: BSD-2-Clause
"""Boots the kernel for a workload: the run that writes, recorded, and the runs that judge."""

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bifold import ktap, process, qemu
from bifold.machine import Expect, Machine, Medium
from bifold.judge import judge
from bifold.power import images

MEDIA_MAX = 32              # that one boot judges
RECORDER = "power-cut.so"
FITS = "7.2"

_STATE = re.compile(r"state (\d+) is (sound(?:, after (\d+) recoveries)?|broken: (.*))")


def unfit(program, recorder):
    """None, or why power failures cannot be tried with this QEMU."""
    if not recorder.is_file():
        return f"{recorder} is not there; `make` builds it"
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60,
                              check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return f"{program} cannot be run: {error}"
    version = re.search(r"version (\d+\.\d+)", said)
    if not version or version[1] != FITS:
        return (f"the recorder of power failures is made for QEMU {FITS}, that of Debian 12; "
                f"{program} is {version[1] if version else said.strip()[:60]!r}")
    return None


def must_fit():
    """Whether a QEMU that does not fit is a failure: where changes are checked, nothing is skipped."""
    return bool(os.environ.get("CI"))


@dataclass
class Said:
    """What a judge says of a state."""
    broken: str | None
    recovered: int = 0      # how much the recovery had to do


class RunFailed(Exception):
    """A boot that did not end as it must; the text says how, and where its log is."""


def _machine(workload, name, test, nr_media):
    suite = test.split(".")[0]
    names = ",".join(f"nmem{i}" for i in range(nr_media))
    return Machine(
        name=name, path=Path(name), purpose=workload.purpose, boot="pvh", program="",
        memory=128 << 20, cpus=workload.cpus, cpu="max", bound=300,
        options=f"tests={test} write={names} seed={workload.seed}",
        nvdimms=[Medium(size=workload.size) for _ in range(nr_media)],
        expect=Expect(exit="passed", suites=["options", suite]))


def _run(machine, kernel, program, scratch, fill, log, trace=None):
    """(Ended, Report, [file of each medium]); fill(files) puts the media's content there."""
    arguments, files = qemu.command(machine, {"kernel": kernel}, scratch)
    fill(files)
    if trace:
        # One CPU at a time, and one instruction of it: the recorder says why.
        media = ",".join(f"medium={qemu.escape(path)}" for path in files)
        arguments += ["-icount", "shift=0,sleep=off", "-singlestep", "-plugin",
                      f"{kernel.parent / RECORDER},trace={qemu.escape(trace)},{media}"]
    ended = process.run([program, *arguments], machine.bound, log)
    return ended, ktap.parse(ended.output), files


def record(workload, kernel, program, folder):
    """Runs the writing test on an empty medium. Leaves folder/{trace,before,after}."""
    log = folder / "writes.log"
    machine = _machine(workload, f"{workload.name}.writes", workload.writes, 1)
    with tempfile.TemporaryDirectory(prefix="writes.", dir=folder) as scratch:
        ended, report, files = _run(
            machine, kernel, program, Path(scratch),
            lambda files: images.copy_sparse(files[0], folder / "before"), log, folder / "trace")
        verdict = judge(machine, ended, report, qemu.STATUSES, set())
        if verdict.problems:
            raise RunFailed(f"{workload.writes} failed: {'; '.join(verdict.problems)} ({log})")
        shutil.move(files[0], folder / "after")


def judge_states(workload, kernel, program, scratch, paths, trace=None, keep=None):
    """Boots with these images, which are consumed. Returns ({state number: Said}, None or
    how the boot itself went wrong). keep: where the recovered media go."""
    machine = _machine(workload, f"{workload.name}.judge", workload.judge, len(paths))
    log = scratch / "judge.log"

    def fill(files):
        for path, file in zip(paths, files):
            os.replace(path, file)

    ended, report, files = _run(machine, kernel, program, scratch, fill, log, trace)
    said = {}
    for line in report.lines:
        match = _STATE.match(line)
        if match:
            said[int(match[1])] = Said(match[4], int(match[3] or 0))
    broken = any(verdict.broken for verdict in said.values())
    machine.expect.exit = "failed" if broken else "passed"
    machine.expect.fail = [workload.judge] if broken else []
    verdict = judge(machine, ended, report, qemu.STATUSES, set())
    problem = "; ".join(verdict.problems) or None
    if not problem and len(said) != len(paths):
        problem = f"{len(said)} of {len(paths)} states were judged"
    if keep:
        for number, file in enumerate(files):
            os.replace(file, keep / f"recovered{number}")
    else:
        for file in files:
            file.unlink()
    return said, problem
