# SPDX-License-Identifier: BSD-2-Clause
"""Power failures: the model of the CPUs' caches, what is enumerated, and what a description demands."""

import ctypes
import os
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from canned import ROOT, program

from bifold.machine import DescriptionError
from bifold.power import boots, check, images, story, sweep, trace
from bifold.power.cache import Cache
from bifold.power.item import run_workload
from bifold.power.states import (CPUS_MAX, Effort, Marks, State, choose, cuts, overlays, replay,
                                 survey)
from bifold.power.trace import Record
from bifold.power.workload import read_workload

OLD = bytes(64)


def store(where, data, cpu=0, around=False):
    return Record(trace.STORE_AROUND if around else trace.STORE, cpu, len(data), 0, 0, 0x1000 + where,
                  where, int.from_bytes(data, "little"))


def flush(where, cpu=0, kind=trace.FLUSH):
    return Record(kind, cpu, 0, 0, 0, 0x2000, where, 0)


def fence(cpu=0):
    return Record(trace.FENCE, cpu, 0, 0, 0, 0x3000, 0, 0)


def marker(code, value=0, cpu=0):
    return Record(trace.MARKER, cpu, 0, 0, code, 0x4000, value, 0)


def play(*records):
    cache = Cache(0, lambda line: OLD)
    for event, record in enumerate(records):
        cache.step(event, record)
    return cache


def word(number):
    return bytes([number]) * 8


class Model(unittest.TestCase):
    def persistent(self, cache, *numbers):
        """The first words of line 0 on the medium."""
        found = cache.on_medium(0)
        self.assertEqual([found[8 * i] for i in range(len(numbers))], list(numbers))

    def test_a_store_alone_is_not_persistent(self):
        cache = play(store(0, word(1)), fence())
        self.persistent(cache, 0)
        self.assertEqual(cache.live(0)[:8], word(1))

    def test_a_flush_without_a_fence_is_not_persistent(self):
        self.persistent(play(store(0, word(1)), flush(0)), 0)

    def test_flush_and_fence_make_persistent(self):
        cache = play(store(0, word(1)), flush(5), fence())
        self.persistent(cache, 1)
        self.assertFalse(cache.pending)

    def test_a_store_after_the_flush_is_not_covered(self):
        self.persistent(play(store(0, word(1)), flush(0), store(8, word(2)), fence()), 1, 0)

    def test_another_line_is_not_covered(self):
        self.persistent(play(store(0, word(1)), flush(64), fence()), 0)

    def test_the_fence_of_another_cpu_does_not_count(self):
        self.persistent(play(store(0, word(1)), flush(0), fence(cpu=1)), 0)

    def test_a_cpu_may_flush_what_another_stored(self):
        self.persistent(play(store(0, word(1)), flush(0, cpu=1), fence(cpu=1)), 1)

    def test_stores_around_the_caches_need_a_fence_alone(self):
        self.persistent(play(store(0, word(1), around=True)), 0)
        self.persistent(play(store(0, word(1), around=True), fence(cpu=1)), 0)
        self.persistent(play(store(0, word(1), around=True), fence()), 1)

    def test_a_flush_covers_no_store_around_the_caches_of_another(self):
        records = store(0, word(1), around=True), store(8, word(2)), flush(0, cpu=1), fence(cpu=1)
        self.persistent(play(*records), 0, 2)

    def test_a_fence_for_a_store_around_the_caches_covers_no_other(self):
        self.persistent(play(store(0, word(1)), store(8, word(2), around=True), fence()), 0, 2)

    def test_one_word_is_coherent(self):
        cache = play(store(0, word(1)), store(0, word(2), around=True), fence())
        self.persistent(cache, 2)
        self.assertFalse(cache.pending)

    def test_clflush_arrives_before_the_next_store(self):
        records = store(0, word(1)), flush(0, kind=trace.CLFLUSH)
        self.persistent(play(*records), 0)
        self.persistent(play(*records, store(64, word(2), cpu=1)), 0)
        self.persistent(play(*records, store(64, word(2))), 1)

    def test_a_store_across_words_and_lines_is_cut(self):
        cache = play(store(60, word(3)))
        self.assertEqual([[atom.data for atom in cache.pending[line]] for line in (0, 1)],
                         [[word(3)[:4]], [word(3)[:4]]])
        self.assertEqual([atom.offset for atom in play(store(4, word(3))).pending[0]], [4, 8])

    def test_needless_flushes_are_counted(self):
        cache = play(flush(0), store(0, word(1)), flush(0), flush(0), store(64, word(1), around=True),
                     flush(64), fence(), flush(0))
        self.assertEqual(cache.counts.needless[0x2000], 4)
        self.assertEqual((cache.counts.flushes, cache.counts.lines_written), (5, 2))


class Enumeration(unittest.TestCase):
    def contents(self, *records, lines=(0, 1)):
        """What can be left of the first words of lines, at any cut."""
        records = [marker(trace.START), *records, marker(trace.STOP)]
        found = set()
        for cut in cuts(records, Cache(0, lambda line: OLD), Marks()):
            for _, overlay in overlays(cut, Effort(1)):
                found.add(tuple(overlay.get(line, cut.cache.on_medium(line))[:24:8]
                                for line in lines))
        return {tuple(tuple(content) for content in state) for state in found}

    def test_lines_arrive_in_any_order(self):
        found = self.contents(store(0, word(1)), store(64, word(2)))
        self.assertEqual(found, {((x, 0, 0), (y, 0, 0)) for x in (0, 1) for y in (0, 2)})

    def test_a_fence_keeps_the_order(self):
        found = self.contents(store(0, word(1)), flush(0), fence(), store(64, word(2)))
        self.assertEqual(found, {((0, 0, 0), (0, 0, 0)), ((1, 0, 0), (0, 0, 0)),
                                 ((1, 0, 0), (2, 0, 0))})

    def test_words_of_a_line_arrive_in_their_order(self):
        found = self.contents(store(0, word(1)), store(16, word(2)), store(8, word(3)), lines=(0,))
        self.assertEqual(found, {((0, 0, 0),), ((1, 0, 0),), ((1, 0, 2),), ((1, 3, 2),)})

    def test_around_the_caches_words_arrive_in_any_order(self):
        found = self.contents(*(store(8 * i, word(i + 1), around=True) for i in range(3)), lines=(0,))
        self.assertEqual(found, {((x, y, z),) for x in (0, 1) for y in (0, 2) for z in (0, 3)})

    def test_a_promise_is_tried_with_what_is_under_way(self):
        records = [marker(trace.START), marker(trace.BEGUN, 1), store(0, word(1)), flush(0),
                   marker(trace.DONE, 1), fence(), marker(trace.STOP)]
        found = {(cut.marks.done[0], cut.thorough)
                 for cut in cuts(records, Cache(0, lambda line: OLD), Marks()) if cut.cache.pending}
        self.assertEqual(found, {(0, False), (1, True)})

    def test_nothing_is_cut_outside_of_the_markers(self):
        records = [store(0, word(1)), fence(), marker(trace.START), marker(trace.STOP),
                   store(0, word(2)), fence()]
        found = list(cuts(records, Cache(0, lambda line: OLD), Marks()))
        self.assertEqual([cut.event for cut in found], [3])

    def test_equal_contents_count_once(self):
        records = [marker(trace.START), store(0, word(0)), fence(), store(0, word(1)),
                   store(0, word(0)), flush(0), fence(), marker(trace.STOP)]
        found = survey(records, Cache(0, lambda line: OLD), Marks(), Effort(1))
        self.assertEqual((found.images, len(found.states)), (2, 2))

    def test_a_content_that_comes_again_counts_once(self):
        records = [marker(trace.START)]
        for number in (1, 2, 1):
            records += [store(0, word(number)), flush(0), fence()]
        found = survey([*records, marker(trace.STOP)], Cache(0, lambda line: OLD), Marks(), Effort(1))
        self.assertEqual(found.images, 3)

    def many(self):
        records = [marker(trace.START)]
        for number in range(1, 5):
            records += [marker(trace.BEGUN, number)]
            records += [store(64 * line, word(number)) for line in range(9)]
            records += [flush(64 * line) for line in range(9)]
            records += [fence(), marker(trace.DONE, number)]
        return [*records, marker(trace.STOP)]

    def test_a_replay_shows_what_the_survey_saw(self):
        records = self.many()
        found = survey(records, Cache(0, lambda line: OLD), Marks(), Effort(1))
        chosen = choose(found.states, 20, 1)
        self.assertEqual(len(chosen), 20)
        again = [state for state, *_ in replay(records, Cache(0, lambda line: OLD), Marks(), chosen,
                                               Effort(1))]
        self.assertEqual(again, chosen)
        self.assertEqual(len({(state.event, state.index) for state in chosen}), 20)

    def test_a_sample_is_spread_over_the_cuts(self):
        states = [State(event, index, 100 * event + index) for event in range(3)
                  for index in range(50)]
        self.assertEqual({state.event for state in choose(states, 3, 7)}, {0, 1, 2})
        self.assertEqual(len(choose(states, 0, 7)), 150)
        self.assertNotEqual(choose(states, 3, 7), choose(states, 3, 8))


class Files(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.medium = self.folder / "before"
        with open(self.medium, "wb") as stream:
            stream.truncate(1 << 20)

    def test_an_image_holds_the_medium_the_lines_under_way_and_a_ticket(self):
        base = images.Base(self.medium)
        self.addCleanup(base.close)
        records = [marker(trace.PLAN, 77), marker(trace.START), marker(trace.BEGUN, 1),
                   store(64, word(1)), flush(64), fence(), marker(trace.DONE, 1),
                   marker(trace.BEGUN, 2), store(128, word(2)), marker(trace.STOP)]
        writer = images.Writer(self.medium, self.folder)
        self.addCleanup(writer.close)
        found = set()
        states = choose(survey(records, Cache(0, base), Marks(), Effort(1)).states, 0, 1)
        for state, _, overlay, cut in replay(records, Cache(0, base), Marks(), states, Effort(1)):
            path = self.folder / "image"
            writer.write(path, state.number, overlay, cut.cache, cut.marks)
            data = path.read_bytes()
            ticket = [int.from_bytes(data[-4096 + 8 * i:][:8], "little") for i in range(19)]
            self.assertEqual((len(data), ticket[1], ticket[2]), (1 << 20, state.number, 77))
            found.add((data[64], data[128], ticket[3], ticket[3 + CPUS_MAX]))
        self.assertEqual(found, {(0, 0, 1, 0), (1, 0, 1, 0), (1, 0, 1, 1), (1, 0, 2, 1),
                                 (1, 2, 2, 1)})

    def test_a_store_that_was_missed_is_noticed(self):
        base = images.Base(self.medium)
        self.addCleanup(base.close)
        cache = Cache(0, base)
        cache.step(0, store(64, word(1)))
        after = self.folder / "after"
        for place, content, good in ((64, word(1), True), (64, word(2), False),
                                     (4096, word(1), False)):
            images.copy_sparse(self.medium, after)
            with open(after, "r+b") as stream:
                stream.seek(64)
                stream.write(word(1))
                stream.seek(place)
                stream.write(content)
            self.assertEqual(images.difference(cache, after) is None, good)
        self.assertIsNotNone(images.difference(cache, self.medium))

    def test_a_trace_that_is_not_whole_is_refused(self):
        record = bytes([trace.FENCE]) + bytes(31)
        end = bytes([trace.END]) + bytes(31)
        unclear = bytes([trace.FLUSH_UNCLEAR]) + bytes(31)
        path = self.folder / "trace"
        path.write_bytes(trace.MAGIC + record + end)
        self.assertEqual(len(trace.read(path)), 1)
        for data in (b"", trace.MAGIC, trace.MAGIC + record, trace.MAGIC + end[:-1], b"x" + end,
                     trace.MAGIC + unclear + end):
            path.write_bytes(data)
            with self.assertRaises(trace.TraceError):
                trace.read(path)

    def describe(self, text):
        path = self.folder / "workload.ini"
        path.write_text("[power]\npurpose = p\nwrites = a.b\njudge = a.c\n" + text, encoding="ascii")
        return path

    def test_descriptions(self):
        self.assertEqual(read_workload(self.describe("size = 2M\n")).size, 2 << 20)
        for text in ("size = 2X\n", "cups = 1\n", "sample = -1\n", "finds = (\n", "[x\n"):
            with self.assertRaises(DescriptionError):
                read_workload(self.describe(text))

    def test_a_qemu_that_does_not_fit(self):
        recorder = self.folder / "recorder"
        self.assertIn("make", boots.unfit("qemu-system-x86_64", recorder))
        recorder.write_bytes(b"")
        other = program(self.folder, "echo 'QEMU emulator version 8.2.0 (other)'")
        self.assertRegex(boots.unfit(other, recorder), r"made for QEMU 7\.2.* is '8\.2'")
        self.assertIn("cannot be run", boots.unfit(str(self.folder / "none"), recorder))

    def test_it_is_a_failure_where_changes_are_checked_and_a_skip_elsewhere(self):
        with mock.patch.object(check.boots, "unfit", lambda *_: "too new"):
            for environment, counts in (({"CI": "true"}, (0, 1, 0)), ({}, (1, 0, 1))):
                with mock.patch.dict(os.environ, environment, clear=True):
                    verdict = run_workload(self.describe(""), self.folder / "log")
                self.assertEqual(verdict.counts(), counts)


class Demands(unittest.TestCase):
    def problems(self, finds, *said):
        workload = mock.Mock(finds=finds)
        violations = [story.Violation(State(1, 1, 1), text, ["stored by f"]) for text in said]
        return check.problems(workload, sweep.Outcome("x", judged=3, violations=violations))

    def test_no_violation_where_none_is_expected(self):
        self.assertEqual(self.problems(None), [])
        self.assertIn("word 3", self.problems(None, "word 3")[0])

    def test_the_violation_that_must_be_found(self):
        self.assertEqual(self.problems("stored by f", "word 3"), [])
        self.assertIn("must be found", self.problems("stored by f")[0])
        self.assertIn("must match", self.problems("stored by g", "word 3")[0])


class Instruction(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_int), ("code", ctypes.c_uint16), ("unclear", ctypes.c_bool),
                ("base", ctypes.c_int), ("index", ctypes.c_int), ("scale", ctypes.c_uint),
                ("displacement", ctypes.c_int64)]


class Decoder(unittest.TestCase):
    """tools/power/instruction.c against what the assembler makes of instructions."""
    KINDS = ["other", "movnti", "clflush", "clflushopt", "clwb", "sfence", "mfence", "marker"]
    REGISTERS = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                 *(f"r{number}" for number in range(8, 16)), "rip"]

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        library = Path(cls.folder.name) / "decoder.so"
        subprocess.run(["gcc", "-shared", "-fPIC", "-I.", "-o", library, "tools/power/instruction.c"],
                       check=True, cwd=ROOT)
        cls.decoder = ctypes.CDLL(str(library)).instruction_decode
        cls.decoder.restype = Instruction
        cls.decoder.argtypes = [ctypes.c_char_p, ctypes.c_size_t]

    def decode(self, text):
        code = Path(self.folder.name) / "code"
        subprocess.run(["as", "-o", code, "-"], input=text + "\n", text=True, check=True)
        subprocess.run(["objcopy", "-O", "binary", "-j", ".text", code], check=True)
        data = code.read_bytes()
        for length in range(len(data)):
            self.assertEqual(self.decoder(data[:length], length).kind, 0, (text, length))
        return self.decoder(data, len(data))

    def test_kinds(self):
        for text, kind in (("movnti %rax, (%rdi)", "movnti"), ("movnti %r9d, 8(%r8)", "movnti"),
                           ("clflush (%rax)", "clflush"), ("clflushopt (%rax)", "clflushopt"),
                           ("clwb (%rax)", "clwb"), ("sfence", "sfence"), ("mfence", "mfence"),
                           ("lfence", "other"), ("mov %rax, (%rdi)", "other"),
                           ("fxsave (%rax)", "other"), ("xsaveopt (%rax)", "other"),
                           ("nopl 0xffffffffb1f00012(%rax)", "marker"),
                           ("nopl 0xffffffffb1e00012(%rax)", "other"),
                           ("nopl 0xffffffffb1f00012(%rcx)", "other")):
            self.assertEqual(self.KINDS[self.decode(text).kind], kind, text)
        self.assertEqual(self.decode("nopl 0xffffffffb1f00012(%rax)").code, 0x12)

    def test_addresses(self):
        for base in self.REGISTERS:
            for index in (None, *self.REGISTERS[:4], *self.REGISTERS[5:16]):
                for displacement in (0, 5, -128, 0x12345678):
                    if index and base == "rip" or displacement == 5 and index not in (None, "r12"):
                        continue
                    operand = f"{displacement}(%{base}" + (f",%{index},4)" if index else ")")
                    with self.subTest(operand):
                        if base in ("rax", "r13", "r12", "rbp", "rsp", "rip") or index == "r12":
                            self.address(operand, base, index, displacement)

    def address(self, operand, base, index, displacement):
        found = self.decode(f"clwb {operand}")
        self.assertEqual((self.REGISTERS[found.base], found.displacement), (base, displacement))
        self.assertEqual(None if found.index < 0 else self.REGISTERS[found.index], index)
        self.assertEqual(found.scale, 2 if index else 0)

    def test_an_address_without_base(self):
        found = self.decode("clwb 0x1000(,%rbx,8)")
        self.assertEqual((found.base, self.REGISTERS[found.index], found.scale, found.displacement),
                         (-1, "rbx", 3, 0x1000))

    def test_what_cannot_be_resolved_is_unclear(self):
        for text, unclear in (("clwb %gs:(%rax)", True), ("clwb (%eax)", True),
                              ("clwb (%rax)", False)):
            self.assertEqual(self.decode(text).unclear, unclear, text)


if __name__ == "__main__":
    unittest.main()
