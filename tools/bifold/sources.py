# SPDX-License-Identifier: BSD-2-Clause
"""Which tests there are, read off the sources, so that no list of them is kept by hand."""

import re

# Tests of these go wrong on purpose, or need a machine of their own, and run only when they are
# asked for by name.
HIDDEN_SUITES = ("cost", "disk_faults", "fault")

_TEST = re.compile(r"^TEST\((\w+), *(\w+)\)", re.MULTILINE)
_OF_THE_KERNEL = re.compile(r'^#include "kernel/(?!options\.h)', re.MULTILINE)


def test_names(root, portable_only=False):
    """Full names of the tests that a run without tests= must report."""
    names = set()
    for path in [*root.glob("tests/*.c"), *root.glob("tests/harness/*.c")]:
        text = path.read_text(encoding="utf-8")
        if not (portable_only and _OF_THE_KERNEL.search(text)):
            names.update(f"{suite}.{name}" for suite, name in _TEST.findall(text)
                         if suite not in HIDDEN_SUITES)
    return names
