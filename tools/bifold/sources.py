# SPDX-License-Identifier: BSD-2-Clause
"""Which tests there are, read off the sources, so that no list of them is kept by hand."""

import re
import textwrap

# Tests of these go wrong on purpose, or need a machine of their own, and run only when they are
# asked for by name.
HIDDEN_SUITES = ("btt_linux", "cost", "disk_faults", "fault", "generation", "peer",
                 "power_btt", "power_faults", "power_pmem")

_TEST = re.compile(r"^TEST\((\w+), *(\w+)\)", re.MULTILINE)
_BODY = re.compile(r"^TEST\((\w+), *(\w+)\)\n\{(.*?)^\}", re.MULTILINE | re.DOTALL)
_OPTION_MAX = 512  # OPTIONS_LIST_MAX
_WORK_OF_ALL = "host_on_each_cpu("
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


def selections_of_one_cpu(root):
    """Values of tests=, of a length that it takes, for the hosted tests in which no other CPU works."""
    chosen, left_out = {}, set()
    for path in [*root.glob("tests/*.c"), *root.glob("tests/harness/*.c"),
                 *root.glob("tests/host/**/*.c")]:
        text = path.read_text(encoding="utf-8")
        if _OF_THE_KERNEL.search(text):
            continue
        calls_in_helpers = _WORK_OF_ALL in _BODY.sub("", text)
        for suite, name, body in _BODY.findall(text):
            if calls_in_helpers or _WORK_OF_ALL in body:
                left_out.add(suite)
            elif suite not in HIDDEN_SUITES:
                chosen.setdefault(suite, []).append(f"{suite}.{name}")
    selected = [name for suite, names in sorted(chosen.items())
                for name in (sorted(names) if suite in left_out else [suite])]
    return [line.replace(" ", ",") for line in textwrap.wrap(" ".join(selected), _OPTION_MAX)]
