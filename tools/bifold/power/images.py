# SPDX-License-Identifier: BSD-2-Clause
"""Writes what a power failure left into a file that a machine can have as its NVDIMM."""

import errno
import os
import shutil
import struct

from bifold.power.cache import LINE
from bifold.power.trace import TraceError

PAGE = 4096
_TICKET = struct.Struct("<QQQ8Q8Q")         # struct power_ticket in tests/harness/power.h
_MAGIC = 0x74656b6369546f42
_PIECE = 1 << 20


class Base:
    """A medium before the record: reads lines of its file."""

    def __init__(self, path):
        self._descriptor = os.open(path, os.O_RDONLY)
        self.size = os.fstat(self._descriptor).st_size

    def __call__(self, line):
        return os.pread(self._descriptor, LINE, line * LINE)

    def close(self):
        os.close(self._descriptor)


class Writer:
    """Makes images of one record's states, which must come in the order of the record.

    Keeps a file that follows the medium, so that an image costs a copy and the lines under way.
    """

    def __init__(self, base_path, scratch):
        self._path = scratch / "medium-now"
        copy_sparse(base_path, self._path)
        self._descriptor = os.open(self._path, os.O_RDWR)
        self._size = os.fstat(self._descriptor).st_size

    def write(self, path, number, overlay, cache, marks):
        for line in cache.written:
            os.pwrite(self._descriptor, cache.media[line], line * LINE)
        cache.written.clear()
        copy_sparse(self._path, path)
        ticket = _TICKET.pack(_MAGIC, number, marks.plan, *marks.begun, *marks.done)
        with open(path, "r+b", buffering=0) as stream:
            for line, content in overlay.items():
                os.pwrite(stream.fileno(), content, line * LINE)
            os.pwrite(stream.fileno(), ticket, self._size - PAGE)

    def close(self):
        os.close(self._descriptor)


def copy_sparse(source, target):
    """Copies what is not a hole."""
    with open(source, "rb", buffering=0) as old, open(target, "wb", buffering=0) as new:
        size = os.fstat(old.fileno()).st_size
        new.truncate(size)
        for start, end in extents(old.fileno(), size):
            for offset in range(start, end, _PIECE):
                os.pwrite(new.fileno(), os.pread(old.fileno(), min(_PIECE, end - offset), offset),
                          offset)
    shutil.copymode(source, target)


def extents(descriptor, size):
    """(start, end) of each run of data in a file."""
    start = 0
    while start < size:
        try:
            start = os.lseek(descriptor, start, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            raise
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
        yield start, end
        start = end


def demand_whole_record(records, cache, path):
    """What the CPUs saw by the record is what the machine left, or stores were missed: TraceError."""
    for event, record in enumerate(records):
        cache.step(event, record)
    wrong = difference(cache, path)
    if wrong:
        raise TraceError(f"the record is not whole: {wrong}")


def difference(cache, path):
    """None, or a place at which a file does not hold what the record says that the CPUs saw."""
    with open(path, "rb", buffering=0) as stream:
        for line in {**cache.media, **cache.pending}:
            found = os.pread(stream.fileno(), LINE, line * LINE)
            if found != cache.live(line):
                return (f"line {line * LINE:#x}: expected {cache.live(line).hex()}, "
                        f"found {found.hex()}")
        base = Base(path)
        for start, end in extents(stream.fileno(), base.size):
            for line in range(start // LINE, end // LINE):
                content = base(line)
                if content != cache.live(line):
                    base.close()
                    return f"line {line * LINE:#x} was stored to, and that is not in the record"
        base.close()
    return None
