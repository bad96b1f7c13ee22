# SPDX-License-Identifier: BSD-2-Clause
"""Backing files are reproducible, sparse, and every changed byte in them is found."""

import lzma
import tempfile
import unittest
from pathlib import Path

import canned  # noqa: F401  (makes the tools importable)
from bifold import backing
from bifold.machine import Medium

MIB = 1 << 20


class BackingFiles(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "file"

    def write(self, offset, data):
        with open(self.path, "r+b") as stream:
            stream.seek(offset)
            stream.write(data)

    def test_a_pattern_fills_the_whole_file(self):
        medium = Medium(size=2 * MIB + 4096, unchanged=True)
        self.assertEqual(backing.create(self.path, medium, 0), medium.size)
        data = self.path.read_bytes()
        self.assertEqual(len(data), medium.size)
        self.assertLess(data.count(0), len(data) // 100)
        self.assertIsNone(backing.difference(self.path, medium, 0))

    def test_two_media_differ(self):
        medium = Medium(size=MIB, unchanged=True)
        backing.create(self.path, medium, 0)
        self.assertIsNotNone(backing.difference(self.path, medium, 1))

    def test_any_changed_byte_is_found(self):
        medium = Medium(size=2 * MIB + 4096, unchanged=True)
        for offset in (0, 4097, MIB - 1, MIB, medium.size - 1):
            backing.create(self.path, medium, 0)
            self.write(offset, bytes([self.path.read_bytes()[offset] ^ 1]))
            self.assertIn(f"byte {offset:#x}: ", backing.difference(self.path, medium, 0))

    def test_a_terabyte_costs_nothing_and_is_compared_whole(self):
        medium = Medium(size=1 << 40, unchanged=True)
        backing.create(self.path, medium, 0)
        self.assertLess(self.path.stat().st_blocks * 512, 32 * MIB)
        self.assertEqual(self.path.stat().st_size, 1 << 40)
        self.assertIsNone(backing.difference(self.path, medium, 0))
        self.write((1 << 39) + 5, b"\1")
        self.assertIn("byte 0x8000000005", backing.difference(self.path, medium, 0))

    def test_what_a_file_becomes_is_compared(self):
        medium = Medium(size=2 * MIB, becomes=[(0, 1)])
        backing.create(self.path, medium, 0)
        self.assertIn("byte 0x0: ", backing.difference(self.path, medium, 0))
        self.write(0, b"\1")
        self.assertIsNone(backing.difference(self.path, medium, 0))
        self.write(MIB + 7, b"\1")
        self.assertIn(f"byte {MIB + 7:#x}: ", backing.difference(self.path, medium, 0))

    def test_a_file_without_pattern_has_its_size(self):
        backing.create(self.path, Medium(size=3 * MIB), 0)
        self.assertEqual(self.path.read_bytes(), bytes(3 * MIB))

    def test_zeros_written_over_a_pattern_are_found(self):
        medium = Medium(size=MIB, unchanged=True)
        backing.create(self.path, medium, 0)
        self.write(8192, bytes(4096))
        self.assertIn("byte 0x20", backing.difference(self.path, medium, 0))

    def test_an_image_is_unpacked_and_compared(self):
        image = self.path.with_name("image.xz")
        data = b"first" + bytes(3 * MIB) + b"last" + bytes(2 * MIB)
        image.write_bytes(lzma.compress(data))
        medium = Medium(image=image)
        self.assertEqual(backing.create(self.path, medium, 0), len(data))
        self.assertEqual(self.path.read_bytes(), data)
        self.assertIsNone(backing.difference(self.path, medium, 0))
        self.write(4 * MIB + 9, b"x")
        self.assertIn("byte 0x400009", backing.difference(self.path, medium, 0))


if __name__ == "__main__":
    unittest.main()
