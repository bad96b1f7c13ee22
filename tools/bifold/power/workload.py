# SPDX-License-Identifier: BSD-2-Clause
"""Reads the description of a workload whose power fails: tests/power/NAME.ini.

[power]
purpose   one sentence: what this workload is there to show
writes    the test that writes, such as power_pmem.writes
judge     the test that recovers and judges; it is told when the power failed by a ticket
size      of the NVDIMM (default 4M)
cpus      how many (default 1)
seed      of the run and of the sweep (default 1)
lines     how many lines are tried each for itself where the power is cut (default 8); 0: all
draws     how many subsets of the lines are drawn there besides (default 8)
sample    how many states are judged (default 256); 0: all
again     how many of these have the power fail once more, while they are recovered (default 0)
finds     a regular expression: there must be violations, and what is said of the first one must match.
          Without it there must be none
"""

import configparser
import re
from dataclasses import dataclass
from pathlib import Path

from bifold.machine import DescriptionError, parse_size


@dataclass
class Workload:
    name: str
    purpose: str
    writes: str
    judge: str
    size: int = 4 << 20
    cpus: int = 1
    seed: int = 1
    lines: int = 8
    draws: int = 8
    sample: int = 256
    again: int = 0
    finds: str | None = None


def _number(text):
    if not re.fullmatch(r"[0-9]+", text):
        raise ValueError("a number")
    return int(text)


def _regex(text):
    re.compile(text)
    return text


_CONVERT = {"purpose": str, "writes": str, "judge": str, "size": parse_size, "cpus": _number,
            "seed": _number, "lines": _number, "draws": _number, "sample": _number,
            "again": _number, "finds": _regex}


def read_workload(path):
    path = Path(path)
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    try:
        with open(path, encoding="ascii") as stream:
            parser.read_file(stream)
        section = parser["power"]
    except (OSError, UnicodeDecodeError, configparser.Error, KeyError) as error:
        raise DescriptionError(f"{path}: expected a section [power]: {error}") from None
    values = {}
    for key, text in section.items():
        if key not in _CONVERT:
            raise DescriptionError(f"{path}: {key}: expected one of {', '.join(_CONVERT)}")
        try:
            values[key] = _CONVERT[key](text)
        except (ValueError, re.error) as error:
            raise DescriptionError(f"{path}: {key}: expected {error}, found {text!r}") from None
    missing = [key for key in ("purpose", "writes", "judge") if not values.get(key)]
    if missing:
        raise DescriptionError(f"{path}: {missing[0]}: expected a value, found none")
    return Workload(path.stem, **values)
