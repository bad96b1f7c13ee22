# SPDX-License-Identifier: BSD-2-Clause
"""What `tools/test` runs, found by looking: gates, tests of the tools, machines, power failures.

An item has a name such as "gates/check-layers", a log file, and run(), which returns its Verdict.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from bifold import process, runner
from bifold.judge import Verdict
from bifold.machine import DescriptionError, Expect, Machine
from bifold.power.item import run_workload

GATE_BOUND = 600
TOOL_TEST_BOUND = 900


@dataclass
class Item:
    name: str
    log: Path
    run: Callable
    again: str              # the command that runs it alone


def find_items():
    """All items, in the order in which they are started."""
    root = runner.ROOT
    gates = [_gate(path) for path in sorted(root.glob("tools/check-*"))]
    tools = [_tool_test(path) for path in sorted(root.glob("tests/tools/test_*.py"))]
    machines = [_machine(path) for path in sorted(root.glob("tests/machines/*.ini"))]
    power = [_power(path) for path in sorted(root.glob("tests/power/*.ini"))]
    return tools + gates + power + machines


def _gate(path):
    log = runner.LOGS / f"{path.name}.log"

    def run():
        ended = process.run([path], GATE_BOUND, log, cwd=runner.ROOT)
        verdict = Verdict(path.name, seconds=ended.seconds)
        if ended.how != "exited" or ended.status != 0:
            what = f"exit status {ended.status}" if ended.how == "exited" else ended.how
            verdict.problems = [what, *ended.errors.splitlines()]
        return verdict

    return Item(f"gates/{path.name}", log, run, f"tools/{path.name}")


def _tool_test(path):
    command = f"{sys.executable} tools/bifold/unit.py tests/tools/{path.name}"
    machine = Machine(
        name=path.stem, path=path, purpose="Tests of the tools.", boot="program",
        program=command, memory=0, cpus=0, cpu="", options="", bound=TOOL_TEST_BOUND,
        expect=Expect(exit="passed", suites=[path.stem]))
    return Item(f"tools/{path.stem}", runner.LOGS / f"{path.stem}.log",
                lambda: runner.run_machine(machine), command)


def _machine(path):
    def run():
        try:
            return runner.run_machine(runner.find_machine(str(path)))
        except DescriptionError as error:
            return Verdict(path.stem, [str(error)])

    return Item(f"machines/{path.stem}", runner.LOGS / f"{path.stem}.log", run,
                f"tools/run-machine --live {path.stem}")


def _power(path):
    log = runner.LOGS / f"power-{path.stem}.log"
    return Item(f"power/{path.stem}", log, lambda: run_workload(path, log),
                f"tools/power-cut {path.stem}")
