# SPDX-License-Identifier: BSD-2-Clause
"""Boots Linux in a machine that is described for Bifold."""

import dataclasses
import shutil
import tempfile
from pathlib import Path

from bifold import process, qemu
from bifold.linux import Failed, Unusable, report

# The parts of the measurements, see guest/init. Where the CPU waits for a device the clock may run
# on, so that the device has the time that it takes; else it stands still while nothing is executed.
PARTS = {"memory": "off", "disk": "on"}

ARGUMENTS = "console=ttyS0 quiet panic=-1 nokaslr mitigations=off compare={part}"

MIB = 1 << 20

GIB = 1 << 30


def touched(size):
    """What Linux touches of an NVDIMM, as (start, length): metadata that it keeps at the start, of 64
    bytes for each 4 KiB, and data behind it, or, with pages of 1 GiB, at a multiple of that. A hole
    of the file costs up to a millisecond of the host's time at the first touch."""
    metadata = size // 64
    return (0, metadata + 64 * MIB), (-(-metadata // GIB) * GIB, 32 * MIB)


def machine_for(machine, part):
    """The same machine, less what is meant for Bifold."""
    arguments = [word.replace("sleep=off", f"sleep={PARTS[part]}") for word in machine.qemu]
    if not any(word.startswith("shift=0,") for word in arguments):
        raise Unusable(f"{machine.path}: `qemu` has no -icount shift=0: nothing counts instructions")
    return dataclasses.replace(machine, options="", qemu=arguments)


def run(machine, part, kernel, initramfs, program, logs, bound):
    """(the kernel's version, {name: value}) of one part; Failed says what went wrong."""
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"compare-linux-{part}.log"
    scratch = Path(tempfile.mkdtemp(prefix=f"compare-linux-{part}.", dir=logs.parent))
    try:
        arguments, files = qemu.command(machine_for(machine, part), {"kernel": kernel}, scratch)
        for index, medium in enumerate(machine.nvdimms):
            fill(files[index], medium.size)
        ended = process.run([program, *arguments, "-initrd", str(initramfs),
                             "-append", ARGUMENTS.format(part=part)], bound, log)
    finally:
        shutil.rmtree(scratch)
    try:
        return _judge(ended, bound, program)
    except Failed as error:
        raise Failed(f"Linux, part {part}: {error}\n  the whole log: {log}") from None


def fill(path, size):
    """Gives blocks, of zeros, to the places that are touched."""
    with open(path, "r+b") as stream:
        for start, length in touched(size):
            for offset in range(start, min(start + length, size), MIB):
                stream.seek(offset)
                stream.write(bytes(min(MIB, size - offset)))


def _judge(ended, bound, program):
    if ended.how == "missing":
        raise Failed(f"{program} cannot be started: {ended.errors}")
    if ended.how == "timeout":
        raise Failed(f"did not end within {bound} s; {report.last_words(ended.output)}")
    if ended.how == "flood":
        raise Failed(f"said more than {process.OUTPUT_LIMIT >> 20} MiB")
    if ended.status != 0:
        raise Failed(f"QEMU ended with status {ended.status}; "
                     f"{ended.errors or report.last_words(ended.output)}")
    return report.parse(ended.output)
