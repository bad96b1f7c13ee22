# SPDX-License-Identifier: BSD-2-Clause
"""Reads the description of a machine: tests/machines/NAME.ini.

[machine]
purpose   one sentence: what this machine is there to show
boot      pvh | iso-bios | iso-uefi | usb-bios | usb-uefi | program
program   boot = program: the command to run instead of QEMU, from the project's root
memory    DRAM (default 128M)
cpus      how many (default 1)
cpu       QEMU's CPU model (default max)
nodes     one NUMA node per line: its DRAM; the sum must be `memory`
nvdimms   one per line: size=S | image=FILE.xz, and if wanted label=S node=N unarmed unchanged
dimms     the same with address=A: plain memory there, for a table of our own to describe.
          becomes=OFFSET:VALUE,...: must be zeros when the run is over, but for these words of 8 bytes
disks     one per line: size=S | image=FILE.xz, and if wanted unchanged. Its content is QEMU's block
          node diskN, N from 0 on; `qemu` says what device it belongs to: -device nvme,drive=disk0
tables    one ACPI table per line, added beside QEMU's own
tree      ACPI tables: the runner builds RSDP and RSDT for them, at 128 MiB (rsdp=0x8000000)
qemu      more arguments for QEMU, one or several per line
errors    yes: the kernel may ask for memory errors (bifold/errors.py)
options   the kernel's options
bound     seconds until the run counts as hung (default 120)

[expect]
exit         passed | failed | skipped
suites       all (default) | portable | names: suites that the report must have
skip, fail   globs: the tests that must skip or fail; no other may
skip-reasons regular expressions: a test may also skip for such a reason, which states what
             this machine does not have. That "the machine has no MODEL device" need not be stated
             and must be so: `qemu` has no "-device MODEL". Likewise that "nobody injects memory
             errors here": there is no `errors = yes`
lines        regular expressions that must each match a line of the report, less its "# "
no-lines     regular expressions that must match none
qemu-says    regular expressions that must each match a line which QEMU itself writes to the place
             of the report; such lines are no part of it
bail-out     a regular expression for the reason with which the run must end itself
red          regular expressions: this run must be found wrong, with problems that each match one,
             and each one matched; a proof that the runner sees what it is there to see
unchanged    yes: every NVDIMM, DIMM and disk must be left with the bytes that it had, as the word
             on its line says of one; those without an image are filled with a pattern first
record       a file: no measurement may be more than 2 % above what it says (bifold/record.py)

Lists hold one item per line. Sizes are numbers with K, M, G or T. An unknown section, key or word
is an error.
"""

import configparser
import re
from dataclasses import dataclass, field
from pathlib import Path

BOOTS = ("pvh", "iso-bios", "iso-uefi", "usb-bios", "usb-uefi", "program")
EXITS = ("passed", "failed", "skipped")
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class DescriptionError(Exception):
    """A description that cannot be used; the text says where, what was expected and found."""


@dataclass
class Medium:
    """An NVDIMM, a DIMM or a disk, backed by a file."""
    size: int = 0                # bytes of the file, label area included
    label: int = 0
    node: int | None = None
    unarmed: bool = False
    unchanged: bool = False      # must keep its bytes
    image: Path | None = None    # the file's content, compressed by xz
    becomes: list | None = None  # (offset, value) of each word of 8 bytes that is not 0 in the end
    address: int | None = None   # of a DIMM


@dataclass
class Expect:
    exit: str
    suites: list
    skip: list = field(default_factory=list)
    fail: list = field(default_factory=list)
    skip_reasons: list = field(default_factory=list)
    lines: list = field(default_factory=list)
    no_lines: list = field(default_factory=list)
    qemu_says: list = field(default_factory=list)
    bail_out: str | None = None
    red: list = field(default_factory=list)
    unchanged: bool = False
    record: Path | None = None


@dataclass
class Machine:
    name: str
    path: Path
    purpose: str
    boot: str
    program: str
    memory: int
    cpus: int
    cpu: str
    options: str
    bound: int
    errors: bool = False
    nodes: list = field(default_factory=list)
    nvdimms: list = field(default_factory=list)
    dimms: list = field(default_factory=list)
    disks: list = field(default_factory=list)
    tables: list = field(default_factory=list)
    tree: list = field(default_factory=list)
    qemu: list = field(default_factory=list)
    expect: Expect = None

    def media(self):
        """All that has a backing file, in the order of the files."""
        return self.nvdimms + self.dimms + self.disks

    def medium_name(self, index):
        """What medium number `index` is called, in words."""
        for kind, media in (("NVDIMM", self.nvdimms), ("DIMM", self.dimms)):
            if index < len(media):
                return f"{kind} {index}"
            index -= len(media)
        return f"disk {index}"

    def devices(self):
        """The models of the devices among the arguments for QEMU."""
        return {value.split(",")[0] for option, value in zip(self.qemu, self.qemu[1:])
                if option == "-device"}


def parse_size(text):
    """Bytes of '512M'; ValueError when it is none or not above 0."""
    match = re.fullmatch(r"([0-9]+)([KMGT]?)", text)
    if not match or int(match[1]) == 0:
        raise ValueError("a size such as 512M")
    return int(match[1]) * _UNITS[match[2]]


def read_machine(path, root):
    """The Machine that a file describes; files named in it are taken from `root`."""
    path = Path(path)
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), strict=True,
                                       default_section="none")
    try:
        with open(path, encoding="ascii") as stream:
            parser.read_file(stream)
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        raise DescriptionError(f"{path}: {error}") from None
    unknown = set(parser.sections()) - {"machine", "expect"}
    if unknown or not parser.has_section("machine") or not parser.has_section("expect"):
        raise DescriptionError(f"{path}: expected the sections [machine] and [expect], found "
                               f"{', '.join(parser.sections()) or 'none'}")
    keys = _Keys(path, "machine", parser["machine"], Path(root))
    machine = Machine(
        name=path.stem, path=path,
        purpose=keys.text("purpose"),
        boot=keys.one_of("boot", BOOTS),
        program=keys.text("program", ""),
        memory=keys.convert("memory", parse_size, "128M"),
        cpus=keys.convert("cpus", _positive, "1"),
        cpu=keys.text("cpu", "max"),
        options=keys.text("options", ""),
        bound=keys.convert("bound", _positive, "120"),
        errors=keys.one_of("errors", ("yes", "no"), "no") == "yes",
        nodes=keys.convert_each("nodes", parse_size),
        nvdimms=keys.convert_each("nvdimms", keys.medium),
        dimms=keys.convert_each("dimms", keys.medium),
        disks=keys.convert_each("disks", keys.medium),
        tables=keys.convert_each("tables", keys.file),
        tree=keys.convert_each("tree", keys.file),
        qemu=[word for line in keys.lines("qemu") for word in line.split()])
    keys.finish()
    machine.expect = _expect(_Keys(path, "expect", parser["expect"], Path(root)))
    _check(machine)
    return machine


def _expect(keys):
    expect = Expect(
        exit=keys.one_of("exit", EXITS),
        suites=keys.text("suites", "all").split(),
        skip=keys.text("skip", "").split(),
        fail=keys.text("fail", "").split(),
        skip_reasons=keys.convert_each("skip-reasons", _regex),
        lines=keys.convert_each("lines", _regex),
        no_lines=keys.convert_each("no-lines", _regex),
        qemu_says=keys.convert_each("qemu-says", _regex),
        bail_out=keys.convert("bail-out", lambda text: _regex(text) if text else None, ""),
        red=keys.convert_each("red", _regex),
        unchanged=keys.one_of("unchanged", ("yes", "no"), "no") == "yes",
        record=keys.convert("record", lambda text: keys.root / text if text else None, ""))
    keys.finish()
    return expect


def _check(machine):
    """What no single key shows."""
    def refuse(what):
        raise DescriptionError(f"{machine.path}: {what}")

    if (machine.boot == "program") != bool(machine.program):
        refuse("'program' is wanted with boot = program, and only there")
    if machine.errors and machine.boot == "program":
        refuse("errors = yes, but a program has no monitor; it is for QEMU")
    if machine.nodes and sum(machine.nodes) != machine.memory:
        refuse(f"the nodes have {sum(machine.nodes)} bytes together, expected memory = "
               f"{machine.memory}")
    for medium in machine.media():
        if medium.node is not None and medium.node >= len(machine.nodes):
            refuse(f"node={medium.node}, but 'nodes' has {len(machine.nodes)}")
    for medium in machine.nvdimms:
        if medium.address is not None:
            refuse("QEMU chooses where an NVDIMM lies; address= is for dimms")
    for medium in machine.dimms:
        if medium.address is None or medium.label or medium.unarmed:
            refuse("a DIMM has address=, and neither label= nor unarmed")
    for medium in machine.disks:
        if medium.address is not None or medium.label or medium.unarmed or medium.node is not None:
            refuse("a disk has size= or image=, and unchanged; `qemu` has its device")
    if machine.expect.unchanged and not machine.media():
        refuse("unchanged = yes, but there is no NVDIMM, DIMM or disk")
    for medium in machine.media():
        if medium.becomes and (medium.unchanged or machine.expect.unchanged):
            refuse("a medium with becomes= is not unchanged")
        medium.unchanged |= machine.expect.unchanged


def _positive(text):
    if not re.fullmatch(r"[1-9][0-9]*", text):
        raise ValueError("a number above 0")
    return int(text)


def _address(text):
    if not re.fullmatch(r"0x[0-9a-f]+", text):
        raise ValueError("an address such as 0x100000000")
    return int(text, 16)


def _words(text):
    words = [re.fullmatch(r"(0x[0-9a-f]+):([0-9]+)", word) for word in text.split(",")]
    if not all(words):
        raise ValueError("words such as 0x40:1,0x1000:1")
    return sorted((int(word[1], 16), int(word[2])) for word in words)


def _regex(text):
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"a regular expression ({error})") from None
    return text


class _Keys:
    """One section; remembers what was asked for, so that finish() can refuse the rest."""

    def __init__(self, path, name, section, root):
        self.path, self.name, self.section, self.root = path, name, section, root
        self.asked = set()

    def refuse(self, key, expected, found):
        raise DescriptionError(f"{self.path}: [{self.name}] {key}: expected {expected}, "
                               f"found {found!r}")

    def text(self, key, default=None):
        self.asked.add(key)
        text = " ".join(self.section.get(key, default or "").split())
        if not text and default is None:
            self.refuse(key, "a value", "none")
        return text

    def lines(self, key):
        self.asked.add(key)
        return [line.strip() for line in self.section.get(key, "").splitlines() if line.strip()]

    def one_of(self, key, words, default=None):
        word = self.text(key, default)
        if word not in words:
            self.refuse(key, "one of " + ", ".join(words), word)
        return word

    def convert(self, key, function, default=None):
        return self._apply(key, function, self.text(key, default))

    def convert_each(self, key, function):
        return [self._apply(key, function, line) for line in self.lines(key)]

    def _apply(self, key, function, text):
        try:
            return function(text)
        except ValueError as error:
            return self.refuse(key, error, text)

    def file(self, text):
        if not (self.root / text).is_file():
            raise ValueError("an existing file, named from the project's root")
        return self.root / text

    def medium(self, line):
        result = Medium()
        for word in line.split():
            key, _, value = word.partition("=")
            if key in ("size", "label"):
                setattr(result, key, parse_size(value))
            elif key == "node" and value.isdigit():
                result.node = int(value)
            elif word in ("unarmed", "unchanged"):
                setattr(result, word, True)
            elif key == "image":
                result.image = self.file(value)
            elif key == "becomes":
                result.becomes = _words(value)
            elif key == "address":
                result.address = _address(value)
            else:
                raise ValueError("the words size= label= node= address= image= becomes= unarmed "
                                 "unchanged")
        if bool(result.size) == bool(result.image):
            raise ValueError("either size= or image=")
        return result

    def finish(self):
        unknown = set(self.section) - self.asked
        if unknown:
            self.refuse(sorted(unknown)[0], "one of " + ", ".join(sorted(self.asked)),
                        "an unknown key")
