# SPDX-License-Identifier: BSD-2-Clause
"""What the guest says (guest/init, guest/measure.c), among the lines of its kernel:

LINUX start 6.1.0-9-amd64
LINUX figure fsdax.read4k 6925 instructions
LINUX error ndctl create-namespace: no such option
LINUX end

A report counts only if it is whole: from the start to the end, without an error, no figure twice.
"""

import re

from bifold.linux import Failed

_START = re.compile(r"LINUX start (\S+)")
_FIGURE = re.compile(r"LINUX figure ([a-z0-9.-]+) (-?[0-9]{1,18}) (instructions|KiB)")
_PANIC = re.compile(r"Kernel panic - not syncing: .*|Out of memory: .*")
_SHOWN = 5


def parse(output):
    """(the kernel's version, {name: value}) of the bytes of a console; Failed if it is not whole."""
    said = [line for line in _lines(output) if line.startswith("LINUX ")]
    version, figures = None, {}
    for number, line in enumerate(said, 1):
        start, figure = _START.fullmatch(line), _FIGURE.fullmatch(line)
        if line.startswith("LINUX error "):
            raise Failed(f"in the guest: {line[12:]}")
        if start and number == 1:
            version = start[1]
        elif figure and figure[1] not in figures:
            figures[figure[1]] = int(figure[2])
        elif line != "LINUX end" or number != len(said):
            raise Failed(f"the guest says what is not expected there, or says it twice: {line!r}")
    if version is None or said[-1] != "LINUX end":
        raise Failed(f"the guest did not come to its {'start' if version is None else 'end'}; "
                     f"{last_words(output)}")
    return version, figures


def last_words(output):
    """Why it came to nothing, as far as a console tells."""
    lines = _lines(output)
    panics = [found[0] for found in map(_PANIC.search, lines) if found]
    if panics:
        return f"its kernel says: {panics[0]}"
    last = [line for line in lines if line][-_SHOWN:]
    return "its last lines:" + "".join(f"\n  {line}" for line in last) if last else "it said nothing"


def _lines(output):
    return [line.strip() for line in output.decode("ascii", "replace").splitlines()]
