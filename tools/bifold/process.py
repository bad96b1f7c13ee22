# SPDX-License-Identifier: BSD-2-Clause
"""Runs one program with a bound on its time and its output."""

import os
import selectors
import subprocess
import tempfile
import time
from dataclasses import dataclass

OUTPUT_LIMIT = 64 << 20


@dataclass
class Ended:
    how: str                # "exited", "timeout", "flood" or "missing" (could not be started)
    status: int | None      # of a program that exited; negative: the signal that killed it
    output: bytes           # what it wrote to standard output
    errors: str             # what it wrote to standard error
    seconds: float


def run(command, bound, log, echo=None, cwd=None):
    """Runs `command` for at most `bound` seconds; always returns an Ended, with the child dead.

    Standard output goes to the file `log` as it comes, and to echo(bytes) if that is given.
    """
    start = time.monotonic()
    with open(log, "wb") as stream, tempfile.TemporaryFile() as errors:
        try:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     stderr=errors, cwd=cwd)
        except OSError as error:
            return Ended("missing", None, b"", str(error), 0.0)
        try:
            how, output = _follow(child, start + bound, stream, echo)
        finally:
            child.kill()
            status = child.wait()
            child.stdout.close()
        errors.seek(0)
        text = errors.read().decode("utf-8", "replace").strip()
    return Ended(how, status if how == "exited" else None, output, text,
                 time.monotonic() - start)


def _follow(child, deadline, stream, echo):
    """Copies the child's output until it ends or must be ended: (how, output)."""
    output = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not selector.select(left):
                return "timeout", bytes(output)
            data = os.read(child.stdout.fileno(), 1 << 16)
            if not data:
                break
            output += data
            stream.write(data)
            stream.flush()
            if echo:
                echo(data)
            if len(output) > OUTPUT_LIMIT:
                return "flood", bytes(output)
    try:
        child.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return "timeout", bytes(output)
    return "exited", bytes(output)
