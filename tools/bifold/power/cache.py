# SPDX-License-Identifier: BSD-2-Clause
"""A model of the CPUs' caches over persistent memory.

Between a store and the medium a line goes through these states, on a platform with ADR (Intel SDM
vol. 1, 12.1; vol. 3, 12.3.1 for stores around the caches; vol. 2, CLWB, CLFLUSHOPT, CLFLUSH):

    dirty        stored; it may reach the medium at any time, and need not
    flushed      on its way; still need not have arrived
    persistent   a fence of the CPU that flushed is over: it has arrived

A store around the caches is flushed from the start. What a CPU stores to one line reaches the
medium in that order, cut off anywhere between aligned words of 8 bytes; around the caches there is
order only within such a word. A CLFLUSH has arrived before the same CPU's next store, and for a
promise without a store after it a fence is wanted, too.
"""

from collections import Counter
from dataclasses import dataclass, field

from bifold.power import trace

LINE = 64
WORD = 8


@dataclass(frozen=True, slots=True)
class Atom:
    """Bytes of one aligned word, stored by one instruction: all reach the medium, or none."""
    offset: int             # in the line
    data: bytes
    around: bool
    cpu: int
    pc: int
    event: int              # its place in the trace


def apply(content, atoms):
    """The line's bytes after these stores."""
    content = bytearray(content)
    for atom in atoms:
        content[atom.offset:atom.offset + len(atom.data)] = atom.data
    return bytes(content)


def atoms_of(record, event):
    """The (line, Atom)s of a store, cut at the bounds of words."""
    data = record.data.to_bytes(8, "little")[:record.size]
    place = record.where
    while data:
        length = min(WORD - place % WORD, len(data))
        yield place // LINE, Atom(place % LINE, data[:length], record.kind == trace.STORE_AROUND,
                                  record.cpu, record.pc, event)
        place, data = place + length, data[length:]


@dataclass
class Counts:
    """What was done, and what of it was for nothing."""
    stores: int = 0
    stores_around: int = 0
    flushes: int = 0
    fences: int = 0
    stored_bytes: int = 0
    lines_written: int = 0              # to the medium, once for each fence that waits for one
    needless: Counter = field(default_factory=Counter)  # flushes of clean lines, by pc


class Cache:
    """Follows the records; `pending` and `media` are what a power failure now is about.

    medium: which one is modelled; base(line): its bytes before the first record.
    """

    def __init__(self, medium, base):
        self.medium = medium
        self.base = base
        self.media = {}                 # line: its bytes on the medium, where stored since
        self.pending = {}               # line: [Atom], in their order
        self.counts = Counts()
        self.written = set()            # lines that reached the medium; whoever reads it empties it
        self._flushed = {}              # cpu: {line: event of the flush}
        self._ordered = {}              # cpu: {line: event}, by CLFLUSH
        self._around = {}               # cpu: {line: None}, for their order

    def on_medium(self, line):
        content = self.media.get(line)
        return self.base(line) if content is None else content

    def live(self, line):
        """What the CPUs see."""
        return apply(self.on_medium(line), self.pending.get(line, ()))

    def step(self, event, record):
        """The effect of record number `event`."""
        if record.kind in (trace.STORE, trace.STORE_AROUND):
            if record.medium == self.medium:
                self._store(event, record)
        elif record.kind in (trace.FLUSH, trace.CLFLUSH):
            if record.medium == self.medium:
                self._flush(event, record)
        elif record.kind == trace.FENCE:
            self._fence(record.cpu)

    def _store(self, event, record):
        for line, before in self._ordered.pop(record.cpu, {}).items():
            self._arrive(line, lambda atom, before=before: not atom.around and atom.event < before)
        around = record.kind == trace.STORE_AROUND
        self.counts.stores += 1
        self.counts.stores_around += around
        self.counts.stored_bytes += record.size
        for line, atom in atoms_of(record, event):
            self.pending.setdefault(line, []).append(atom)
            if around:
                self._around.setdefault(record.cpu, {})[line] = None

    def _flush(self, event, record):
        line = record.where // LINE
        self.counts.flushes += 1
        mine = self._flushed.setdefault(record.cpu, {})
        since = mine.get(line, -1)
        if not any(atom.event > since and not atom.around for atom in self.pending.get(line, ())):
            self.counts.needless[record.pc] += 1
        mine[line] = event
        if record.kind == trace.CLFLUSH:
            self._ordered.setdefault(record.cpu, {})[line] = event

    def _fence(self, cpu):
        self.counts.fences += 1
        self._ordered.pop(cpu, None)
        flushed = self._flushed.pop(cpu, {})
        around = self._around.pop(cpu, {})
        for line in {**flushed, **around}:
            before = flushed.get(line, -1)
            self._arrive(line, lambda atom, before=before: atom.cpu == cpu if atom.around
                         else atom.event < before)

    def _arrive(self, line, arrived):
        """The atoms of which arrived(atom) is true are on the medium, and older ones to a word with
        them: memory of one place is coherent."""
        atoms = self.pending.get(line, [])
        last = {}
        for number, atom in enumerate(atoms):
            if arrived(atom):
                last[atom.offset // WORD] = number
        there = [number <= last.get(atom.offset // WORD, -1) for number, atom in enumerate(atoms)]
        if not any(there):
            return
        self.media[line] = apply(self.on_medium(line),
                                 [atom for atom, is_there in zip(atoms, there) if is_there])
        self.written.add(line)
        self.counts.lines_written += 1
        rest = [atom for atom, is_there in zip(atoms, there) if not is_there]
        if rest:
            self.pending[line] = rest
        else:
            del self.pending[line]


def variants(atoms, content):
    """What the medium can hold of a line beside `content`: distinct, what the CPUs see first.

    Every prefix where all stores went through the caches. Around them every word is for itself: here
    each word alone, each one missing, and prefixes; tools/bifold/power/states.py draws more.
    """
    choices = [atoms] + [atoms[:count] for count in range(1, len(atoms))]
    if any(atom.around for atom in atoms):
        words = sorted({atom.offset // WORD for atom in atoms})
        for word in words:
            choices.append([atom for atom in atoms if atom.offset // WORD == word])
            choices.append([atom for atom in atoms if atom.offset // WORD != word])
    found = dict.fromkeys(apply(content, choice) for choice in choices)
    found.pop(content, None)
    return list(found)


def drawn(atoms, content, random):
    """One of all contents that the medium can hold of a line."""
    if not any(atom.around for atom in atoms):
        return apply(content, atoms[:random.randrange(len(atoms) + 1)])
    words = {}
    for atom in atoms:
        words.setdefault(atom.offset // WORD, []).append(atom)
    for mine in words.values():
        content = apply(content, mine[:random.randrange(len(mine) + 1)])
    return content
