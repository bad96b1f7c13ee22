# SPDX-License-Identifier: BSD-2-Clause
"""Tells of a violation when the power failed, what was lost, and where that had been stored."""

from dataclasses import dataclass

from bifold.power.cache import LINE, Cache
from bifold.power.states import Marks, replay

LINES_SHOWN = 8


@dataclass
class Violation:
    state: object           # states.State
    what: str               # what the judge says
    story: list             # of lines


def tell(records, base, effort, broken, said, symbols):
    """[Violation] in the order of the record; at the earliest cut, what lost the fewest lines first.
    Only the first one has a story."""
    if not broken:
        return []
    earliest = [state for state in broken if state.event == broken[0].event]
    found = [(_lost(overlay, cut.cache), state, _story(what, overlay, cut, records, symbols))
             for state, what, overlay, cut in
             replay(records, Cache(0, base), Marks(), earliest, effort)]
    lost, first, story = min(found, key=lambda entry: (len(entry[0]), entry[1].index))
    rest = [state for state in broken if state is not first]
    return [Violation(first, said[first.number].broken, story),
            *(Violation(state, said[state.number].broken, []) for state in rest)]


def _lost(overlay, cache):
    """The lines of which something under way did not arrive."""
    return [line for line in sorted(cache.pending)
            if overlay.get(line, cache.on_medium(line)) != cache.live(line)]


def _story(what, overlay, cut, records, symbols):
    lost = _lost(overlay, cut.cache)
    at = records[cut.event] if cut.event < len(records) else None
    story = [f"the power failed before event {cut.event}"
             + (f", in {symbols.name(at.pc)}" if at else "") + f"; {what}"]
    story += [f"operations begun {_counts(cut.marks.begun)}, done {_counts(cut.marks.done)}"]
    for line in lost[:LINES_SHOWN]:
        atom = cut.cache.pending[line][-1]
        story.append(f"line {line * LINE:#x}: not persistent, last stored to by "
                     f"{symbols.name(atom.pc)}, event {atom.event}")
    if len(lost) > LINES_SHOWN:
        story.append(f"and {len(lost) - LINES_SHOWN} more lines")
    if not lost:
        story.append("all that was stored had arrived: the order of the stores, or the recovery, "
                     "is wrong")
    return story


def _counts(numbers):
    """Of each CPU, up to the last one that did anything."""
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers = numbers[:-1]
    return "/".join(map(str, numbers))
