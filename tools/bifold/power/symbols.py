# SPDX-License-Identifier: BSD-2-Clause
"""Names of the kernel's addresses, by addr2line."""

import subprocess


class Symbols:
    def __init__(self, kernel):
        self._kernel = kernel
        self._known = {}

    def name(self, pc):
        """'function (file:line)', of the function that the code was written in."""
        if pc not in self._known:
            said = subprocess.run(["addr2line", "-f", "-e", self._kernel, hex(pc)],
                                  capture_output=True, text=True, timeout=60, check=False)
            function, place = (said.stdout.splitlines() + ["??", "??"])[:2]
            place = place.split(" (")[0].removeprefix("./")
            self._known[pc] = f"{function} ({place})"
        return self._known[pc]
