# SPDX-License-Identifier: BSD-2-Clause
"""Memory errors on request: what the kernel under test asks for on its serial line, QEMU is told.

    # inject-error cpu=0 bank=9 status=0x... global=0x... address=0x... misc=0x... broadcast=no at=0x...

The words are those of QEMU's monitor command `mce`; `cpu` is QEMU's number of the CPU. With `at`,
the error comes when the CPU is at that instruction: QEMU is stopped, asked where the CPU is, and let
go on, until it is so. Else it comes at once, whatever the CPU does.

Only machines whose description says `errors = yes` get a monitor.
"""

import json
import re
import shutil
import socket
import tempfile
import time
from pathlib import Path

FWCFG = "opt/org.bifold/errors"  # by this the kernel knows that it may ask
PATIENCE = 20                    # seconds for one request
PAUSE = 0.0005                   # seconds, so that a CPU that is elsewhere gets on

_REQUEST = re.compile(
    rb"# inject-error cpu=([0-9]+) bank=([0-9]+) status=(0x[0-9a-f]+) global=(0x[0-9a-f]+) "
    rb"address=(0x[0-9a-f]+) misc=(0x[0-9a-f]+) broadcast=(yes|no) at=(0x[0-9a-f]+)")
_RIP = re.compile(r"\bRIP=([0-9a-f]+)")


class MonitorError(Exception):
    """QEMU does not do what it was asked to."""


class MonitorClosed(Exception):
    """QEMU has ended."""


class Monitor:
    """QEMU's monitor behind a socket, in its language of JSON lines (QMP)."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        try:
            self.socket.connect(str(path))
        except OSError:
            self.socket.close()
            raise
        self.lines = self.socket.makefile("rb")
        self._answer("QMP")
        self.execute("qmp_capabilities")

    def close(self):
        self.lines.close()
        self.socket.close()

    def _answer(self, key):
        """The value of `key` in the next line that has it; events come in between."""
        while True:
            line = self.lines.readline()
            if not line:
                raise MonitorClosed
            answer = json.loads(line)
            if "error" in answer:
                raise MonitorError(answer["error"].get("desc", answer["error"]))
            if key in answer:
                return answer[key]

    def execute(self, command, **values):
        request = json.dumps({"execute": command, "arguments": values}).encode() + b"\n"
        try:
            self.socket.sendall(request)
            return self._answer("return")
        except ConnectionError as error:
            raise MonitorClosed from error

    def human(self, line, cpu=0):
        """What the monitor for people says to a line; it speaks of one CPU."""
        return self.execute("human-monitor-command", **{"command-line": line, "cpu-index": cpu})


class Injector:
    """Reads the kernel's output along, and does what it asks for."""

    def __init__(self):
        # Not in the machine's scratch folder: a socket's name may have 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="bifold."))
        self.monitor = None
        self.rest = b""
        self.injected = 0
        self.problems = []

    def arguments(self):
        """QEMU's."""
        return ["-chardev", f"socket,id=monitor,path={self._path()},server=on,wait=off",
                "-mon", "chardev=monitor,mode=control",
                "-fw_cfg", f"name={FWCFG},string=on request"]

    def _path(self):
        return self.folder / "monitor"

    def feed(self, data):
        """A piece of the output."""
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            request = _REQUEST.fullmatch(line.strip())
            if request and not self.problems:
                self._serve(request)

    def close(self):
        if self.monitor:
            self.monitor.close()
        shutil.rmtree(self.folder)

    def _serve(self, request):
        cpu, bank, *values = (int(word, 0) for word in request.groups()[:6])
        broadcast, at = request[7] == b"yes", int(request[8], 0)
        line = " ".join(["mce", *(["-b"] if broadcast else []), str(cpu), str(bank),
                         *map(hex, values)])
        try:
            self.monitor = self.monitor or Monitor(self._path())
            said = self._inject_at(line, cpu, at) if at else self.monitor.human(line)
            if said.strip():
                raise MonitorError(f"QEMU says: {said.strip()}")
            self.injected += 1
        except MonitorClosed:
            # The kernel may end the run before QEMU has answered. If it ended without the error
            # that it waited for, its report or QEMU's exit status says so.
            pass
        except (OSError, ValueError, MonitorError) as error:
            self.problems.append(f"a memory error could not be injected by {line!r}: {error}")

    def _inject_at(self, line, cpu, at):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self.monitor.execute("stop")
            match = _RIP.search(self.monitor.human("info registers", cpu))
            arrived = match and int(match[1], 16) == at
            said = self.monitor.human(line) if arrived else None
            self.monitor.execute("cont")
            if arrived:
                return said
            time.sleep(PAUSE)
        raise MonitorError(f"CPU {cpu} does not come to {at:#x} within {PATIENCE} s")
