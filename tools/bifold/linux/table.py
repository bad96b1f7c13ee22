# SPDX-License-Identifier: BSD-2-Clause
"""The tables of the comparison, as docs/linux.md has them."""

from bifold.linux import Failed
from bifold.linux import figures as f

LENGTH_NAMES = {"4k": "4 KiB", "64k": "64 KiB", "2m": "2 MiB"}

# Each idea as Linux has it, and as Bifold has it. The closest to each other are next to each other.
MODES = {
    "fsdax-mem": "Linux: fsdax, map=mem",
    "devdax-mem-4k": "Linux: devdax of 4 KiB, map=mem",
    "fsdax-dev": "Linux: fsdax, map=dev",
    "devdax-dev-4k": "Linux: devdax of 4 KiB, map=dev",
    "devdax-dev-2m": "Linux: devdax of 2 MiB, map=dev",
    "devdax-dev-1g": "Linux: devdax of 1 GiB, map=dev",
    "raw": "Linux: raw, no descriptors",
    "devdax-mem-2m": "Linux: devdax of 2 MiB, map=mem",
    "devdax-mem-1g": "Linux: devdax of 1 GiB, map=mem",
}
IDEAS = (
    (("fsdax-mem", "devdax-mem-4k"), ("flat",)),
    (("fsdax-dev", "devdax-dev-4k"), ("altmap",)),
    (("devdax-dev-1g", "devdax-dev-2m"), ("two-level-medium",)),
    (("raw",), ("page-less",)),
    (("devdax-mem-1g", "devdax-mem-2m"), ("compound", "two-level", "allocator")),
)
# By the interface of all schemes (mm/schemes/scheme.h), which costs two levels more than their own.
SCHEMES = {
    "flat": "Bifold: flat",
    "compound": "Bifold: compound",
    "two-level": "Bifold: two-level as one of the schemes",
    "two-level-split": "Bifold: the same, of split areas",
}
TARGETS = {
    "nvme-devdax-2m": "Linux: devdax of 2 MiB",
    "nvme-devdax-1g": "Linux: devdax of 1 GiB",
    "nvme-devdax-4k": "Linux: devdax of 4 KiB",
    "nvme-ext4": "Linux: a file of ext4 on fsdax",
    "nvme-memory": "Linux: memory of the process",
}


# What the tables cannot be read without.
NOTES = """\
Bringing up: of Linux what it takes to give the namespace to its driver a second time, of Bifold to
  clear and fill in descriptors. Linux clears its pages by `rep stosb`, one counted instruction for
  each byte of DRAM that it takes.
Copy: what grows with the length within one page, from 512 to 4096 bytes, times the bytes. Linux reads
  by `rep movsb`, one counted instruction for a byte; Bifold's `rep movsq` counts one for 8 bytes.
NVMe: what the CPU does, without the wait. Of Linux: if the disk answers before the CPU is idle / if
  it answers later. Bifold polls. Nobody copies: the disk writes into the mapped memory.
Linux's figures have a system call and interrupts in them, Bifold's are of a bio in the kernel.
The closest peer of two levels is devdax with pages of 2 MiB, not fsdax: it, too, describes 2 MiB by
  one descriptor that counts."""


def show(machine, linux, bifold, facts):
    """The text of all tables."""
    return "\n\n".join([memory(machine, linux, bifold, facts), block(linux, bifold),
                        nvme(linux, bifold)])


def memory(machine, linux, bifold, facts):
    size = machine.nvdimms[0].size
    seen = f.named(linux, "machine.")["pmem"] << 10
    if seen != size:
        raise Failed(f"Linux sees {seen} bytes of persistent memory, expected {size}")
    page_map, allocator = f.page_map_memory(facts)
    ours = {"two-level": ("Bifold: two-level, all of the machine", page_map),
            "allocator": ("Bifold: its frame allocator", allocator)}
    rows = []
    for modes, schemes in IDEAS:
        rows += [_memory_row(MODES[mode], f.linux_memory(linux, mode)) for mode in modes]
        rows += [_memory_row(*ours[name]) if name in ours else
                 _memory_row(f"Bifold: {name}", f.scheme_memory(bifold, name)) for name in schemes]
    return _table([f"{size >> 20} MiB brought up", "DRAM, KiB", "medium, KiB", "instructions",
                   "of these: mapping", "of these: descriptors"], rows)


def _memory_row(name, taken):
    return [name, _kib(taken.dram), _kib(taken.medium), _number(taken.begin),
            _number(taken.map), _number(taken.descriptors)]


def block(linux, bifold):
    rows = [["Linux: a system call that does nothing"] +
            [_number(f.named(linux, "machine.")["syscall"])] * len(LENGTH_NAMES)]
    for operation in ("read", "write"):
        for name, figures in (("Linux: /dev/pmem0", f.named(linux, "fsdax.")),
                              ("Bifold: pmem_disk", f.named(bifold, "peer.block."))):
            splits = f.split(figures, operation)
            rows.append([f"{name}, {operation}"] +
                        [f"{_number(one.rest)} + {_number(one.copy)}" for one in splits.values()])
    return _table(["instructions: rest + copy", *LENGTH_NAMES.values()], rows)


def nvme(linux, bifold):
    rows = []
    for target, name in TARGETS.items():
        figures = f.named(linux, f"{target}.")
        rows.append([name] + [_waits(figures, f"read{length}") for length in LENGTH_NAMES])
    ours = f.named(bifold, "peer.nvme.")
    rows.append(["Bifold: two-level"] + [_number(ours[f"read{length}"]) for length in LENGTH_NAMES])
    for scheme, name in SCHEMES.items():
        figures = f.named(bifold, f"schemes.table.{scheme}.")
        rows.append([name] + [_number(figures.get(f"read{length}")) or "-" for length in LENGTH_NAMES])
    return _table(["NVMe read into", *LENGTH_NAMES.values()], rows)


def _waits(figures, name):
    """Without and with idleness in it; a run may have seen only one of them."""
    return " / ".join(_number(figures[name]) if name in figures else "-"
                      for name in (name, f"{name}-idle"))


def _number(value):
    return "" if value is None else f"{value:,}"


def _kib(size):
    """Rounded up."""
    return _number(-(-size // 1024))


def _table(head, rows):
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = [_row(head, widths), "|" + "|".join("-" * (width + 2) for width in widths) + "|"]
    return "\n".join(lines + [_row(row, widths) for row in rows])


def _row(cells, widths):
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths)) + " |"
