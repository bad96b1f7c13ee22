# SPDX-License-Identifier: BSD-2-Clause
"""The arithmetic between what was counted and what is shown."""

from dataclasses import dataclass

from bifold.linux import Failed

LENGTHS = {"4k": 4 << 10, "64k": 64 << 10, "2m": 2 << 20}

_SHORT, _LONG = 512, 4096


@dataclass
class Split:
    """An operation that copies: its instructions, and which of them are the copy's."""
    copy: int
    rest: int


class Figures(dict):
    """What was counted, {name: value}; Failed where a figure is asked for that is not there."""

    def __missing__(self, name):
        raise Failed(f"no figure {name} was counted")


def split(figures, operation):
    """{length: Split} of `operation`, "read" or "write".

    512 bytes and 4096 bytes are both a part of one page, so that only the copy can make the longer one
    dearer: what it costs for each byte is the difference, divided. What is done once for each page is
    not in it.
    """
    short, long = figures[f"{operation}512"], figures[f"{operation}4k"]
    result = {}
    for name, length in LENGTHS.items():
        copy = length * (long - short) // (_LONG - _SHORT)
        rest = figures[f"{operation}{name}"] - copy
        if copy < 0 or rest < 0:
            raise Failed(f"{operation}: {short} instructions for 512 bytes and {long} for 4096 cannot "
                         f"be, with {figures[f'{operation}{name}']} for {length} bytes")
        result[name] = Split(copy, rest)
    return result


def named(figures, prefix):
    """The figures whose names begin so, less that; Failed if there are none."""
    found = Figures((name[len(prefix):], value) for name, value in figures.items()
                    if name.startswith(prefix))
    if not found:
        raise Failed(f"no figure {prefix}* was counted")
    return found


@dataclass
class Memory:
    """What it takes to bring the memory up, in bytes and in instructions."""
    dram: int
    medium: int
    begin: int
    map: int | None = None          # of those, to make the memory visible to the CPU, with room for
    descriptors: int | None = None  # the descriptors; and to fill these in. None: not told apart


def linux_memory(figures, mode):
    found = named(figures, f"{mode}.")
    memory = Memory(found["dram"] << 10, found["medium"] << 10, found["begin"], found["map"],
                    found["descriptors"])
    if memory.map + memory.descriptors > memory.begin or (mode != "raw" and not memory.descriptors):
        raise Failed(f"{mode}: bringing up took {memory.begin} instructions, of which the kernel's "
                     f"tracer says {memory.map} for the map and {memory.descriptors} for descriptors")
    return memory


def scheme_memory(figures, scheme):
    found = named(figures, f"peer.begin.{scheme}.")
    return Memory(found["dram"], found["medium"], found["begin"])


def page_map_memory(facts):
    """Of the page map and of the frame allocator, which describe all memory of the machine."""
    metadata, ticks = _fact(facts, "metadata"), _fact(facts, "bring-up")
    page_map = sum(_number(metadata, key) for key in
                   ("directory", "areas", "tables", "spare-tables", "tables-at-hand"))
    return (Memory(page_map, 0, _number(ticks, "page-map")),
            Memory(_number(metadata, "allocator"), 0, _number(ticks, "allocator")))


def _fact(facts, keyword):
    for name, values in facts:
        if name == keyword:
            return values
    raise Failed(f"Bifold's report has no line `# {keyword} ...`")


def _number(values, key):
    if not values.get(key, "").isdigit():
        raise Failed(f"Bifold's report: expected {key}=NUMBER, found {values}")
    return int(values[key])
