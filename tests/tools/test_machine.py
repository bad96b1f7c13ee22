# SPDX-License-Identifier: BSD-2-Clause
"""A description is taken as it stands or refused by name; QEMU gets what it says."""

import re
import tempfile
import unittest
from pathlib import Path

from canned import MACHINE, ROOT
from bifold import qemu
from bifold.machine import DescriptionError, read_machine


class Descriptions(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def read(self, machine="", expect="", text=MACHINE):
        path = self.folder / "canned.ini"
        path.write_text(text.format(machine=machine, expect=expect), encoding="ascii")
        return read_machine(path, ROOT)

    def refused(self, says, *arguments, **named):
        with self.assertRaises(DescriptionError) as caught:
            self.read(*arguments, **named)
        self.assertIn(says, str(caught.exception))
        self.assertIn("canned.ini", str(caught.exception))

    def test_defaults(self):
        machine = self.read()
        self.assertEqual((machine.name, machine.memory, machine.cpus, machine.cpu),
                         ("canned", 128 << 20, 1, "max"))

    def test_unknown_key(self):
        self.refused("memroy", "memroy = 1G")
        self.refused("skips", expect="skips = page.*")

    def test_unknown_section(self):
        self.refused("[machine] and [expect]", expect="[extra]")

    def test_missing_purpose(self):
        self.refused("purpose", text=MACHINE.replace("purpose", "for"))

    def test_bad_size(self):
        for size in ("0", "x", "1.5G", "-1M", "12m", ""):
            self.refused("memory", f"memory = {size}x")

    def test_bad_number(self):
        for number in ("0", "-1", "1.5", "x"):
            self.refused("cpus: expected a number above 0", f"cpus = {number}")

    def test_bad_word(self):
        self.refused("boot: expected one of pvh,", text=MACHINE.replace("pvh", "floppy"))
        self.refused("exit: expected one of passed,", text=MACHINE.replace("= passed", "= good"))
        self.refused("boot: expected a value", text=MACHINE.replace("boot = pvh\n", ""))
        self.refused("purpose: expected a value",
                     text=MACHINE.replace("A machine for the tests of the runner.", ""))

    def test_unchanged_is_said_of_all_media(self):
        machine = self.read("nvdimms =\n\tsize=1M\n\tsize=1M", "unchanged = yes")
        self.assertTrue(all(medium.unchanged for medium in machine.media()))

    def test_bad_nvdimm(self):
        self.refused("size=", "nvdimms = 128M")
        self.refused("either size= or image=", "nvdimms = unarmed")
        self.refused("an existing file", "nvdimms = image=none.xz")
        self.refused("node=1", "nvdimms = size=1M node=1")
        self.refused("address= is for dimms", "nvdimms = size=1M address=0x100000000")

    def test_bad_dimm(self):
        self.refused("a DIMM has address=", "dimms = size=1M")
        self.refused("a DIMM has address=", "dimms = size=1M address=0x100000000 unarmed")
        self.refused("an address such as", "dimms = size=1M address=4G")

    def test_bad_disk(self):
        for words in ("size=1M unarmed", "size=1M label=128K", "size=1M address=0x0"):
            self.refused("a disk has size= or image=", f"disks = {words}")

    def test_bad_regular_expression(self):
        self.refused("a regular expression", expect="lines = (")

    def test_nodes_must_add_up(self):
        self.refused("nodes have", "nodes =\n\t128M\n\t128M")

    def test_unchanged_needs_a_medium(self):
        self.refused("there is no NVDIMM", expect="unchanged = yes")

    def test_a_program_needs_its_command(self):
        self.refused("'program'", text=MACHINE.replace("boot = pvh", "boot = program"))

    def test_errors_are_for_qemu(self):
        self.assertTrue(self.read("errors = yes").errors)
        self.assertFalse(self.read().errors)
        self.refused("errors: expected one of yes, no", "errors = 1")
        self.refused("has no monitor", "errors = yes\nprogram = x",
                     text=MACHINE.replace("boot = pvh", "boot = program"))

    def command(self, machine):
        return qemu.command(self.read(machine), {"kernel": "k", "iso": "i"}, self.folder)

    def test_command_of_a_plain_machine(self):
        arguments, files = self.command("")
        self.assertIn("isa-debug-exit,iobase=0xf4,iosize=0x4", arguments)
        self.assertEqual(arguments[arguments.index("-kernel") + 1], "k")
        self.assertNotIn("-fw_cfg", arguments)
        self.assertEqual(files, [])

    def test_command_of_nvdimms(self):
        arguments, files = self.command(
            "nodes =\n\t64M\n\t64M\nnvdimms =\n\tsize=1M label=128K node=1\n\tsize=2M unarmed")
        self.assertIn("node,nodeid=1,memdev=n1", arguments)
        self.assertIn("nvdimm,memdev=m0,id=nv0,label-size=131072,node=1", arguments)
        self.assertIn("nvdimm,memdev=m1,id=nv1,unarmed=on", arguments)
        self.assertEqual([path.stat().st_size for path in files], [1 << 20, 2 << 20])

    def test_command_of_a_table_with_memory_behind_it(self):
        arguments, files = self.command("dimms = size=1M address=0x100000000\n"
                                        "tables = tests/tables/ok_minimal.nfit.bin")
        self.assertIn("pc-dimm,memdev=m0,addr=0x100000000", arguments)
        self.assertIn(f"file={ROOT}/tests/tables/ok_minimal.nfit.bin", arguments)
        self.assertEqual(len(files), 1)

    def test_command_of_disks(self):
        arguments, files = self.command("nvdimms = size=1M\ndisks =\n\tsize=2M\n\tsize=3M")
        self.assertIn(f"driver=file,node-name=disk1,filename={files[2]}", arguments)
        self.assertEqual([path.stat().st_size for path in files], [1 << 20, 2 << 20, 3 << 20])
        self.assertNotIn("pc-dimm", " ".join(arguments))
        machine = self.read("nvdimms = size=1M\ndisks =\n\tsize=2M\n\tsize=3M")
        self.assertEqual([machine.medium_name(index) for index in range(3)],
                         ["NVDIMM 0", "disk 0", "disk 1"])

    def test_command_of_a_tree_of_tables(self):
        arguments, _ = self.command("tree = tests/tables/bad_checksum.nfit.bin")
        path = self.folder / "acpi-tree"
        self.assertIn(f"loader,file={path},addr=0x8000000,force-raw=on", arguments)
        self.assertEqual(path.read_bytes()[:8], b"RSD PTR ")

    def test_command_of_each_way_to_boot(self):
        for boot, wanted in (("iso-bios", {"ide-cd"}), ("iso-uefi", {"ide-cd", "pflash"}),
                             ("usb-bios", {"usb-storage"}),
                             ("usb-uefi", {"usb-storage", "pflash"})):
            machine = self.read(text=MACHINE.replace("pvh", boot))
            text = " ".join(qemu.command(machine, {"kernel": "k", "iso": "i,1"}, self.folder)[0])
            found = {word for word in ("ide-cd", "usb-storage", "pflash", "-kernel")
                     if word in text}
            self.assertEqual(found, wanted)
            self.assertIn("readonly=on,file=i,,1", text)

    def test_options_go_through_a_file(self):
        arguments, _ = self.command("options = write=nmem0,nmem1 seed=7")
        word = arguments[arguments.index("-fw_cfg") + 1]
        self.assertEqual(Path(word.split("file=")[1]).read_text(), "write=nmem0,nmem1 seed=7")

    def test_every_description_of_the_project_can_be_read(self):
        paths = sorted(ROOT.glob("tests/machines/*.ini"))
        self.assertTrue(paths)
        for path in paths:
            read_machine(path, ROOT)

    def test_every_fault_on_purpose_is_on_some_machine(self):
        faults = set(re.findall(r"^TEST\(fault, *(\w+)\)", (ROOT / "tests/fault.c").read_text(),
                                re.MULTILINE))
        used = " ".join(read_machine(path, ROOT).options
                        for path in ROOT.glob("tests/machines/*.ini"))
        self.assertEqual(sorted(faults - set(re.findall(r"fault\.(\w+)", used))), [])


if __name__ == "__main__":
    unittest.main()
