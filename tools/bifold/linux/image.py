# SPDX-License-Identifier: BSD-2-Clause
"""What QEMU boots: Debian's kernel as an ELF file, and a root file system in memory with as little as
the measurements need."""

import lzma
import re
import shutil
import struct
from pathlib import Path

from bifold.linux import Unusable, command

ROOT = Path(__file__).resolve().parents[3]
GUEST = ROOT / "tools/linux"

# The modules that are asked for; those that they depend on come by themselves.
MODULES = ("nfit", "nd_pmem", "dax_pmem", "device_dax", "nvme", "crc32c_generic", "ext4")

# Programs of the host, and the Debian packages that have them.
PROGRAMS = {"busybox": "busybox-static", "ndctl": "ndctl", "mke2fs": "e2fsprogs"}

FOLDERS = ("bin", "dev", "etc", "lib", "lib64", "mnt", "proc", "sys", "tmp", "modules")

COMMAND_BOUND = 120

# The header of a bzImage: Documentation/x86/boot.rst of Linux.
_SETUP_SECTORS, _MAGIC, _PROTOCOL, _PAYLOAD = 0x1f1, 0x202, 0x206, 0x248
_XZ = b"\xfd7zXZ\0"


def version(kernel):
    """Of an unpacked kernel package, such as '6.1.0-9-amd64'."""
    there = [path.name for path in kernel.glob("lib/modules/*")]
    if len(there) != 1:
        raise Unusable(f"{kernel}: expected lib/modules/VERSION, found {len(there)} versions; remove "
                       "the folder, and it is downloaded again")
    return there[0]


def elf_of(bzimage):
    """The kernel inside of a bzImage. It boots without taking the time to decompress itself."""
    if len(bzimage) < 0x250 or bzimage[_MAGIC:_MAGIC + 4] != b"HdrS":
        raise Unusable("the kernel is no bzImage: it lacks the magic HdrS at 0x202")
    protocol, = struct.unpack_from("<H", bzimage, _PROTOCOL)
    if protocol < 0x208:
        raise Unusable(f"the kernel's boot protocol is {protocol:#x}, expected 0x208 or later")
    offset, length = struct.unpack_from("<II", bzimage, _PAYLOAD)
    offset += ((bzimage[_SETUP_SECTORS] or 4) + 1) * 512
    payload = bzimage[offset:offset + length]
    if len(payload) != length or not payload.startswith(_XZ):
        raise Unusable("the kernel inside of the bzImage is not compressed by xz, or cut off: "
                       f"{length} bytes at {offset:#x}, which begin with {payload[:6].hex()}")
    try:
        elf = lzma.LZMADecompressor().decompress(payload)
    except lzma.LZMAError as error:
        raise Unusable(f"the kernel inside of the bzImage: {error}") from None
    if not elf.startswith(b"\x7fELF"):
        raise Unusable(f"the kernel inside of the bzImage is no ELF file: {elf[:4].hex()}")
    return elf


def modules(folder, wanted=MODULES):
    """[(name, content)] of the modules and of those that they depend on, in the order of loading."""
    files = {path.name.split(".ko")[0].replace("-", "_"): path for path in folder.rglob("*.ko*")}
    builtin = {Path(line).stem.replace("-", "_")
               for line in (folder / "modules.builtin").read_text().splitlines()}
    loaded = {}                 # keeps the order

    def load(name):
        if name in loaded or name in builtin:
            return
        if name not in files:
            raise Unusable(f"{folder}: the kernel has no module {name}")
        content = files[name].read_bytes()
        if files[name].suffix == ".xz":
            content = lzma.decompress(content)
        depends = re.search(rb"\0depends=([^\0]*)\0", content)
        for other in (depends[1].decode().split(",") if depends else []):
            if other:
                load(other.replace("-", "_"))
        loaded[name] = content

    for name in wanted:
        load(name)
    return list(loaded.items())


def program(name):
    """The path of a program of the host."""
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if not found:
        raise Unusable(f"there is no {name}, which the guest needs; `tools/setup linux` installs "
                       f"the package {PROGRAMS[name]}")
    return Path(found)


def libraries(path):
    """The shared libraries of a program, its loader included; none if it is static."""
    if b"/ld-linux" not in path.read_bytes():
        return []
    said = command.output(["ldd", path], COMMAND_BOUND, "it is a part of the package libc-bin")
    return [Path(name) for name in re.findall(r"(/\S+) \(0x", said)]


def compile_measure(folder):
    """The measuring program, static."""
    target = folder / "measure"
    command.output(["gcc", "-std=gnu11", "-O2", "-static", "-Wall", "-Wextra", "-Wconversion",
                    "-Wshadow", "-Werror", f"-I{ROOT}", "-o", target, *sorted(GUEST.glob("*.c"))],
                   COMMAND_BOUND, "`tools/setup linux` installs the compiler and its library")
    return target


def build(kernel, folder):
    """Makes the kernel and the file system in `folder`; returns their paths."""
    try:
        return _build(kernel, folder)
    except (OSError, lzma.LZMAError) as error:
        raise Unusable(f"{error}; if {kernel} is damaged, remove it, and it is made anew") from None


def _build(kernel, folder):
    release = version(kernel)
    vmlinux, initramfs = folder / "vmlinux", folder / "initramfs"
    vmlinux.write_bytes(elf_of((kernel / f"boot/vmlinuz-{release}").read_bytes()))
    files = {"init": (GUEST / "init").read_bytes(),
             "bin/measure": compile_measure(folder).read_bytes()}
    for name in PROGRAMS:
        path = program(name)
        files[f"bin/{name}"] = path.read_bytes()
        for library in libraries(path):
            files[str(library).lstrip("/")] = library.read_bytes()
    order = modules(kernel / "lib/modules" / release)
    files["modules/order"] = "".join(f"{name}\n" for name, _ in order).encode()
    files.update({f"modules/{name}.ko": content for name, content in order})
    initramfs.write_bytes(archive(files))
    return vmlinux, initramfs


def archive(files):
    """A cpio archive (newc) of files and of the folders that they lie in: what Linux takes for the
    content of its first file system."""
    folders = set(FOLDERS)
    for name in files:
        folders.update(str(parent) for parent in Path(name).parents if str(parent) != ".")
    entries = [(name, 0o040755, b"") for name in sorted(folders)]
    entries += [(name, 0o100755, content) for name, content in files.items()]
    entries.append(("TRAILER!!!", 0, b""))
    return b"".join(_entry(number, *entry) for number, entry in enumerate(entries, 1))


def _entry(number, name, mode, content):
    fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
    return _padded(head) + _padded(content)


def _padded(data):
    return data + bytes(-len(data) % 4)
