# SPDX-License-Identifier: BSD-2-Clause
"""The power fails a second time, while what a first failure left is recovered."""

import copy
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from bifold.power import boots, images, trace
from bifold.power.cache import Cache
from bifold.power.states import choose, replay, survey

MEDIA_MAX = 16              # that are recovered in one recorded run
STATES_MAX = 12             # of each recovery


@dataclass
class Origin:
    """Where a state of a second failure comes from."""
    state: object           # states.State: that of the first one
    story: str


def cut_recoveries(sweep, made, scratch, origins):
    """Records the recovery of each image that `made` yields, and yields (state, marks, path) of what
    can be left of it. Fills `origins`: {state number: Origin}."""
    while True:
        batch = [(state, copy.deepcopy(marks), path.rename(scratch / f"first{number}"))
                 for number, (state, marks, path) in enumerate(islice(made, MEDIA_MAX))]
        if not batch:
            return
        recovered = _record(sweep, batch, scratch)
        records = trace.read(scratch / "trace")
        for medium, (first, marks, before) in enumerate(batch):
            base = images.Base(before)
            images.demand_whole_record(records, Cache(medium, base), recovered[medium])
            yield from _states(sweep, records, Cache(medium, base), marks, first, before, origins)
            base.close()


def _record(sweep, batch, scratch):
    """Runs the recovery of a batch; returns the media that it left."""
    paths = []
    for number, (_, _, before) in enumerate(batch):
        paths.append(scratch / f"second{number}")
        images.copy_sparse(before, paths[-1])
    _, problem = boots.judge_states(sweep.workload, sweep.kernel, sweep.program, scratch, paths,
                                    scratch / "trace", scratch)
    if problem:
        raise boots.RunFailed(f"a recovery that went well goes wrong when it is recorded: {problem}")
    return [scratch / f"recovered{number}" for number in range(len(batch))]


def _states(sweep, records, cache, marks, first, before, origins):
    base = cache.base
    effort = replace(sweep.effort, seed=f"{sweep.effort.seed}/{first.number}")
    found = survey(records, cache, marks, effort, whole=True)
    chosen = choose(found.states, STATES_MAX, effort.seed)
    writer = images.Writer(before, before.parent)
    for state, what, overlay, cut in replay(records, Cache(cache.medium, base), marks, chosen, effort,
                                            whole=True):
        state.number = len(origins)
        path = Path(before.parent) / f"state{state.number}"
        writer.write(path, state.number, overlay, cut.cache, marks)
        at = records[min(cut.event, len(records) - 1)]
        origins[state.number] = Origin(first, f"a second failure, while it was recovered, before event "
                                       f"{cut.event}, in {sweep.symbols.name(at.pc)}; {what}")
        yield state, marks, path
    writer.close()
