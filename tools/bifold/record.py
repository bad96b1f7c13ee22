# SPDX-License-Identifier: BSD-2-Clause
"""Compares what a run measured with what is recorded, so that nothing gets dearer unseen.

A record is a text file, one figure a line, sorted: `NAME VALUE UNITS`. It is for figures that every
run finds the same, and where less is better.
"""

ALLOWED = 2             # percent

_HEAD = """\
# SPDX-License-Identifier: BSD-2-Clause
#
# What the machine `{machine}` measured. A run is red that finds more than {allowed} % above a figure,
# lacks one, or has one that is not here. After a change that is worth its cost, or saves some:
#
#	{command}
#
"""


class RecordError(Exception):
    """A record that cannot be used; the text says where and why."""


def command(machine):
    """What writes the record anew."""
    return f"tools/run-machine --update-record {machine}"


def write(path, machine, measurements):
    """Writes the measurements of a run of the machine as its record."""
    lines = sorted(f"{one.name} {one.value} {one.units}\n" for one in measurements)
    head = _HEAD.format(machine=machine, allowed=ALLOWED, command=command(machine))
    path.write_text(head + "".join(lines), encoding="ascii")


def read(path):
    """{(name, units): value}; RecordError if it is none."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"{path}: {error}") from None
    figures = {}
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 3 or not words[1].isdigit():
            raise RecordError(f"{path}:{number}: expected NAME VALUE UNITS, found {line!r}")
        if (words[0], words[2]) in figures:
            raise RecordError(f"{path}:{number}: {words[0]} stands a second time")
        figures[words[0], words[2]] = int(words[1])
    return figures


def compare(path, machine, measurements):
    """(problems, notes): what is wrong, and what is better than recorded."""
    again = f"`{command(machine)}` records what is found"
    try:
        recorded = read(path)
    except RecordError as error:
        return [f"{error}; {again}"], []
    found = {(one.name, one.units): one.value for one in measurements}
    problems, notes = [], []
    for what, keys in (("recorded, and not measured", recorded.keys() - found.keys()),
                       ("measured, and not in the record", found.keys() - recorded.keys())):
        if keys:
            names = ", ".join(f"{name} in {units}" for name, units in sorted(keys))
            problems.append(f"{what}: {names}; {again}")
    for key in sorted(recorded.keys() & found.keys()):
        name, units = key
        if 100 * found[key] > (100 + ALLOWED) * recorded[key]:
            problems.append(f"{name}: {_change(recorded[key], found[key], units)}; if that is "
                            f"worth it, {again}")
        elif 100 * found[key] < (100 - ALLOWED) * recorded[key]:
            notes.append(f"{name}: {_change(recorded[key], found[key], units)}; {again}, so that "
                         "the gain is kept")
    return problems, notes


def _change(recorded, found, units):
    percent = f" ({100 * (found - recorded) / recorded:+.1f} %)" if recorded else ""
    return f"{recorded} {units} recorded, {found} found{percent}"
