# SPDX-License-Identifier: BSD-2-Clause
"""Runs a workload once, lets the power fail in every way worth trying, and judges what is left."""

import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from bifold.power import boots, images, trace
from bifold.power.cache import Cache
from bifold.power.figures import figures
from bifold.power.states import Effort, Marks, choose, replay, survey
from bifold.power.story import tell
from bifold.power.symbols import Symbols

SINGLES_MAX = 64            # states that are judged in boots of their own


@dataclass
class Outcome:
    name: str
    figures: dict = field(default_factory=dict)
    states: int = 0         # that can be left, as far as they were enumerated
    images: int = 0         # distinct contents among them
    judged: int = 0
    judged_again: int = 0   # after a second failure, during the recovery
    violations: list = field(default_factory=list)  # [story.Violation], in the order of the run
    notes: list = field(default_factory=list)       # places: stores never persisted, needless flushes


class Sweep:
    """One workload, in a folder of its own.

    progress(text) is called now and then. jobs: how many machines run at a time.
    """

    def __init__(self, workload, kernel, program, folder, jobs, progress=lambda text: None):
        self.workload, self.kernel, self.program = workload, kernel, program
        self.folder, self.jobs, self.progress = folder, jobs, progress
        self.effort = Effort(workload.seed)
        if not workload.sample:
            self.effort = Effort(workload.seed, lines=0, draws=64)
        self.symbols = Symbols(kernel)

    def run(self):
        """The Outcome. boots.RunFailed, trace.TraceError: it could not be had."""
        folder = self.folder
        folder.mkdir(parents=True, exist_ok=True)
        self.progress("recording")
        boots.record(self.workload, self.kernel, self.program, folder)
        records = trace.read(folder / "trace")
        base = images.Base(folder / "before")
        try:
            return self._sweep(records, base)
        finally:
            base.close()

    def _sweep(self, records, base):
        self._demand_whole_record(records, base)
        found = survey(records, Cache(0, base), Marks(), self.effort)
        outcome = Outcome(self.workload.name, states=len(found.states), images=found.images)
        outcome.figures, outcome.notes = figures(records, base, self.symbols)
        if not found.states:
            raise boots.RunFailed(f"{self.workload.writes} stored nothing between its markers")
        chosen = choose(found.states, self.workload.sample, self.workload.seed)
        outcome.judged = len(chosen)
        said = self._judge(records, base, chosen, boots.MEDIA_MAX)
        # A state that takes its boot down with it, and those that were judged with it, one by one.
        unsaid = [state for state in chosen if state.number not in said]
        said.update(self._judge(records, base, unsaid[:SINGLES_MAX], 1))
        unsaid = [state for state in chosen if state.number not in said]
        if unsaid:
            outcome.notes.append(f"{len(unsaid)} states were not judged: too many boots failed")
        broken = [state for state in chosen if said.get(state.number)]
        outcome.judged = len(said)
        outcome.violations = tell(records, base, self.effort, broken, said, self.symbols)
        return outcome

    def _demand_whole_record(self, records, base):
        """What the CPUs saw by the record is what the machine left, or stores were missed."""
        cache = Cache(0, base)
        for event, record in enumerate(records):
            cache.step(event, record)
        wrong = images.difference(cache, self.folder / "after")
        if wrong:
            raise trace.TraceError(f"the record of {self.workload.writes} is not whole: {wrong}")

    def _judge(self, records, base, states, per_boot):
        """{state number: None, or what is broken}; without those whose boot gave no answer, unless
        it had them alone."""
        said, batch, running = {}, [], []
        if not states:
            return said
        scratch = Path(tempfile.mkdtemp(prefix="states.", dir=self.folder))
        writer = images.Writer(self.folder / "before", scratch)
        with ThreadPoolExecutor(self.jobs) as pool:
            for state, _, overlay, cut in replay(records, Cache(0, base), Marks(), states,
                                                 self.effort):
                path = scratch / f"state{state.number}"
                writer.write(path, state, overlay, cut.cache, cut.marks)
                batch.append((state, path))
                if len(batch) == per_boot:
                    running.append(pool.submit(self._boot, scratch, batch))
                    batch = []
                # Images of more batches than can be booted would only take room.
                while len(running) > self.jobs:
                    self._collect(running.pop(0), said, states)
            if batch:
                running.append(pool.submit(self._boot, scratch, batch))
            for future in running:
                self._collect(future, said, states)
        writer.close()
        shutil.rmtree(scratch)
        return said

    def _collect(self, future, said, states):
        said.update(future.result())
        self.progress(f"{len(said)} of {len(states)} states, "
                      f"{sum(1 for text in said.values() if text)} broken")

    def _boot(self, scratch, batch):
        folder = Path(tempfile.mkdtemp(prefix="boot.", dir=scratch))
        said, problem = boots.judge_states(self.workload, self.kernel, self.program, folder,
                                           [path for _, path in batch])
        if not problem:
            return said
        if len(batch) > 1:
            return {}
        number = batch[0][0].number
        log = self.folder / f"state{number}.log"
        shutil.copyfile(folder / "judge.log", log)
        return {number: f"{problem} ({log})"}
