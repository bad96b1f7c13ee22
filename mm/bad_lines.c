/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Notes are words, each changed by one exchange, so that a machine check in the middle of anything
 * finds them whole:
 *
 *    51            16 15       0
 *   | block number   | bad lines |      a block is 16 lines, 1 KiB; 0: nothing is noted here
 *
 * Two CPUs may note the same block in two places, which does no harm: whoever looks takes all.
 */
#include "mm/bad_lines.h"

#include <errno.h>
#include <stdatomic.h>

#include "mm/page.h"
#include "mm/page_map.h"
#include "mm/persist.h"

enum { LINES_PER_BLOCK = 16, BLOCKS_PER_PAGE = LINES_PER_PAGE / LINES_PER_BLOCK };
_Static_assert(LINES_PER_PAGE *CACHE_LINE == PAGE_SIZE, "one bit for each line of a frame");

#define BLOCK_LINES (((uint64_t)1 << LINES_PER_BLOCK) - 1)

static _Atomic uint64_t notes[BAD_BLOCKS_MAX];
static atomic_size_t used; /* no note from here on was ever */
static atomic_bool overflowed;
static _Atomic uint64_t removing; /* a CPU is within bad_lines_remove() */

void bad_lines_init(void)
{
	for (size_t i = 0; i < BAD_BLOCKS_MAX; i++)
		atomic_store(&notes[i], 0);
	atomic_store(&used, 0);
	atomic_store(&overflowed, false);
}

lines_t lines_holding(size_t offset, size_t bytes)
{
	size_t first = offset / CACHE_LINE;
	size_t nr = (offset + bytes + CACHE_LINE - 1) / CACHE_LINE - first;

	if (bytes == 0)
		return 0;
	return LINES_ALL >> (LINES_PER_PAGE - nr) << first;
}

/* Before a place is filled, so that whoever looks later finds it. */
static void use(size_t place)
{
	size_t nr = atomic_load(&used);

	while (nr <= place && !atomic_compare_exchange_weak(&used, &nr, place + 1))
		;
}

static void note_block(uint64_t block, uint64_t lines)
{
	for (size_t i = 0; i < BAD_BLOCKS_MAX; i++) {
		uint64_t note;

		use(i);
		note = atomic_load(&notes[i]);
		while (note == 0 || note >> LINES_PER_BLOCK == block) {
			uint64_t next = block << LINES_PER_BLOCK | (note & BLOCK_LINES) | lines;

			if (atomic_compare_exchange_weak(&notes[i], &note, next))
				return;
		}
	}
	atomic_store(&overflowed, true);
}

static void note_lines(pfn_t frame, lines_t lines)
{
	for (unsigned i = 0; i < BLOCKS_PER_PAGE; i++, lines >>= LINES_PER_BLOCK)
		if (lines & BLOCK_LINES)
			note_block(frame.n * BLOCKS_PER_PAGE + i, lines & BLOCK_LINES);
}

/* Which lines of its frame a note says are bad. */
static lines_t lines_of_note(uint64_t note)
{
	return (note & BLOCK_LINES)
	       << (note >> LINES_PER_BLOCK) % BLOCKS_PER_PAGE * LINES_PER_BLOCK;
}

static bool is_of_frame(uint64_t note, pfn_t frame)
{
	return note != 0 && (note >> LINES_PER_BLOCK) / BLOCKS_PER_PAGE == frame.n;
}

static lines_t noted(pfn_t frame)
{
	lines_t lines = 0;

	for (size_t i = 0, nr = atomic_load(&used); i < nr; i++) {
		uint64_t note = atomic_load(&notes[i]);

		if (is_of_frame(note, frame))
			lines |= lines_of_note(note);
	}
	return lines;
}

static void forget(pfn_t frame, lines_t lines)
{
	for (size_t i = 0, nr = atomic_load(&used); i < nr; i++) {
		uint64_t note = atomic_load(&notes[i]);
		uint64_t next;

		do {
			unsigned block = (note >> LINES_PER_BLOCK) % BLOCKS_PER_PAGE;

			if (!is_of_frame(note, frame))
				break;
			next = note & ~(lines >> block * LINES_PER_BLOCK & BLOCK_LINES);
			if (!(next & BLOCK_LINES))
				next = 0;
		} while (!atomic_compare_exchange_weak(&notes[i], &note, next));
	}
}

static bool is_bad(pfn_t frame)
{
	return bad_frames_may_have(frame, pfn_add(frame, 1));
}

static int add_to_frame(pfn_t frame, lines_t lines)
{
	int error;

	if (!pfn_to_page(frame))
		return -ENOENT;
	note_lines(frame, lines);
	error = page_poison(frame);
	/* Whoever took the same lines away meanwhile did not know of this error. */
	if ((noted(frame) & lines) != lines)
		note_lines(frame, lines);
	return error;
}

int bad_lines_add(phys_t start, size_t bytes)
{
	uint64_t end = start.addr + bytes;
	int result = 0;

	for (uint64_t at = start.addr; at < end; at = align_down(at, PAGE_SIZE) + PAGE_SIZE) {
		size_t offset = at % PAGE_SIZE;
		size_t part = end - at < PAGE_SIZE - offset ? end - at : PAGE_SIZE - offset;

		if (add_to_frame(phys_to_pfn(phys(at)), lines_holding(offset, part)))
			result = -ENOENT;
	}
	return result;
}

lines_t bad_lines_of(pfn_t frame)
{
	struct page_info info;
	lines_t lines;

	if (page_look(frame, &info) || !info.poisoned || !is_bad(frame))
		return 0;
	lines = atomic_load(&overflowed) ? 0 : noted(frame);
	return lines ? lines : LINES_ALL;
}

/*
 * The frame comes into use before its last notes go: a bad frame without any counts as bad in
 * whole, and another CPU that reads its good lines shall not find it so. If a machine check came
 * in between, the frame goes out of use again.
 */
static int remove_from_frame(pfn_t frame, lines_t lines)
{
	lines_t rest = bad_lines_of(frame) & ~lines;
	int error = 0;

	if (!rest)
		error = page_unpoison(frame);
	else if (atomic_load(&overflowed))
		error = -ENOSPC;
	else
		note_lines(frame, rest);
	if (error)
		return error;
	forget(frame, lines);
	if (noted(frame))
		return page_poison(frame);
	if (is_bad(frame) && !noted(frame))
		note_lines(frame, lines);
	return 0;
}

int bad_lines_remove(pfn_t frame, lines_t lines)
{
	int error;

	if (!pfn_to_page(frame))
		return -ENOENT;
	while (!atomic_compare_exchange_strong(&removing, &(uint64_t){0}, 1))
		cpu_relax();
	error = remove_from_frame(frame, lines);
	atomic_store(&removing, 0);
	return error;
}
