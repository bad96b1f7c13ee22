# SPDX-License-Identifier: BSD-2-Clause
"""What a power failure can leave, enumerated from a record.

What a store adds to what can be left, and a fence takes away, can all be left just before the fence.
So the power is cut before each fence, after each promise, and at the end, and there all of these are
tried: nothing of what is under way arrived, all of it, one line alone, all but one line, each in
every way that the model knows of cutting a line off, and draws from the rest; where the ways are few,
every combination. It is also cut wherever a CPU turns from one line to another, and there everything
arrived: the program's order.
"""

import math
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import product
from random import Random

from bifold.power import trace
from bifold.power.cache import LINE, Cache, apply, drawn, variants

CPUS_MAX = 8                # as POWER_CPUS_MAX in tests/harness/power.h
COMBINATIONS_MAX = 64       # up to here every combination is tried


@dataclass
class Marks:
    """What the run said of itself up to some record."""
    plan: int = 0
    begun: list = field(default_factory=lambda: [0] * CPUS_MAX)
    done: list = field(default_factory=lambda: [0] * CPUS_MAX)

    def note(self, record):
        if record.code == trace.PLAN:
            self.plan = record.where
        elif record.code in (trace.BEGUN, trace.DONE):
            if record.cpu >= CPUS_MAX:
                raise trace.TraceError(f"a marker of CPU {record.cpu}, expected {CPUS_MAX} at most")
            (self.begun if record.code == trace.BEGUN else self.done)[record.cpu] = record.where

    def key(self):
        return (*self.begun, *self.done)


@dataclass(slots=True)
class State:
    """One that can be left: by a cut before record `event`, the `index`th way there."""
    event: int
    index: int
    identity: int           # of the medium's bytes
    number: int = 0         # in the order of the sweep


@dataclass
class Cut:
    """The moment before record `event`."""
    event: int
    thorough: bool
    cache: Cache
    marks: Marks


def cuts(records, cache, marks, whole=False):
    """Drives the model through the records, and stops at each Cut; only between the markers START
    and STOP, unless it is the `whole` record. A Cut is valid until the next one is asked for."""
    within = whole
    after = None            # what the record before this one wants: False plainly, True thoroughly
    for event, record in enumerate(records):
        stops = record.kind == trace.MARKER and record.code == trace.STOP
        if within and cache.pending and (stops or record.kind == trace.FENCE):
            after = True
        if within and after is not None and (after or not _goes_on(records[event - 1], record)):
            yield Cut(event, after, cache, marks)
        after = None
        if record.kind == trace.MARKER:
            marks.note(record)
            within = whole or within and not stops or record.code == trace.START
            if record.code == trace.DONE:
                after = True
        elif record.kind in (trace.STORE, trace.STORE_AROUND) and record.medium == cache.medium:
            after = False
        cache.step(event, record)
    if whole:
        yield Cut(len(records), True, cache, marks)


@dataclass(frozen=True)
class Effort:
    """How much is tried at a thorough cut where not every combination can be."""
    seed: int
    lines: int = 8          # that are tried each for itself; 0: all
    draws: int = 8          # subsets of all lines, at random


def _goes_on(before, record):
    """Both are stores of one CPU to one line."""
    stores = (trace.STORE, trace.STORE_AROUND)
    return (before.kind in stores and record.kind in stores and before.cpu == record.cpu
            and before.where // LINE == record.where // LINE)


def overlays(cut, effort):
    """(description, {line: bytes}) for each way in which the stores under way can have arrived."""
    pending, on_medium = cut.cache.pending, cut.cache.on_medium
    full = {line: apply(on_medium(line), atoms) for line, atoms in sorted(pending.items())}
    if cut.thorough:
        yield "nothing under way arrived", {}
    yield "everything arrived", full
    if not cut.thorough:
        return
    choices = {line: variants(atoms, on_medium(line)) for line, atoms in sorted(pending.items())}
    if math.prod(1 + len(contents) for contents in choices.values()) <= COMBINATIONS_MAX:
        for combination in product(*([None, *contents] for contents in choices.values())):
            yield "a combination", {line: content for line, content in zip(choices, combination)
                                    if content is not None}
        return
    random = Random(f"{effort.seed}/{cut.event}")
    alone = list(choices)
    if effort.lines and len(alone) > effort.lines:
        alone = sorted(random.sample(alone, effort.lines))
    for line in alone:
        rest = {other: content for other, content in full.items() if other != line}
        yield f"all but line {line * LINE:#x} arrived", rest
        for content in choices[line]:
            yield f"line {line * LINE:#x} arrived alone", {line: content}
            if content != full[line]:
                yield f"line {line * LINE:#x} arrived in part", {**rest, line: content}
    for _ in range(effort.draws):
        share = random.choice((0.1, 0.5, 0.9))
        yield "some arrived", {line: drawn(atoms, on_medium(line), random)
                               for line, atoms in pending.items() if random.random() < share}


class Identity:
    """Tells the contents of a medium apart, by a number that follows the model as it goes."""

    def __init__(self, cache):
        self.cache = cache
        self.known = {}             # line: the number of what it holds now
        self.total = 0

    def _line(self, line, content):
        return 0 if content == self.cache.base(line) else hash((line, content))

    def of(self, overlay):
        for line in self.cache.written:
            now = self._line(line, self.cache.media[line])
            self.total ^= self.known.get(line, 0) ^ now
            self.known[line] = now
        self.cache.written.clear()
        total = self.total
        for line, content in overlay.items():
            total ^= self.known.get(line, 0) ^ self._line(line, content)
        return total


@dataclass
class Survey:
    """All states of one record."""
    states: list                # [State], in order; of equal ones with equal promises the first
    images: int                 # how many different contents they have
    cuts: int
    cache: Cache                # as it was at the marker STOP, or at the end
    marks: Marks


def survey(records, cache, marks, effort, whole=False):
    """Looks at every state; keeps none of their contents."""
    identity, seen, states, nr_cuts = Identity(cache), set(), [], 0
    for cut in cuts(records, cache, marks, whole):
        nr_cuts += 1
        promised = cut.marks.key()
        for index, (_, overlay) in enumerate(overlays(cut, effort)):
            found = identity.of(overlay)
            if (found, promised) not in seen:
                seen.add((found, promised))
                states.append(State(cut.event, index, found))
    return Survey(states, len({state.identity for state in states}), nr_cuts, cache, marks)


def choose(states, sample, seed):
    """A sample of the states, as even over the cuts as there is room for; 0: all. In order. At most
    half are of cuts that have one state alone: those of the program's order."""
    if sample and len(states) > sample:
        random = Random(f"{seed}/sample")
        of_cut = defaultdict(list)
        for state in states:
            of_cut[state.event].append(state)
        groups = list(of_cut.values())
        random.shuffle(groups)
        for group in groups:
            random.shuffle(group)
        thorough = [group for group in groups if len(group) > 1]
        single = [group for group in groups if len(group) == 1]
        room = max(sample // 2, sample - sum(map(len, thorough)))
        chosen = [group[0] for group in single[:room]]
        while len(chosen) < sample:
            thorough = [group for group in thorough if group]
            chosen += [group.pop() for group in thorough[:sample - len(chosen)]]
        states = sorted(chosen, key=lambda state: (state.event, state.index))
    for number, state in enumerate(states):
        state.number = number
    return states


def replay(records, cache, marks, states, effort, whole=False):
    """(state, description, overlay, cut) for each of these states, in their order."""
    wanted = defaultdict(dict)
    for state in states:
        wanted[state.event][state.index] = state
    for cut in cuts(records, cache, marks, whole):
        mine = wanted.get(cut.event)
        for index, (what, overlay) in enumerate(overlays(cut, effort)) if mine else ():
            if index in mine:
                yield mine[index], what, overlay, cut
