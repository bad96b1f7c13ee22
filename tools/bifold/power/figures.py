# SPDX-License-Identifier: BSD-2-Clause
"""What a workload's persistence costs, from its record between the markers START and STOP."""

from collections import Counter

from bifold.power import trace
from bifold.power.cache import LINE, Cache

PLACES_SHOWN = 5


def figures(records, base, symbols):
    """({name: number}, [notes]): instructions are those of all CPUs between BEGUN and DONE."""
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
    result = {"operations": operations, "user_bytes": user, "instructions": instructions}
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
    notes = [f"{count} stores were never persisted: {symbols.name(pc)}"
             for pc, count in never.most_common(PLACES_SHOWN)]
    return notes + [f"{count} flushes of a clean line: {symbols.name(pc)}"
                    for pc, count in cache.counts.needless.most_common(PLACES_SHOWN)]
