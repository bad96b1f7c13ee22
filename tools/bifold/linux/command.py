# SPDX-License-Identifier: BSD-2-Clause
"""Runs one of the host's programs that the comparison needs."""

import subprocess

from bifold.linux import Unusable


def output(command, bound, advice, cwd=None):
    """What it prints. Unusable, with the advice, if it does not end well within `bound` seconds."""
    words = " ".join(map(str, command))
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=bound,
                              check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unusable(f"{words}: {error}; {advice}") from None
    if done.returncode != 0:
        said = done.stderr.strip() or f"exit status {done.returncode}"
        raise Unusable(f"{words}: {said}; {advice}")
    return done.stdout
