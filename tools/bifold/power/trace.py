# SPDX-License-Identifier: BSD-2-Clause
"""Reads what the recorder wrote: tools/power/trace.h."""

import struct
from typing import NamedTuple

MAGIC = b"BIFOLDP1"
_RECORD = struct.Struct("<BBBBIQQQ")

STORE, STORE_AROUND, FLUSH, CLFLUSH, FENCE, MARKER, FLUSH_UNCLEAR, END = range(1, 9)

# Codes of markers: tests/harness/power.h.
PLAN, START, BEGUN, DONE, USER, STOP = range(1, 7)


class TraceError(Exception):
    """A trace that cannot be used; the text says why."""


class Record(NamedTuple):
    kind: int
    cpu: int
    size: int
    medium: int
    code: int               # of a marker
    pc: int
    where: int              # bytes from the medium's start; a marker's value
    data: int               # what was stored; at a marker the instructions so far


def read(path):
    """[Record], without the one that ends them."""
    data = path.read_bytes()
    if not data.startswith(MAGIC) or (len(data) - len(MAGIC)) % _RECORD.size:
        raise TraceError(f"{path}: no whole trace of {MAGIC.decode()}; was the recorder loaded?")
    records = [Record._make(fields) for fields in _RECORD.iter_unpack(data[len(MAGIC):])]
    if not records or records.pop().kind != END:
        raise TraceError(f"{path}: the end is missing; QEMU was killed, or the disk is full")
    unclear = [record for record in records if record.kind == FLUSH_UNCLEAR]
    if unclear:
        raise TraceError(f"{path}: the address that the flush at {unclear[0].pc:#x} flushes cannot "
                         "be found out: it has a segment's base or 32 bits in it")
    return records
