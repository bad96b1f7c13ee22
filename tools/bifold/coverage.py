# SPDX-License-Identifier: BSD-2-Clause
"""What tests reach of mm/, by the counts of gcov, and the reasons for what they do not.

A gap is a place that no test reaches: a line that never runs, with those that follow it and do not
either, or a line with a branch that is never taken. Reasons are kept by the text of a gap's first
line, which outlives changes elsewhere in the file:

    [mm/page.c]
    if (!table)
        The reason, in as many lines as it takes.
"""

from collections import namedtuple

Gap = namedtuple("Gap", "path number text")
Share = namedtuple("Share", "covered total")


def merge(reports, folder):
    """{path: {line number: (count, [counts of branches])}} of the files in a folder, from the JSON
    of each object file. What a header holds is counted in each object that uses it."""
    files = {}
    for report in reports:
        for file in report["files"]:
            if not file["file"].startswith(folder):
                continue
            lines = files.setdefault(file["file"], {})
            for line in file["lines"]:
                branches = [branch["count"] for branch in line["branches"]]
                count, before = lines.get(line["line_number"], (0, [0] * len(branches)))
                if len(before) != len(branches):
                    raise ValueError(f"{file['file']}:{line['line_number']}: {len(before)} and "
                                     f"{len(branches)} branches in two objects; was it optimised?")
                lines[line["line_number"]] = (count + line["count"],
                                              [a + b for a, b in zip(before, branches)])
    return files


def shares(lines):
    """(lines, branches) of one file or more."""
    branches = [count for _, counts in lines for count in counts]
    return (Share(sum(count > 0 for count, _ in lines), len(lines)),
            Share(sum(count > 0 for count in branches), len(branches)))


def gaps(path, lines, source):
    """The gaps of a file, whose source is a list of lines."""
    inside = False
    for number, (count, branches) in sorted(lines.items()):
        if count > 0:
            inside = 0 in branches
        if count == 0 and not inside or count > 0 and inside:
            yield Gap(path, number, source[number - 1].strip())
        inside = inside or count == 0


def read_reasons(text):
    """{(path, text of a line): reason}."""
    reasons, path, key = {}, None, None
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("["):
            path, key = line.strip("[]"), None
        elif line[0].isspace() and key:
            reasons[key] = f"{reasons[key]} {line.strip()}".strip()
        elif line[0].isspace() or path is None or (path, line) in reasons:
            raise ValueError(f"line {number}: expected a file in brackets, a line of it that has no "
                             f"reason yet, and below it, indented, the reason")
        else:
            key = (path, line)
            reasons[key] = ""
    for (where, line), reason in reasons.items():
        if not reason:
            raise ValueError(f"{where}: {line}: no reason is given")
    return reasons


def compare(found, reasons):
    """What is wrong: gaps without a reason, and reasons without a gap."""
    for gap in found:
        if (gap.path, gap.text) not in reasons:
            yield f"{gap.path}:{gap.number}: no test reaches all of this: {gap.text}"
    places = {(gap.path, gap.text) for gap in found}
    for (path, text), reason in reasons.items():
        if (path, text) not in places and not reason.startswith("Sometimes"):
            yield f"{path}: tests reach all of this, or it is gone, so it needs no reason: {text}"
