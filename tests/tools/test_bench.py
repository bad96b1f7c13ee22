# SPDX-License-Identifier: BSD-2-Clause
"""The benchmark works: `make bench` in its quick mode. Nothing here judges how long anything took."""

import os
import re
import subprocess
import unittest

from canned import ROOT

BENCH = ROOT / "build/bench/bench"

UNITS = {
    "bench.u": "ns", "bench.u_random": "U", "bench.loop": "ns", "bench.clock": "ns",
    "bench.u_2cpu_ratio": "ratio", "bench.line_2cpu": "ns",
    "core.bytes_per_tib": "MiB", "core.bytes_per_tib_all": "MiB",
    "core.bytes_per_tib_split1": "MiB", "core.bytes_pin_whole": "bytes", "core.bytes_split": "bytes",
    "core.init_1tib": "ms", "core.init_6tib": "ms",
    "core.page_to_pfn": "U", "core.page_to_pfn_loop": "U",
    "core.page_to_pfn_chained": "U",
    "core.lookup_whole": "U", "core.lookup_whole_vs_flat": "ratio",
    "core.lookup_whole_overlapped": "U", "core.look_whole": "U", "core.lookup_mixed": "U",
    "core.lookup_split": "U", "core.lookup_split_overlapped": "U", "core.look_split": "U",
    "core.pin_whole": "U",
    "bench.pin_flat8_2cpu_ratio": "ratio", "core.pin_2cpu_ratio": "ratio", "core.pin_shared_2cpu": "U",
    "core.pin_split": "U", "core.pin_split_cold": "U", "core.pin_split_batch_vs_flat": "ratio",
    "core.pin_shared_split_2cpu": "U",
    "core.split_hot": "U", "core.collapse_hot": "U", "core.split_collapse_hot": "U",
    "core.split_cold": "U", "core.collapse_cold": "U", "core.split_used": "U",
    "core.collapse_used": "U",
    "core.alloc4k": "U", "core.alloc4k_batch": "U", "core.alloc2m": "U", "core.alloc2m_batch": "U",
    "core.alloc4k_2cpu_ratio": "ratio", "core.alloc4k_batch_2cpu_ratio": "ratio",
    "core.free_remote": "U", "core.free_remote_many": "U",
}

NEEDS_TWO_CPUS = {name for name in UNITS if "2cpu" in name or "remote" in name}

LINE = re.compile(r"# R name=(\S+)((?: \w+=\S+)+)")


def run(*arguments, cpus=None):
    def pin():
        if cpus:
            os.sched_setaffinity(0, cpus)

    return subprocess.run([BENCH, *arguments], capture_output=True, text=True, timeout=200,
                          check=False, preexec_fn=pin)


def figures(text):
    """{name: {field: value}}, in the order of the lines."""
    return {match[1]: dict(field.split("=") for field in match[2].split())
            for match in map(LINE.fullmatch, text.splitlines()) if match}


class QuickRun(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.done = run("--quick")
        cls.figures = figures(cls.done.stdout)

    def test_ends_well(self):
        self.assertEqual((self.done.returncode, self.done.stderr), (0, ""))

    def test_every_figure_is_there_in_its_unit(self):
        self.assertEqual({name: fields["units"] for name, fields in self.figures.items()}, UNITS)

    def test_every_line_can_be_read(self):
        lines = [line for line in self.done.stdout.splitlines() if line.startswith("# R ")]
        self.assertEqual(len(lines), len(self.figures))

    def test_values_are_numbers_within_their_spread(self):
        for name, fields in self.figures.items():
            if "low" in fields:
                with self.subTest(name=name):
                    low, value, high = (float(fields[key]) for key in ("low", "value", "high"))
                    self.assertTrue(0 < low <= value <= high)

    def test_goals_are_judged_by_the_printed_value(self):
        judged = {name: fields for name, fields in self.figures.items() if "goal" in fields}
        self.assertEqual(len(judged), 22)
        for name, fields in judged.items():
            if "value" in fields:
                met = float(fields["value"]) <= float(fields["goal"])
                self.assertEqual(fields["goal_is"], "met" if met else "missed", name)

    def test_the_table_has_them_too(self):
        table = self.done.stdout.split("\nfigure ")[1]
        self.assertEqual([line.split()[0] for line in table.splitlines()[1:] if "  " in line],
                         list(self.figures))

    def test_counted_figures_are_exact(self):
        values = {name: self.figures[name]["value"]
                  for name in ("core.bytes_pin_whole", "core.bytes_split")}
        self.assertEqual(values, {"core.bytes_pin_whole": "0", "core.bytes_split": "4096"})


class Comparison(unittest.TestCase):
    # Two levels have a row more, for the most that they can take.
    SCHEMES = sorted(["two-level-split", *(
        match[1] for source in (ROOT / "mm/schemes").glob("*.c")
        for match in re.finditer(r'^\t\.name = "(.+)"', source.read_text(), re.M))])
    TIMES = ["pin4k_near", "pin4k_far", "pin2m", "find_far"]
    EXACT = ["pin4k_exact", "pin2m_exact", "find_exact", "worn4k", "worn2m"]

    @classmethod
    def setUpClass(cls):
        cls.done = run("--compare", "--quick")
        cls.figures = figures(cls.done.stdout)

    def test_ends_well(self):
        self.assertEqual((self.done.returncode, self.done.stderr), (0, ""))

    def test_every_scheme_has_every_figure(self):
        wanted = {f"schemes.{scheme}.{figure}" for scheme in self.SCHEMES
                  for figure in ["begin", "worn", *self.TIMES, *self.EXACT]}
        wanted |= {f"schemes.interface.{figure}" for figure in ["worn", *self.TIMES]}
        # Without descriptors there is nothing to find.
        self.assertEqual(set(self.figures), wanted - {"schemes.page-less.find_far",
                                                      "schemes.page-less.find_exact"})

    def rows(self, column="begin ms"):
        """{scheme: cells}, of the table that has this column."""
        table, = (part for part in self.done.stdout.split("\n\n")
                  if column in part.split("\n")[0])
        return {line.split()[0]: line.split()[1:] for line in table.splitlines()[1:]}

    def test_table_has_what_a_terabyte_takes(self):
        wanted = {"interface": ["0.00", "0.00"], "flat": ["16384.0", "0.00"],
                  "altmap": ["0.00", "16131.9"], "compound": ["4096.0", "0.00"],
                  "compound-hvo": ["2048.0", "0.00"], "page-less": ["0.00", "0.00"]}
        found = {scheme: cells[:2] for scheme, cells in self.rows().items() if scheme in wanted}
        self.assertEqual(found, wanted)
        # Split, an area has a table of 4 KiB more.
        least, most = (float(self.rows()[scheme][0]) for scheme in ("two-level", "two-level-split"))
        self.assertAlmostEqual(most - least, 2048, delta=0.1)

    def test_table_has_what_the_lines_have(self):
        for scheme, cells in self.rows().items():
            for name, cell in zip(["begin", *self.TIMES, "worn"], cells[2:], strict=True):
                line = self.figures.get(f"schemes.{scheme}.{name}")
                with self.subTest(scheme=scheme, name=name):
                    self.assertEqual(cell == "-", line is None)
                    if line:
                        self.assertAlmostEqual(float(cell), float(line["value"]), delta=0.051)

    def test_only_what_is_on_the_medium_wears_it(self):
        worn = {name for name, fields in self.figures.items()
                if name.endswith(".worn") and float(fields["value"]) > 0}
        self.assertIn("schemes.altmap.worn", worn)
        self.assertLessEqual(worn, {f"schemes.{scheme}.worn" for scheme, cells
                                    in self.rows().items() if float(cells[1]) > 0})
        self.assertEqual([self.figures[f"schemes.altmap.{name}"]["value"]
                          for name in ("worn4k", "worn2m")], ["16", "8192"])

    def test_exact_figures_are_the_same_in_every_run(self):
        again = figures(run("--compare", "--quick").stdout)
        for name, fields in self.figures.items():
            if name.split(".")[2] in self.EXACT:
                self.assertEqual(again[name], fields, name)

    def test_second_table_has_what_its_lines_have(self):
        rows = self.rows("serialises")
        self.assertEqual(sorted(rows), self.SCHEMES)
        for scheme, cells in rows.items():
            for name, cell in zip(self.EXACT, cells):
                line = self.figures.get(f"schemes.{scheme}.{name}")
                self.assertEqual(cell, line["value"] if line else "-", (scheme, name))

    def test_features_are_those_of_the_ideas(self):
        rows = self.rows("serialises")
        features = {scheme: cells[5:9] for scheme, cells in rows.items()}
        self.assertEqual(features["flat"], ["yes", "yes", "yes", "no"])
        self.assertEqual(features["page-less"], ["no"] * 4)
        self.assertEqual(features["proxy"], ["yes"] * 4)
        self.assertEqual({scheme for scheme, cells in rows.items() if cells[9] != "never"},
                         {"dynamic", "proxy"})
        self.assertEqual({scheme: rows[scheme][-1] for scheme in ("flat", "dynamic")},
                         {"flat": "no", "dynamic": "yes"})

    def test_table_has_a_row_for_each(self):
        rows = list(self.rows())
        self.assertEqual(rows[0], "interface")
        self.assertEqual(sorted(rows[1:]), self.SCHEMES)


class Options(unittest.TestCase):
    def test_one_cpu_skips_what_needs_two(self):
        done = run("--quick", cpus={min(os.sched_getaffinity(0))})
        self.assertEqual(done.returncode, 0, done.stderr)
        skipped = {name for name, fields in figures(done.stdout).items()
                   if fields.get("result") == "skip"}
        self.assertEqual(skipped, NEEDS_TWO_CPUS)

    def test_only(self):
        done = run("--quick", "--only", "bytes_per_tib")
        self.assertEqual(list(figures(done.stdout)), [name for name in UNITS
                                                      if "bytes_per_tib" in name])

    def test_misuse(self):
        for arguments in (["--rounds", "10"], ["--rounds", "x"], ["--rounds"], ["--what"]):
            self.assertEqual(run(*arguments).returncode, 2, arguments)


if __name__ == "__main__":
    unittest.main()
