# SPDX-License-Identifier: BSD-2-Clause
"""Builds an ACPI tree of its own: RSDP, RSDT and the given tables, byte for byte.

QEMU corrects the checksum of a table that it is given; a tree loaded into memory as it is can hold
a table with a wrong one.
"""

import struct

ADDRESS = 0x8000000     # 128 MiB: DRAM on every machine described here
_ALIGN = 64


def _sum_to_zero(data, at):
    """`data` with the byte at `at` such that all bytes add up to 0."""
    return data[:at] + bytes([-(sum(data) - data[at]) & 0xff]) + data[at + 1:]


def build(tables, address=ADDRESS):
    """The bytes to load at `address`; the RSDP (revision 0) stands first."""
    rsdt_at = address + _ALIGN
    rsdt_length = 36 + 4 * len(tables)
    place = rsdt_at + rsdt_length
    entries, body = b"", b""
    for table in tables:
        gap = -place % _ALIGN
        entries += struct.pack("<I", place + gap)
        body += bytes(gap) + table
        place += gap + len(table)
    rsdp = _sum_to_zero(struct.pack("<8sB6sBI", b"RSD PTR ", 0, b"BIFOLD", 0, rsdt_at), 8)
    header = struct.pack("<4sIBB6s8sI4sI", b"RSDT", rsdt_length, 1, 0, b"BIFOLD", b"TESTTREE",
                         1, b"TST ", 1)
    return rsdp.ljust(_ALIGN, b"\0") + _sum_to_zero(header + entries, 9) + body
