# SPDX-License-Identifier: BSD-2-Clause
"""What one boot made durable, the next one finds: the suite `generation`, booted again and again on
the same NVDIMM file.

Ending the emulator, even by force, loses nothing that was stored, whether it was flushed or not,
since the host keeps the file's pages: this shows that the next boot copes with what an unfinished
write leaves, and not that anything was flushed.
"""

import re
import shutil
import socket
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from canned import ROOT
from bifold import qemu, runner
from bifold.machine import read_machine

PAGE = 4096
PATIENCE = 120  # seconds that one step may take on a busy host
TRIES = 10      # for a cut to come while pages are written


class Boot:
    """A running machine and what it has written so far."""

    def __init__(self, arguments):
        self.process = subprocess.Popen([qemu.PROGRAM, *arguments], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.text = ""

    def wait_for(self, pattern, times=1):
        """Reads on until so many lines match, or the machine ends: True if they did."""
        while len(re.findall(pattern, self.text, re.MULTILINE)) < times:
            line = self.process.stdout.readline()
            if not line:
                return False
            self.text += line.decode("latin-1")
        return True

    def end(self):
        """Waits for the machine's own end; its exit status."""
        self.text += self.process.stdout.read().decode("latin-1")
        return self.process.wait(PATIENCE)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Generations(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="generation.", dir=ROOT / "build"))
        self.addCleanup(shutil.rmtree, self.folder)
        machine = read_machine(ROOT / "tests/machines/generation.ini", ROOT)
        self.arguments, files = qemu.command(machine, {"kernel": runner.KERNEL}, self.folder)
        self.medium = files[0]

    def start(self, *more, without=(), options=None):
        arguments = [word for word in self.arguments if word not in without]
        if options:
            (self.folder / "options").write_text(options, encoding="ascii")
        boot = Boot([*arguments, *more])
        self.addCleanup(boot.kill)
        return boot

    def boot(self):
        """A whole run, which must pass; its report."""
        boot = self.start()
        self.assertEqual(qemu.STATUSES.get(boot.end()), "passed", boot.text[-2000:])
        return boot.text

    def boot_and_fail(self):
        boot = self.start()
        self.assertEqual(qemu.STATUSES.get(boot.end()), "failed", boot.text[-2000:])
        return boot.text

    def expect_found(self, report, generation):
        self.assertIn(f"# pmem0: generation {generation} is whole", report)
        self.assertIn(f"# pmem0: generation {generation + 1} is written", report)

    def change(self, offset, data):
        with open(self.medium, "r+b") as stream:
            stream.seek(offset)
            stream.write(data)

    def page(self, offset):
        with open(self.medium, "rb") as stream:
            stream.seek(offset)
            return stream.read(PAGE)

    def test_each_boot_finds_what_the_last_one_wrote(self):
        self.assertIn("# pmem0: no generation is there", self.boot())
        for generation in (1, 2):
            self.expect_found(self.boot(), generation)

    def test_a_machine_that_resets_itself_finds_it_too(self):
        boot = self.start(without=("-no-reboot",),
                          options="tests=generation write=all exit=reboot seed=1")
        self.assertTrue(boot.wait_for("^BIFOLD-TEST-END", times=3), boot.text[-2000:])
        boot.kill()
        self.assertIn("# pmem0: no generation is there", boot.text)
        for generation in (1, 2):
            self.expect_found(boot.text, generation)
        self.assertNotIn("not ok", boot.text)

    def cut(self, how):
        """Boots, and cuts the machine off while it writes, until a boot finds a generation that was
        being replaced. What it found must be whole again afterwards."""
        self.boot()
        for _ in range(TRIES):
            boot = self.start("-monitor", f"unix:{self.folder}/monitor,server=on,wait=off",
                              without=("-no-reboot",))
            self.assertTrue(boot.wait_for("writes generation"), boot.text[-2000:])
            time.sleep(0.05)
            how(boot)
            report = self.boot()
            found = re.search(r"generation (\d+) was being replaced at", report)
            if found:
                break
        self.assertTrue(found, f"in {TRIES} tries no cut came while pages were written")
        self.expect_found(self.boot(), int(found[1]) + 1)

    def test_a_killed_emulator_leaves_at_most_one_border(self):
        self.cut(Boot.kill)

    def test_a_reset_while_writing_leaves_at_most_one_border(self):
        def reset(boot):
            with socket.socket(socket.AF_UNIX) as monitor:
                monitor.connect(f"{self.folder}/monitor")
                monitor.sendall(b"system_reset\n")
                self.assertTrue(boot.wait_for("^BIFOLD-TEST-START", times=2), boot.text[-2000:])
            boot.kill()
        self.cut(reset)

    def test_a_changed_word_is_found(self):
        self.boot()
        self.change(100 * PAGE + 8, bytes(8))
        self.assertIn("what was made durable there is lost", self.boot_and_fail())

    def test_a_page_that_was_not_replaced_is_found(self):
        self.boot()
        old = self.page(100 * PAGE)
        self.boot()
        self.boot()
        self.change(100 * PAGE, old)
        self.assertIn("what was made durable there is lost", self.boot_and_fail())

    def test_a_page_that_came_too_early_is_found(self):
        self.boot()
        boot = self.start()
        boot.end()
        new = self.page(100 * PAGE)
        # Back to the generation before, but for one page in the middle.
        self.medium.write_bytes(bytes(self.medium.stat().st_size))
        self.boot()
        self.change(100 * PAGE, new)
        self.assertIn("and pages before it are older", self.boot_and_fail())


if __name__ == "__main__":
    unittest.main()
