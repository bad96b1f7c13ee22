# SPDX-License-Identifier: BSD-2-Clause
"""Sweeps a workload and compares what comes of it with its description."""

import re
from pathlib import Path

from bifold import qemu, runner
from bifold.machine import DescriptionError
from bifold.power import boots
from bifold.power.sweep import Sweep
from bifold.power.workload import read_workload

WORKLOADS = runner.ROOT / "tests/power"
FOLDER = runner.ROOT / "build/power"


class Unfit(Exception):
    """This QEMU cannot be used; the text says why."""


def find_workload(name):
    path = Path(name) if name.endswith(".ini") else WORKLOADS / f"{name}.ini"
    if not path.is_file():
        raise DescriptionError(f"{path}: not there; `ls tests/power` names the workloads")
    return read_workload(path)


def _demand_fit(kernel, program):
    why = boots.unfit(program, kernel.parent / boots.RECORDER)
    if why:
        raise Unfit(why)


def sweep(workload, kernel=runner.KERNEL, program=qemu.PROGRAM, jobs=1, progress=lambda text: None):
    """The sweep.Outcome. Unfit, boots.RunFailed, trace.TraceError: it could not be had."""
    _demand_fit(kernel, program)
    return Sweep(workload, kernel, program, FOLDER / workload.name, jobs, progress).run()


def write_image(workload, kernel, program, path, event, arrive):
    """Writes what one cut leaves, before the record `event` (0: after all), and says what that is."""
    _demand_fit(kernel, program)
    return Sweep(workload, kernel, program, FOLDER / workload.name, 1).write_image(path, event, arrive)


def problems(workload, outcome):
    """What is not as the workload's description says."""
    first = outcome.violations[0] if outcome.violations else None
    if workload.finds is None:
        return [f"{len(outcome.violations)} of {outcome.judged} states are broken, the first one: "
                + first.what] if first else []
    if not first:
        return [f"a violation must be found, and {outcome.judged} states are sound"]
    told = "\n".join([first.what, *first.story])
    if not re.search(workload.finds, told):
        return [f"the first violation must match /{workload.finds}/, found: {told}"]
    return []


def describe(workload, outcome):
    """Lines for a person."""
    lines = [f"{workload.name}: {outcome.judged} of {outcome.states} states judged "
             f"({outcome.images} distinct contents), {outcome.recovered} with something to recover, "
             f"{outcome.judged_again} more after a second failure, "
             f"{len(outcome.violations)} broken"]
    if outcome.violations:
        first = outcome.violations[0]
        lines += [f"  first: state {first.state.number}: {first.what}",
                  *(f"    {line}" for line in first.story),
                  f"    again: tools/power-cut --seed {workload.seed} --lines {workload.lines} "
                  f"--draws {workload.draws} --sample {workload.sample} --again {workload.again} "
                  f"{workload.name}"]
    lines += [f"  {text}" for text in _costs(outcome.figures)]
    return lines + [f"  note: {text}" for text in outcome.notes]


def measurements(outcome):
    """(name, value, units) of all that was counted."""
    yield "states_judged", outcome.judged, "states"
    yield "states_recovered", outcome.recovered, "states"
    yield "states_judged_again", outcome.judged_again, "states"
    yield "distinct_contents", outcome.images, "states"
    yield "violations", len(outcome.violations), "states"
    for name, value in outcome.figures.items():
        yield name, value, "bytes" if name.endswith("bytes") else "count"


def _costs(figures):
    count = figures["operations"]
    yield ", ".join(f"{figures[name]} {name.replace('_', ' ')}" for name in
                    ("operations", "stores", "stores_around", "flushes", "needless_flushes",
                     "fences", "lines_written"))
    if count:
        yield "of each operation: " + ", ".join(
            f"{figures[name] / count:.1f} {name}" for name in ("instructions", "flushes", "fences")
            if name in figures)
    if figures["user_bytes"]:
        yield (f"{figures['medium_bytes']} bytes written to the medium for "
               f"{figures['user_bytes']} of the user: "
               f"{figures['medium_bytes'] / figures['user_bytes']:.3f}")
