# SPDX-License-Identifier: BSD-2-Clause
"""Writes what was judged as JUnit XML: a test suite per suite, and one for the run itself."""

import xml.etree.ElementTree as xml


def write(path, verdict, report):
    """Writes the Verdict to `path`; measurements of the Report become properties."""
    top = xml.Element("testsuites", name=verdict.name, time=f"{verdict.seconds:.3f}")
    suites = {}
    for leaf in verdict.leaves:
        suite, _, name = leaf.name.partition(".")
        suites.setdefault(suite, []).append((name, leaf))
    for suite, leaves in suites.items():
        element = _suite(top, f"{verdict.name}.{suite}", [leaf.outcome for _, leaf in leaves])
        properties = xml.SubElement(element, "properties")
        for measured in report.measurements:
            if measured.name.startswith(suite + "."):
                xml.SubElement(properties, "property", name=measured.name,
                               value=f"{measured.value} {measured.units}")
        for name, leaf in leaves:
            _case(element, f"{verdict.name}.{suite}", name, leaf.outcome, leaf.text)
    outcome = "failed" if verdict.problems else "passed"
    element = _suite(top, verdict.name, [outcome])
    _case(element, verdict.name, "behaved_as_described", outcome, "\n".join(verdict.problems))
    xml.ElementTree(top).write(path, encoding="utf-8", xml_declaration=True)


def _suite(top, name, outcomes):
    return xml.SubElement(top, "testsuite", name=name, tests=str(len(outcomes)),
                          failures=str(outcomes.count("failed")),
                          skipped=str(outcomes.count("skipped")), errors="0")


def _case(suite, group, name, outcome, text):
    case = xml.SubElement(suite, "testcase", classname=group, name=name)
    # XML 1.0 has no place for control characters, whatever a broken log held.
    text = "".join(c if c.isprintable() or c == "\n" else "?" for c in text)
    if outcome == "failed":
        xml.SubElement(case, "failure", message=text.split("\n")[0]).text = text
    elif outcome == "skipped":
        xml.SubElement(case, "skipped", message=text)
