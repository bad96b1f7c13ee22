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
        # apt warns of what does not matter before it says what does.
        said = [line for line in done.stderr.splitlines() if not line.startswith("W: ")]
        raise Unusable(f"{words}: " + ("\n".join(said) or f"exit status {done.returncode}")
                       + f"; {advice}")
    return done.stdout
