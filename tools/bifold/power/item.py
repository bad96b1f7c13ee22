# SPDX-License-Identifier: BSD-2-Clause
"""A sweep as one of the items that `tools/test` runs."""

import time

from bifold import junit, ktap
from bifold.judge import Judged, Verdict
from bifold.machine import DescriptionError
from bifold.power import boots, check
from bifold.power.trace import TraceError


def run_workload(path, log):
    """The Verdict. A QEMU that does not fit is a failure where changes are checked (CI is set), and a
    skip elsewhere."""
    verdict = Verdict(f"power-{path.stem}")
    report = ktap.Report()
    start = time.monotonic()
    log.write_text("", encoding="ascii")
    try:
        workload = check.find_workload(str(path))
        outcome = check.sweep(workload)
        log.write_text("\n".join(check.describe(workload, outcome)) + "\n", encoding="ascii")
        verdict.problems = check.problems(workload, outcome)
        verdict.leaves = [Judged(f"{path.stem}.sweep", "failed" if verdict.problems else "passed",
                                 "\n".join(verdict.problems))]
        report.measurements = [ktap.Measurement(f"{path.stem}.{name}", value, units)
                               for name, value, units in check.measurements(outcome)]
    except (DescriptionError, TraceError, boots.RunFailed) as error:
        verdict.problems = [str(error)]
    except check.Unfit as error:
        if boots.must_fit():
            verdict.problems = [str(error)]
        else:
            verdict.leaves = [Judged(f"{path.stem}.sweep", "skipped", str(error))]
    verdict.seconds = time.monotonic() - start
    junit.write(log.with_suffix(".xml"), verdict, report)
    return verdict
