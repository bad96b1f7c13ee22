# SPDX-License-Identifier: BSD-2-Clause
"""What a workload's persistence costs, from its record between the markers START and STOP."""

from collections import Counter

from bifold.power import trace
from bifold.power.cache import LINE, Cache

PLACES_SHOWN = 5


def figures(records, base, symbols):
    """({name: number}, [notes]): instructions are those between BEGUN and DONE, which are only known
    where one CPU works."""
    cache = Cache(0, base)
    operations = user = instructions = 0
    begun, before, after, left = {}, None, None, {}
    for event, record in enumerate(records):
        if record.kind == trace.MARKER:
            if record.code == trace.START:
                before = _totals(cache)
            elif record.code == trace.STOP:
                after, left = _totals(cache), dict(cache.pending)
            elif record.code == trace.BEGUN:
                begun[record.cpu] = record.data
            elif record.code == trace.DONE:
                operations += 1
                instructions += record.data - begun.get(record.cpu, record.data)
            elif record.code == trace.USER:
                user += record.where
        cache.step(event, record)
    if before is None or after is None:
        raise trace.TraceError("the record lacks the marker START or STOP")
    result = {"operations": operations, "user_bytes": user}
    if len(begun) == 1:
        result["instructions"] = instructions
    result |= {name: after[name] - before[name] for name in before}
    result["medium_bytes"] = result["lines_written"] * LINE
    return result, _notes(cache, left, symbols)


def _totals(cache):
    counts = cache.counts
    return {"stores": counts.stores, "stores_around": counts.stores_around,
            "flushes": counts.flushes, "needless_flushes": sum(counts.needless.values()),
            "fences": counts.fences, "stored_bytes": counts.stored_bytes,
            "lines_written": counts.lines_written}


def _notes(cache, left, symbols):
    never = Counter(atom.pc for atoms in left.values() for atom in atoms)
    return [*_places("stores were never persisted", never, symbols),
            *_places("flushes of a clean line", cache.counts.needless, symbols)]


def _places(what, by_pc, symbols):
    by_name = Counter()
    for pc, count in by_pc.items():
        by_name[symbols.name(pc)] += count
    return [f"{count} {what}: {name}" for name, count in by_name.most_common(PLACES_SHOWN)]
