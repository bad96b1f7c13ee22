# SPDX-License-Identifier: BSD-2-Clause
"""The QEMU command line for a Machine, and what its exit status says."""

from bifold import acpi_tree, backing

PROGRAM = "qemu-system-x86_64"

# isa-debug-exit turns the kernel's value v into the status 2v+1; QEMU ends with none of them.
STATUSES = {33: "passed", 35: "failed", 37: "skipped"}

_FIRMWARE = "/usr/share/OVMF"
_HOTPLUG_SPARE = 64 << 30


def command(machine, paths, scratch):
    """The arguments that run `machine`; makes its backing files in the folder `scratch`.

    `paths` names what was built: {"kernel": ..., "iso": ...}.
    Returns (arguments, [backing file of each medium]).
    """
    media = machine.media()
    files = [scratch / f"medium{index}" for index in range(len(media))]
    sizes = [backing.create(path, medium, index)
             for index, (path, medium) in enumerate(zip(files, media))]
    nr_dimms = len(media) - len(machine.disks)
    slots = max(8, nr_dimms)
    top = machine.memory + 2 * sum(sizes[:nr_dimms])
    arguments = ["-M", "q35,nvdimm=on", "-accel", "tcg", "-cpu", machine.cpu,
                 "-smp", str(machine.cpus),
                 "-m", f"{machine.memory >> 20}M,slots={slots},maxmem={top + _HOTPLUG_SPARE}B",
                 "-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio",
                 "-device", "isa-debug-exit,iobase=0xf4,iosize=0x4"]
    arguments += _boot(machine.boot, paths)
    arguments += _nodes(machine)
    for index, (medium, path, size) in enumerate(zip(media[:nr_dimms], files, sizes)):
        arguments += _medium(index, medium, path, size)
    for index, path in enumerate(files[nr_dimms:]):
        arguments += ["-blockdev", f"driver=file,node-name=disk{index},filename={escape(path)}"]
    for table in machine.tables:
        arguments += ["-acpitable", f"file={escape(table)}"]
    if machine.tree:
        path = scratch / "acpi-tree"
        path.write_bytes(acpi_tree.build([table.read_bytes() for table in machine.tree]))
        arguments += ["-device", f"loader,file={escape(path)},addr={acpi_tree.ADDRESS:#x},"
                                 "force-raw=on"]
    if machine.options:
        path = scratch / "options"
        path.write_text(machine.options, encoding="ascii")
        arguments += ["-fw_cfg", f"name=opt/org.bifold/cmdline,file={escape(path)}"]
    return arguments + machine.qemu, files


def escape(path):
    """A path as part of an option's value: a comma would end it."""
    return str(path).replace(",", ",,")


def _boot(boot, paths):
    if boot == "pvh":
        return ["-kernel", str(paths["kernel"])]
    medium, firmware = boot.split("-")
    drive = f"if=none,id=boot,format=raw,readonly=on,file={escape(paths['iso'])}"
    arguments = ["-drive", drive + (",media=cdrom" if medium == "iso" else "")]
    if medium == "iso":
        arguments += ["-device", "ide-cd,drive=boot,bootindex=1"]
    else:
        arguments += ["-device", "qemu-xhci", "-device", "usb-storage,drive=boot,bootindex=1"]
    if firmware == "uefi":
        # A variable store that was used before can hold a boot order that hangs: start afresh.
        arguments += ["-drive", "if=pflash,unit=0,readonly=on,format=raw,"
                                f"file={_FIRMWARE}/OVMF_CODE.fd",
                      "-drive", "if=pflash,unit=1,snapshot=on,format=raw,"
                                f"file={_FIRMWARE}/OVMF_VARS.fd"]
    return arguments


def _nodes(machine):
    arguments = []
    for node, size in enumerate(machine.nodes):
        arguments += ["-object", f"memory-backend-ram,id=n{node},size={size}",
                      "-numa", f"node,nodeid={node},memdev=n{node}"]
    return arguments


def _medium(index, medium, path, size):
    if medium.address is None:
        device = f"nvdimm,memdev=m{index},id=nv{index}"
    else:
        device = f"pc-dimm,memdev=m{index},addr={medium.address:#x}"
    if medium.label:
        device += f",label-size={medium.label}"
    if medium.unarmed:
        device += ",unarmed=on"
    if medium.node is not None:
        device += f",node={medium.node}"
    return ["-object", f"memory-backend-file,id=m{index},share=on,mem-path={escape(path)},"
                       f"size={size}",
            "-device", device]
