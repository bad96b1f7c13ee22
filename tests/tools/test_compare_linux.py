# SPDX-License-Identifier: BSD-2-Clause
"""The comparison with Linux: what a guest may say, the arithmetic, and all that can be missing. No
Linux is booted here; programs that pretend to be QEMU, apt-get and dpkg-deb take its place."""

import lzma
import os
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from canned import MACHINE, ROOT, program
from bifold.linux import Failed, Unusable, boot, figures, image, packages, report, table
from bifold.machine import Medium, read_machine

WHOLE = """\
SeaBIOS (version 1.16)
LINUX start 6.1.0-9-amd64
LINUX figure fsdax.read4k 6925 instructions
[    2.000000] nvme nvme0: 1/0/0 default/read/poll queues
LINUX figure raw.dram -4 KiB
LINUX end
[    4.281369] reboot: Power down
"""

FACTS = [("metadata", {"directory": "4096", "areas": "40960", "tables": "8192",
                       "spare-tables": "131072", "tables-at-hand": "32768",
                       "allocator": "2166784"}),
         ("bring-up", {"page-map": "165467", "allocator": "286344", "units": "ticks"})]


class Temporary(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def expect_error(self, kind, says, function, *arguments):
        with self.assertRaises(kind) as caught:
            function(*arguments)
        self.assertIn(says, str(caught.exception))


class Report(Temporary):
    def refused(self, text, says):
        self.expect_error(Failed, says, report.parse, text.encode())

    def test_whole(self):
        self.assertEqual(report.parse(WHOLE.encode()),
                         ("6.1.0-9-amd64", {"fsdax.read4k": 6925, "raw.dram": -4}))

    def test_carriage_returns_and_other_bytes(self):
        self.assertEqual(report.parse(b"\xff\0\n" + WHOLE.replace("\n", "\r\n").encode())[0],
                         "6.1.0-9-amd64")

    def test_an_error_in_the_guest(self):
        self.refused(WHOLE.replace("LINUX figure raw.dram -4 KiB", "LINUX error measure: no ndctl"),
                     "in the guest: measure: no ndctl")

    def test_cut_off(self):
        self.refused(WHOLE[:WHOLE.index("LINUX end")], "did not come to its end; its last lines:")
        self.refused("", "did not come to its start; it said nothing")
        self.refused("SeaBIOS\n", "did not come to its start; its last lines:\n  SeaBIOS")

    def test_a_panic_is_named(self):
        self.refused(WHOLE[:WHOLE.index("LINUX end")] +
                     "[ 1.9] Kernel panic - not syncing: Attempted to kill init!\n[ 2.0] CPU: 0\n",
                     "its kernel says: Kernel panic - not syncing: Attempted to kill init!")

    def test_what_is_no_report(self):
        figure = "LINUX figure fsdax.read4k 6925 instructions\n"
        for text in (WHOLE.replace(figure, figure + figure), WHOLE + "LINUX end\n",
                     WHOLE.replace("6925", "6925.5"), WHOLE.replace("6925", "9" * 30),
                     WHOLE.replace("instructions", "apples"), WHOLE.replace("LINUX start", "LINUX"),
                     figure + WHOLE, WHOLE + figure, WHOLE.replace("LINUX end", "LINUX start x")):
            self.refused(text, "says what is not expected there")


class Arithmetic(Temporary):
    COUNTED = {"read512": 3341, "read4k": 6925, "read64k": 72243, "read2m": 2219526}

    def test_a_byte_an_instruction(self):
        copied = figures.split(self.COUNTED, "read")
        self.assertEqual({name: (one.copy, one.rest) for name, one in copied.items()},
                         {"4k": (4096, 2829), "64k": (65536, 6707), "2m": (2097152, 122374)})

    def test_what_is_no_whole_number_for_a_byte(self):
        copied = figures.split({"write512": 3218, "write4k": 4562, "write64k": 31870,
                                "write2m": 922067}, "write")
        self.assertEqual((copied["4k"].copy, copied["2m"].copy, copied["2m"].rest),
                         (1536, 786432, 135635))

    def test_a_copy_that_cannot_be(self):
        for change in ({"read4k": 3000}, {"read2m": 1000000}):
            self.expect_error(Failed, "cannot be", figures.split, {**self.COUNTED, **change}, "read")

    def test_a_figure_that_is_missing(self):
        found = figures.named({"raw.begin": 1}, "raw.")
        self.expect_error(Failed, "no figure dram was counted", lambda: found["dram"])
        self.expect_error(Failed, "no figure fsdax.* was counted", figures.named, found, "fsdax.")

    def test_memory_of_linux(self):
        counted = {"m.begin": 250, "m.dram": 131076, "m.medium": 2048, "m.map": 135,
                   "m.descriptors": 111}
        memory = figures.linux_memory(counted, "m")
        self.assertEqual((memory.dram, memory.medium, memory.begin, memory.map, memory.descriptors),
                         (131076 << 10, 2048 << 10, 250, 135, 111))
        for change in ({"m.descriptors": 116}, {"m.descriptors": 0}):
            self.expect_error(Failed, "m: bringing up took 250 instructions", figures.linux_memory,
                              {**counted, **change}, "m")

    def test_memory_of_the_page_map(self):
        page_map, allocator = figures.page_map_memory(FACTS)
        self.assertEqual((page_map.dram, page_map.begin), (217088, 165467))
        self.assertEqual((allocator.dram, allocator.begin), (2166784, 286344))
        self.expect_error(Failed, "no line `# bring-up", figures.page_map_memory, FACTS[:1])
        self.expect_error(Failed, "expected page-map=NUMBER", figures.page_map_memory,
                          [FACTS[0], ("bring-up", {"page-map": "-"})])


class Tables(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        transfers = {f"{operation}{length}": 1000 + size for operation in ("read", "write")
                     for length, size in (("512", 512), ("4k", 4096), ("64k", 65536),
                                          ("2m", 2097152))}
        memory = {"begin": 3000000, "dram": 128, "medium": 2048, "map": 1000000,
                  "descriptors": 1500000}
        cls.linux = {f"{mode}.{what}": value for mode in table.MODES for what, value in memory.items()}
        cls.linux.update({f"fsdax.{what}": value for what, value in transfers.items()})
        cls.linux.update({f"{target}.read{length}": 13000 for target in table.TARGETS
                          for length in table.LENGTH_NAMES})
        cls.linux["nvme-devdax-2m.read4k-idle"] = 17650
        del cls.linux["nvme-devdax-1g.read64k"]
        cls.bifold = {f"peer.block.{what}": value for what, value in transfers.items()}
        cls.bifold.update({f"peer.nvme.read{length}": 350 for length in table.LENGTH_NAMES})
        for _, schemes in table.IDEAS:
            cls.bifold.update({f"peer.begin.{scheme}.{what}": 1025 for scheme in schemes
                               for what in ("dram", "medium", "begin")})
        cls.bifold.update({f"schemes.table.{scheme}.read4k": 700 for scheme in table.SCHEMES})
        cls.linux.update({"machine.pmem": 8 << 20, "machine.syscall": 200})
        cls.machine = SimpleNamespace(nvdimms=[Medium(size=8 << 30)])
        cls.rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in
                    table.show(cls.machine, cls.linux, cls.bifold, FACTS).splitlines()]

    def row(self, name):
        found = [row for row in self.rows if row[0] == name]
        self.assertEqual(len(found), 1, name)
        return found[0][1:]

    def test_every_mode_has_a_row(self):
        for name in table.MODES.values():
            self.assertEqual(self.row(name),
                             ["128", "2,048", "3,000,000", "1,000,000", "1,500,000"])

    def test_linux_must_see_all_of_the_memory(self):
        self.assertEqual(self.rows[0][0], "8192 MiB brought up")
        with self.assertRaisesRegex(Failed, "Linux sees 8589934592 bytes .*, expected 4294967296"):
            table.show(SimpleNamespace(nvdimms=[Medium(size=4 << 30)]), self.linux, self.bifold,
                       FACTS)

    def test_bytes_are_rounded_up(self):
        self.assertEqual(self.row("Bifold: altmap"), ["2", "2", "1,025", "", ""])

    def test_the_closest_peer_stands_beside_two_levels(self):
        names = [row[0] for row in self.rows]
        at = names.index("Bifold: two-level, all of the machine")
        self.assertEqual(names[at - 2:at], ["Linux: devdax of 2 MiB, map=mem", "Bifold: compound"])
        self.assertIn("closest peer of two levels is devdax with pages of 2 MiB, not fsdax",
                      table.NOTES)

    def test_the_copy_stands_apart(self):
        for name in ("Linux: /dev/pmem0, read", "Bifold: pmem_disk, write"):
            self.assertEqual(self.row(name),
                             ["1,000 + 4,096", "1,000 + 65,536", "1,000 + 2,097,152"])

    def test_waits_that_a_run_did_not_see(self):
        self.assertEqual(self.row("Linux: devdax of 2 MiB"),
                         ["13,000 / 17,650", "13,000 / -", "13,000 / -"])
        self.assertEqual(self.row("Linux: devdax of 1 GiB")[1], "- / -")

    def test_lengths_that_nobody_counted(self):
        self.assertEqual(self.row("Bifold: two-level as one of the schemes"), ["700", "-", "-"])


class Boot(Temporary):
    def setUp(self):
        super().setUp()
        path = self.folder / "peer.ini"
        path.write_text(MACHINE.format(
            machine="options = tests=peer\nnvdimms = size=4M\nqemu = -icount shift=0,sleep=off",
            expect=""), encoding="ascii")
        self.machine = read_machine(path, ROOT)

    def boot(self, body, part="disk", bound=20):
        return boot.run(self.machine, part, self.folder / "vmlinux", self.folder / "initramfs",
                        program(self.folder, body), self.folder / "logs", bound)

    def test_a_good_run(self):
        self.assertEqual(self.boot(f"cat <<'END'\n{WHOLE}END")[0], "6.1.0-9-amd64")
        self.assertEqual([path.name for path in self.folder.glob("compare-linux*")], [])

    def test_linux_gets_the_same_machine(self):
        for part, sleep in (("memory", "off"), ("disk", "on")):
            self.expect_error(Failed, "did not come to its start", self.boot,
                              'printf "%s\\n" "$@"', part)
            said = (self.folder / f"logs/compare-linux-{part}.log").read_text().splitlines()
            self.assertIn(f"shift=0,sleep={sleep}", said)
            self.assertIn(boot.ARGUMENTS.format(part=part), said)
            self.assertIn(str(self.folder / "initramfs"), said)
            self.assertTrue(any("nvdimm,memdev=m0" in word for word in said), said)
            self.assertFalse(any("org.bifold" in word for word in said), said)

    def test_a_clock_that_counts_nothing(self):
        self.machine.qemu = []
        self.expect_error(Unusable, "nothing counts instructions", self.boot, "exit 0")

    def test_a_guest_that_hangs(self):
        start = time.monotonic()
        self.expect_error(Failed, "did not end within 1 s; its last lines:\n  LINUX start 6.1.0",
                          self.boot, "echo LINUX start 6.1.0; exec sleep 60", "disk", 1)
        self.assertLess(time.monotonic() - start, 20)

    def test_a_qemu_that_fails(self):
        self.expect_error(Failed, "status 1; no such machine", self.boot,
                          "echo no such machine >&2; exit 1")
        self.expect_error(Failed, "status -9; it said nothing", self.boot, "kill -9 $$")

    def test_a_qemu_that_is_not_there(self):
        self.expect_error(Failed, "cannot be started", boot.run, self.machine, "disk",
                          self.folder, self.folder, "/nothing/there", self.folder / "logs", 1)

    def test_linux_touches_descriptors_and_the_data_behind_them(self):
        for size, places in ((8, ((0, 192 << 20), (1 << 30, 32 << 20))),
                             (128, ((0, (2 << 30) + (64 << 20)), (2 << 30, 32 << 20)))):
            self.assertEqual(boot.touched(size << 30), places)

    def test_holes_are_filled_where_linux_touches(self):
        path = self.folder / "medium"
        with open(path, "wb") as stream:
            stream.truncate(4 << 20)
        boot.fill(path, 4 << 20)
        self.assertEqual((path.stat().st_size, path.stat().st_blocks * 512 >= 4 << 20),
                         (4 << 20, True))


def bzimage(elf, compress=lzma.compress, protocol=0x20f):
    payload = compress(elf)
    head = bytearray(2 * 512)
    head[0x1f1] = 1
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", head, 0x206, protocol)
    struct.pack_into("<II", head, 0x248, 16, len(payload))
    return bytes(head) + bytes(16) + payload + b"behind"


def module(*depends):
    return b"\x7fELF\0depends=" + ",".join(depends).encode() + b"\0name=x\0"


def entries(archive):
    """[(name, mode, content)] of a cpio archive."""
    at, result = 0, []
    while True:
        assert archive[at:at + 6] == b"070701", archive[at:at + 6]
        field = [int(archive[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        name = archive[at + 110:at + 110 + field[11] - 1].decode()
        at += (110 + field[11] + 3) & ~3
        if name == "TRAILER!!!":
            return result
        result.append((name, field[1], archive[at:at + field[6]]))
        at += (field[6] + 3) & ~3


class Image(Temporary):
    def test_the_kernel_inside(self):
        self.assertEqual(image.elf_of(bzimage(b"\x7fELF and more")), b"\x7fELF and more")

    def test_what_is_no_kernel(self):
        good = bzimage(b"\x7fELF and more")
        for data, says in ((b"", "lacks the magic"), (b"MZ" * 1000, "lacks the magic"),
                           (good[:1030], "cut off"), (good[:-10], "cut off"),
                           (bzimage(b"\x7fELF", protocol=0x207), "0x207, expected 0x208"),
                           (bzimage(b"\x7fELF", lambda data: data), "not compressed by xz"),
                           (bzimage(b"\x7fELF", lambda data: lzma.compress(data)[:30] + bytes(40)),
                            "inside of the bzImage: "),
                           (bzimage(b"text"), "no ELF file: 74657874")):
            self.expect_error(Unusable, says, image.elf_of, data)

    def modules(self, *wanted, **files):
        for name, content in files.items():
            path = self.folder / "kernel/drivers" / name.replace("__", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        (self.folder / "modules.builtin").write_text("kernel/lib/crc-t10.ko\n")
        return [name for name, _ in image.modules(self.folder, wanted)]

    def test_modules_come_after_what_they_depend_on(self):
        self.assertEqual(self.modules("ext4", "nfit", ext4__ko=module("jbd2", "mbcache", "crc_t10"),
                                      jbd2__ko__xz=lzma.compress(module("mbcache")),
                                      mbcache__ko=module(), nfit__ko=module()),
                         ["mbcache", "jbd2", "ext4", "nfit"])

    def test_a_module_that_is_not_there(self):
        self.expect_error(Unusable, "no module jbd2", lambda: self.modules(
            "ext4", ext4__ko=module("jbd2")))

    def test_the_archive(self):
        found = entries(image.archive({"init": b"#!", "lib/x86/libc.so": b"12345"}))
        self.assertEqual([entry for entry in found if entry[1] & 0o100000],
                         [("init", 0o100755, b"#!"), ("lib/x86/libc.so", 0o100755, b"12345")])
        folders = [name for name, mode, _ in found if mode == 0o040755]
        self.assertLess(folders.index("lib"), folders.index("lib/x86"))
        self.assertIn("proc", folders)

    def test_the_measuring_program_compiles_and_refuses_what_it_does_not_know(self):
        done = subprocess.run([image.compile_measure(self.folder), "what"], capture_output=True,
                              text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout),
                         (1, "LINUX error measure: unknown command\n"))

    def test_here_nothing_counts_instructions(self):
        done = subprocess.run([image.compile_measure(self.folder), "clock"], capture_output=True,
                              text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("LINUX error the time stamp counter does not count instructions", done.stdout)

    def test_a_program_that_is_missing_is_named_with_its_package(self):
        with mock.patch.object(image.shutil, "which", return_value=None):
            self.expect_error(Unusable, "there is no ndctl, which the guest needs; `tools/setup linux`",
                              image.program, "ndctl")

    def test_a_damaged_package(self):
        (self.folder / "lib/modules/6.1.0").mkdir(parents=True)
        self.expect_error(Unusable, f"if {self.folder} is damaged, remove it", image.build,
                          self.folder, self.folder)
        (self.folder / "lib/modules/6.1.1").mkdir()
        self.expect_error(Unusable, "found 2 versions", image.build, self.folder, self.folder)


class Packages(Temporary):
    """apt-cache, apt-get and dpkg-deb are scripts here, and what they are called with is noted."""

    def setUp(self):
        super().setUp()
        self.cache = self.folder / "cache"
        (self.folder / "bin").mkdir()
        self.fake("apt-cache", "echo linux-image-amd64; echo '  Depends: linux-image-6.1.0-9-amd64'")
        self.fake("apt-get", "touch $2_6.1.9_amd64.deb")
        self.fake("dpkg-deb", "case $1 in --field) echo linux-image-6.1.0-9-amd64 ;;"
                              " *) mkdir -p $3/boot; echo $2 >$3/boot/from ;; esac")
        self.enterContext(mock.patch.dict(
            os.environ, PATH=f"{self.folder / 'bin'}:{os.environ['PATH']}"))

    def fake(self, name, body):
        path = self.folder / "bin" / name
        path.write_text(f"#!/bin/sh\necho {name} >>{self.folder}/called\n{body}\n", encoding="ascii")
        path.chmod(0o755)

    def test_downloaded_once(self):
        for _ in range(2):
            self.assertEqual(packages.kernel(self.cache), self.cache / "linux-image-6.1.0-9-amd64")
        self.assertEqual((self.folder / "called").read_text().split(),
                         ["apt-cache", "apt-get", "dpkg-deb", "dpkg-deb"])
        self.assertEqual([path.name for path in self.cache.iterdir()], ["linux-image-6.1.0-9-amd64"])

    def test_the_newest_of_those_that_are_there(self):
        for number in (9, 56, 10):
            (self.cache / f"linux-image-6.1.0-{number}-amd64").mkdir(parents=True)
        self.assertEqual(packages.kernel(self.cache).name, "linux-image-6.1.0-56-amd64")

    def test_out_of_reach(self):
        for name, body in (("apt-get", "echo 'E: Failed to fetch' >&2; exit 100"),
                           ("apt-get", "exit 0"), ("apt-cache", "exit 100"), ("apt-cache", "exit 0"),
                           ("dpkg-deb", "exit 2")):
            with self.subTest(name=name, body=body):
                self.setUp()
                self.fake(name, body)
                self.expect_error(Unusable, "try again with its packages in reach", packages.kernel,
                                  self.cache)
                self.assertEqual(list(self.cache.glob("*")), [])

    def test_what_apt_says(self):
        self.fake("apt-get", "printf 'W: unsandboxed\nE: Failed to fetch\n' >&2; exit 100")
        self.expect_error(Unusable, "apt-get download linux-image-6.1.0-9-amd64: E: Failed to fetch; "
                          "the kernel comes from Debian", packages.kernel, self.cache)

    def test_a_package_that_is_named(self):
        package = self.folder / "some.deb"
        self.expect_error(Unusable, "some.deb: no such file", packages.kernel, self.cache, package)
        package.touch()
        found = packages.kernel(self.cache, package)
        self.assertEqual((found / "boot/from").read_text(), f"{package}\n")

    def test_a_package_of_something_else(self):
        package = self.folder / "some.deb"
        package.touch()
        self.fake("dpkg-deb", "echo bash")
        self.expect_error(Unusable, "expected a package linux-image-VERSION-amd64, found 'bash'",
                          packages.kernel, self.cache, package)


class Program(Temporary):
    def run_program(self, *arguments):
        return subprocess.run([sys.executable, ROOT / "tools/compare-linux", *arguments],
                              capture_output=True, text=True, timeout=60, check=False)

    def test_help(self):
        done = self.run_program("-h")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("--kernel-package", done.stdout)

    def test_misuse(self):
        for arguments in (["--bound", "0"], ["--bound", "x"], ["--what"], ["more"],
                          ["--nvdimm", "8"], ["--nvdimm", "1G"], ["--nvdimm", "2049M"],
                          ["--memory", "100M"], ["--memory", "520M"], ["--nvdimm", "x"]):
            self.assertEqual(self.run_program(*arguments).returncode, 2, arguments)

    def test_what_is_missing(self):
        done = self.run_program("--kernel-package", f"{self.folder}/none.deb")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("none.deb: no such file", done.stderr)
        done = self.run_program("--qemu", f"{self.folder}/none")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("`tools/setup` installs QEMU", done.stderr)


if __name__ == "__main__":
    unittest.main()
