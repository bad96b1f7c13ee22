# SPDX-License-Identifier: BSD-2-Clause
"""Files that stand for the media of NVDIMMs: made before a run, compared after it.

Files are sparse, and a hole is never read: an NVDIMM of a terabyte costs nothing. What a file must
hold is a sequence of blocks (offset, bytes), ascending, with zeros between them; both making and
comparing follow it.
"""

import errno
import lzma
import os
import random

BLOCK = 1 << 20
PATTERN_ENDS = 8 * BLOCK        # of a large file, only this much at each end carries the pattern
PATTERN_WHOLE = 256 * BLOCK


def create(path, medium, index):
    """Makes the backing file of medium number `index`; returns its size in bytes."""
    size = medium.size
    with open(path, "wb") as stream:
        for offset, data in _content(medium, index):
            stream.seek(offset)
            stream.write(data)
            if medium.image:
                size = offset + len(data)
        stream.truncate(size)
    return size


def difference(path, medium, index):
    """None, or what in the file is not as create() left it, or as it was to become."""
    place = 0
    # Unbuffered, since a buffer would not notice how SEEK_DATA moves the place in the file.
    with open(path, "rb", buffering=0) as stream:
        for offset, data in _expected(medium, index):
            found = _stray(stream, place, offset) or _compare(stream, offset, data)
            if found:
                return found
            place = offset + len(data)
        return _stray(stream, place, os.fstat(stream.fileno()).st_size)


def _expected(medium, index):
    """The blocks that a file must end with."""
    if medium.becomes is None:
        return _content(medium, index)
    return [(offset, value.to_bytes(8, "little")) for offset, value in medium.becomes]


def _content(medium, index):
    if medium.image:
        yield from _image(medium.image)
    elif medium.unchanged:
        for offset in range(0, medium.size, BLOCK):
            if (medium.size <= PATTERN_WHOLE or offset < PATTERN_ENDS
                    or offset >= medium.size - PATTERN_ENDS):
                length = min(BLOCK, medium.size - offset)
                yield offset, random.Random(f"{index}/{offset}").randbytes(length)


def _image(path):
    """The blocks of a compressed image that are not all zeros, and its last one."""
    offset = 0
    with lzma.open(path) as stream:
        data = stream.read(BLOCK)
        while data:
            following = stream.read(BLOCK)
            if data.count(0) != len(data) or not following:
                yield offset, data
            offset += len(data)
            data = following


def _compare(stream, offset, expected):
    stream.seek(offset)
    found = stream.read(len(expected))
    if found == expected:
        return None
    at = next((i for i, (x, y) in enumerate(zip(found, expected)) if x != y), len(found))
    return (f"byte {offset + at:#x}: expected {expected[at:at + 16].hex()}, "
            f"found {found[at:at + 16].hex()}")


def _stray(stream, start, end):
    """What lies in [start, end) and is not zero. Holes are skipped."""
    while start < end:
        try:
            start = os.lseek(stream.fileno(), start, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return None
            raise
        if start >= end:
            return None
        length = min(BLOCK, end - start)
        found = _compare(stream, start, bytes(length))
        if found:
            return found
        start += length
    return None
