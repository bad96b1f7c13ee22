# SPDX-License-Identifier: BSD-2-Clause
"""The tree has right checksums of its own and leaves those of its tables alone."""

import struct
import unittest

import canned  # noqa: F401  (makes the tools importable)
from bifold import acpi_tree

TABLES = [b"NFIT" + bytes(range(50)), b"SRAT" + bytes(45)]


class Tree(unittest.TestCase):
    def setUp(self):
        self.base = 0x8000000
        self.tree = acpi_tree.build(TABLES, self.base)

    def at(self, address, length):
        return self.tree[address - self.base:address - self.base + length]

    def test_rsdp_leads_to_the_rsdt_and_it_to_the_tables(self):
        self.assertEqual(self.tree[:8], b"RSD PTR ")
        rsdt = struct.unpack_from("<I", self.tree, 16)[0]
        length = struct.unpack_from("<I", self.at(rsdt, 8), 4)[0]
        self.assertEqual(self.at(rsdt, 4), b"RSDT")
        entries = struct.unpack("<2I", self.at(rsdt + 36, 8))
        self.assertEqual(length, 44)
        self.assertEqual([self.at(entry, len(table)) for entry, table in zip(entries, TABLES)],
                         TABLES)

    def test_checksums(self):
        rsdt = struct.unpack_from("<I", self.tree, 16)[0]
        self.assertEqual(sum(self.tree[:20]) % 256, 0)
        self.assertEqual(sum(self.at(rsdt, 44)) % 256, 0)


if __name__ == "__main__":
    unittest.main()
