# SPDX-License-Identifier: BSD-2-Clause
"""Runs a workload once, lets the power fail in every way worth trying, and judges what is left."""

import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random

from bifold.power import boots, images, trace
from bifold.power.again import cut_recoveries
from bifold.power.cache import Cache, apply, drawn
from bifold.power.figures import figures
from bifold.power.states import Effort, Marks, choose, replay, survey
from bifold.power.story import Violation, tell
from bifold.power.symbols import Symbols

SINGLES_MAX = 64            # states that are judged in boots of their own


@dataclass
class Outcome:
    name: str
    figures: dict = field(default_factory=dict)
    states: int = 0         # that can be left, as far as they were enumerated
    images: int = 0         # distinct contents among them
    judged: int = 0
    recovered: int = 0      # of these: the recovery had something to do
    judged_again: int = 0   # after a second failure, during the recovery
    violations: list = field(default_factory=list)  # [story.Violation], in the order of the run
    notes: list = field(default_factory=list)       # stores never persisted, needless flushes


class Sweep:
    """One workload, in a folder of its own.

    progress(text) is called now and then. jobs: how many machines run at a time.
    """

    def __init__(self, workload, kernel, program, folder, jobs, progress=lambda text: None):
        self.workload, self.kernel, self.program = workload, kernel, program
        self.folder, self.jobs, self.progress = folder, jobs, progress
        self.effort = Effort(workload.seed, workload.lines, workload.draws)
        self.symbols = Symbols(kernel)

    def run(self):
        """The Outcome. boots.RunFailed, trace.TraceError: it could not be had."""
        records, base = self._record()
        try:
            return self._sweep(records, base)
        finally:
            base.close()

    def write_image(self, path, event, arrive):
        """Writes what a cut before the record `event` leaves, 0: after the last one. arrive: "none",
        "all", or a seed that draws what under way arrives. Says what was done."""
        records, base = self._record()
        event = min(event or len(records), len(records))
        cache, marks = Cache(0, base), Marks()
        for number, record in enumerate(records[:event]):
            if record.kind == trace.MARKER:
                marks.note(record)
            cache.step(number, record)
        draw = Random(arrive)
        overlay = {} if arrive == "none" else {
            line: apply(cache.on_medium(line), atoms) if arrive == "all"
            else drawn(atoms, cache.on_medium(line), draw) for line, atoms in cache.pending.items()}
        with tempfile.TemporaryDirectory(prefix="image.", dir=self.folder) as scratch:
            writer = images.Writer(self.folder / "before", Path(scratch))
            writer.write(path, 0, overlay, cache, marks)
            writer.close()
        base.close()
        return (f"{path}: cut before record {event} of {len(records)}, {len(cache.pending)} lines under "
                f"way, arrived: {arrive}")

    def _record(self):
        """([Record], images.Base) of a run that writes."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.progress("recording")
        boots.record(self.workload, self.kernel, self.program, self.folder)
        records = trace.read(self.folder / "trace")
        base = images.Base(self.folder / "before")
        images.demand_whole_record(records, Cache(0, base), self.folder / "after")
        return records, base

    def _sweep(self, records, base):
        found = survey(records, Cache(0, base), Marks(), self.effort)
        outcome = Outcome(self.workload.name, states=len(found.states), images=found.images)
        outcome.figures, outcome.notes = figures(records, base, self.symbols)
        if not found.states:
            raise boots.RunFailed(f"{self.workload.writes} stored nothing between its markers")
        chosen = choose(found.states, self.workload.sample, self.workload.seed)
        said = self._judge(self._images(records, base, chosen), boots.MEDIA_MAX, len(chosen))
        # A state that takes its boot down with it, and those that were judged with it, one by one.
        unsaid = [state for state in chosen if state.number not in said]
        if unsaid:
            said |= self._judge(self._images(records, base, unsaid[:SINGLES_MAX]), 1, len(unsaid))
        unsaid = [state for state in chosen if state.number not in said]
        if unsaid:
            raise boots.RunFailed(f"{len(unsaid)} states were not judged: too many boots failed")
        outcome.judged = len(said)
        outcome.violations = tell(records, base, self.effort,
                                  [state for state in chosen if said[state.number].broken],
                                  said, self.symbols)
        recovered = [state for state in chosen if said[state.number].recovered]
        outcome.recovered = len(recovered)
        self._again(records, base, recovered, outcome)
        return outcome

    def _again(self, records, base, recovered, outcome):
        """Cuts the recovery of some states, too."""
        count = min(self.workload.again, len(recovered))
        chosen = Random(f"{self.workload.seed}/again").sample(recovered, count)
        if not chosen:
            return
        chosen.sort(key=lambda state: state.number)
        with tempfile.TemporaryDirectory(prefix="again.", dir=self.folder) as scratch:
            origins = {}
            made = cut_recoveries(self, self._images(records, base, chosen), Path(scratch), origins)
            said = self._judge(made, boots.MEDIA_MAX, 0)
        for number, origin in origins.items():
            verdict = said.get(number)
            broken = verdict.broken if verdict else "a boot with it gave no verdict"
            if broken:
                outcome.violations.append(Violation(origin.state, broken, [origin.story]))
        outcome.judged_again = len(said)

    def _images(self, records, base, states):
        """(state, marks, path) of each; the images are the caller's."""
        with tempfile.TemporaryDirectory(prefix="states.", dir=self.folder) as scratch:
            writer = images.Writer(self.folder / "before", Path(scratch))
            for state, _, overlay, cut in replay(records, Cache(0, base), Marks(), states,
                                                 self.effort):
                path = Path(scratch) / f"state{state.number}"
                writer.write(path, state.number, overlay, cut.cache, cut.marks)
                yield state, cut.marks, path
            writer.close()

    def _judge(self, made, per_boot, total):
        """{state number: boots.Said}; without those whose boot gave no answer, unless it had them
        alone. `made` yields (state, ..., path), and is not asked for more than can be booted soon."""
        said, running = {}, []
        with tempfile.TemporaryDirectory(prefix="boots.", dir=self.folder) as scratch:
            with ThreadPoolExecutor(self.jobs) as pool:
                while True:
                    folder = Path(tempfile.mkdtemp(dir=scratch))
                    batch = [(state.number, shutil.move(path, folder / path.name))
                             for state, *_, path in islice(made, per_boot)]
                    if batch:
                        running.append(pool.submit(self._boot, folder, batch))
                    while running and (not batch or len(running) > self.jobs):
                        said |= running.pop(0).result()
                        self._show(said, total)
                    if not batch:
                        return said

    def _show(self, said, total):
        broken = sum(1 for verdict in said.values() if verdict.broken)
        self.progress(f"{len(said)}" + (f" of {total}" if total else " more")
                      + f" states, {broken} broken")

    def _boot(self, folder, batch):
        said, problem = boots.judge_states(self.workload, self.kernel, self.program, folder,
                                           [path for _, path in batch])
        if not problem:
            return said
        if len(batch) > 1:
            return {}
        number = batch[0][0]
        log = self.folder / f"state{number}.log"
        shutil.copyfile(folder / "judge.log", log)
        return {number: boots.Said(f"{problem} ({log})")}
