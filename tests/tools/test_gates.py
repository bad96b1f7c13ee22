# SPDX-License-Identifier: BSD-2-Clause
"""The gates tools/check-*: each passes a tree that keeps its rule, and names the place of one that
does not. And tools/setup, which installs what is missing and nothing else."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from canned import ROOT

LICENSE = "/* SPDX-License-Identifier: BSD-2-Clause */\n"


class Gate(unittest.TestCase):
    """A tree in a temporary folder, in which a gate is run."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)

    def write(self, name, text, mode=0o644):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def run_tool(self, tool, *arguments, path=os.environ["PATH"]):
        return subprocess.run([ROOT / "tools" / tool, *arguments], cwd=self.root, text=True,
                              capture_output=True, timeout=60, env={**os.environ, "PATH": path})

    def passes(self, gate, *arguments):
        result = self.run_tool(gate, *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)

    def fails(self, gate, *arguments, naming):
        result = self.run_tool(gate, *arguments)
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        self.assertIn(naming, result.stderr)


class Layers(Gate):
    def include(self, name, *lines):
        self.write(name, LICENSE + "".join(f"#include {line}\n" for line in lines))

    def test_each_layer_may_include_those_below(self):
        self.include("mm/a.c", '"mm/a.h"', "<string.h>", "<errno.h>", "<stdint.h>")
        self.include("kernel/a.c", '"kernel/a.h"', '"mm/a.h"', "<stdio.h>")
        self.include("kernel/main.c", '"boot/a.h"', '"drivers/a.h"', '"tests/a.h"')
        self.include("drivers/a.c", '"drivers/a.h"', '"kernel/a.h"', '"mm/a.h"', "<stdlib.h>")
        self.include("tests/a.c", '"tests/a.h"', '"drivers/a.h"', '"kernel/a.h"', '"mm/a.h"')
        self.include("boot/a.S", '"boot/a.h"', '"mm/a.h"')
        self.passes("check-layers")

    def test_none_may_include_those_above(self):
        for name, include in [("mm/a.c", "kernel/a.h"), ("kernel/a.c", "drivers/a.h"),
                              ("drivers/a.h", "tests/a.h"), ("tests/a.c", "boot/a.h"),
                              ("boot/a.S", "kernel/a.h"), ("kernel/a.h", "boot/a.h")]:
            with self.subTest(name):
                self.include(name, "<string.h>", f'"{include}"')
                self.fails("check-layers", naming=f'{name}:3: "{include}" is above')
                (self.root / name).unlink()

    def test_a_quoted_include_names_its_layer(self):
        self.include("mm/a.c", '"a.h"')
        self.fails("check-layers", naming='mm/a.c:2: "a.h" names no layer')

    def test_portable_code_uses_no_library(self):
        self.include("mm/a.c", "<stdio.h>")
        self.fails("check-layers", naming="mm/a.c:2: <stdio.h> is not for portable code")
        self.include("mm/a.c", "<string.h>")
        self.include("drivers/a.c", '"mm/a.h"', "<stdlib.h>")
        self.fails("check-layers", naming="drivers/a.c:3: <stdlib.h> is not for portable code")

    def test_an_empty_tree_is_not_passed(self):
        self.fails("check-layers", naming="no sources")


class Headers(Gate):
    def test_a_header_includes_what_it_needs(self):
        self.write("mm/a.h", LICENSE + "#pragma once\n#include <stddef.h>\nsize_t a(void);\n")
        self.passes("check-headers")
        self.write("mm/b.h", LICENSE + "#pragma once\nsize_t b(void);\n")
        self.fails("check-headers", naming="mm/b.h:1: does not compile alone with gcc")
        self.fails("check-headers", naming="mm/b.h:1: does not compile alone with clang")

    def test_an_empty_tree_is_not_passed(self):
        self.fails("check-headers", naming="no headers")


class License(Gate):
    def test_every_source_names_the_license(self):
        self.write("mm/a.c", LICENSE)
        self.write("tests/a.bin", "data\0")
        self.write("tools/a", "#!/bin/sh\n# SPDX-License-Identifier: BSD-2-Clause\n")
        self.passes("check-license")
        self.write("tools/b", "#!/bin/sh\n\n# SPDX-License-Identifier: BSD-2-Clause\n")
        self.fails("check-license", naming="tools/b:1: add")
        self.write("tools/b", "#!/bin/sh\n# SPDX-License-Identifier: MIT\n")
        self.fails("check-license", naming="tools/b:1: add")

    def test_an_empty_tree_is_not_passed(self):
        self.fails("check-license", naming="no sources")


class Format(Gate):
    def test_files_are_as_clang_format_makes_them(self):
        self.write(".clang-format", (ROOT / ".clang-format").read_text())
        self.write("mm/a.c", LICENSE + "int a;\n")
        self.passes("check-format")
        self.write("mm/b.h", LICENSE + "int  b;\n")
        self.fails("check-format", naming="mm/b.h:2:")

    def test_an_empty_tree_is_not_passed(self):
        self.fails("check-format", naming="no sources")


class Binary(Gate):
    def link(self, instruction, *flags, function="work"):
        self.write("a.c", f'void {function}(void);\nvoid {function}(void)\n{{\n'
                          f'\t__asm__("{instruction}");\n}}\n')
        subprocess.run(["gcc", "-g", "-nostdlib", "-static", f"-Wl,--entry={function}", "-o", "a.elf",
                        "a.c", *flags],
                       cwd=self.root, check=True, capture_output=True)

    def test_general_registers_and_separate_segments_pass(self):
        self.link("mov %rax, %rbx")
        self.passes("check-binary", "a.elf")

    def test_other_registers_are_named_with_their_line(self):
        for instruction in ("movaps %xmm1, %xmm2", "vzeroall; vmovaps %ymm1, %ymm2", "fld %st(1)",
                            "paddb %mm1, %mm2"):
            with self.subTest(instruction):
                self.link(instruction)
                self.fails("check-binary", "a.elf", naming="a.c:4: work: ")

    def test_the_test_of_their_absence_may_use_them(self):
        self.link("movaps %xmm1, %xmm2", function="use_vector_register")
        self.passes("check-binary", "a.elf")

    def test_writable_code_is_found(self):
        self.link("nop", "-Wl,--omagic")
        self.fails("check-binary", "a.elf", naming="a.elf: writable and executable")

    def test_a_missing_kernel_is_not_passed(self):
        self.fails("check-binary", naming="build/bifold.elf is missing")


class Image(Gate):
    def test_the_image_is_smaller_than_8_mb(self):
        self.write("a.iso", "")
        os.truncate(self.root / "a.iso", 7_999_999)
        self.passes("check-image", "a.iso")
        os.truncate(self.root / "a.iso", 8_000_000)
        self.fails("check-image", "a.iso", naming="a.iso: 8000000 bytes")

    def test_a_missing_image_is_not_passed(self):
        self.fails("check-image", naming="build/bifold.iso is missing")


class Clang(Gate):
    def test_the_kernel_is_built_with_clang(self):
        self.write("Makefile", 'kernel:\n\ttest "$(CC) in $(BUILD)" = "clang in build/clang"\n')
        self.passes("check-clang")

    def test_its_failure_is_ours(self):
        self.write("Makefile", "kernel:\n\tfalse\n")
        self.assertNotEqual(self.run_tool("check-clang").returncode, 0)


class Setup(Gate):
    """With a dpkg-query that misses what the file `missing` names, and an apt-get that only notes."""

    def setUp(self):
        super().setUp()
        self.write("bin/dpkg-query", '#!/bin/sh\nfor p; do :; done\n'
                                     'grep -qx "$p" missing || printf installed\n', 0o755)
        self.write("bin/apt-get", '#!/bin/sh\necho "$@" >>called\nexec test ! -e broken\n', 0o755)
        self.write("bin/sudo", '#!/bin/sh\nexec "$@"\n', 0o755)
        self.write("missing", "")

    def setup(self, *arguments):
        return self.run_tool("setup", *arguments, path=f"{self.root}/bin:{os.environ['PATH']}")

    def test_nothing_is_called_when_all_is_there(self):
        result = self.setup()
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))
        self.assertFalse((self.root / "called").exists())

    def test_only_what_is_missing_is_installed(self):
        self.write("missing", "xorriso\novmf\n")
        self.assertEqual(self.setup().returncode, 0)
        update, install = (self.root / "called").read_text().splitlines()
        self.assertIn("update", update)
        self.assertTrue(install.endswith(" xorriso ovmf"), install)

    def test_the_provers_are_installed_only_when_asked_for(self):
        self.write("missing", "frama-c-base\n")
        self.assertEqual(self.setup().returncode, 0)
        self.assertFalse((self.root / "called").exists())
        self.assertEqual(self.setup("prove").returncode, 0)
        self.assertIn(" frama-c-base", (self.root / "called").read_text())

    def test_a_failure_of_apt_is_ours(self):
        self.write("missing", "xorriso\n")
        self.write("broken", "")
        self.assertNotEqual(self.setup().returncode, 0)


if __name__ == "__main__":
    unittest.main()
