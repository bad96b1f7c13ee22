/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/area_move.h"

#include "mm/bad_frames.h"
#include "mm/frame_alloc.h"
#include "mm/host.h"

static uint64_t gib_of(uint64_t frame)
{
	return frame >> (GIB_SHIFT - PAGE_SHIFT);
}

struct area_move area_move_of(pfn_t start, uint64_t frames)
{
	uint64_t first = gib_of(start.n);

	return (struct area_move){.gib = first, .nr = gib_of(start.n + frames - 1) + 1 - first};
}

/* Where a move put the words of a GiB, or those before it; NULL: they are in DRAM. */
static struct area_table *place(const struct area_move *move, uint64_t gib)
{
	for (; move; move = move->before)
		if (gib - move->gib < move->nr)
			return &move->to[gib - move->gib];
	return NULL;
}

/* Every CPU has come by since: what one of them had begun before, in any context, is over. */
static void come_by(void *unused)
{
	(void)unused;
}

static void stop_marking(void)
{
	/* This CPU may have words at hand, by their addresses. */
	frame_alloc_flush();
	atomic_store(&page_map.moving, true);
	host_on_each_cpu(come_by, NULL);
}

static void mark(pfn_t frame)
{
	(void)!page_poison(frame);
}

static void mark_again(bool knew_all)
{
	atomic_store(&page_map.moving, false);
	if (knew_all && bad_frames_overflowed())
		host_panic("more than %d frames are bad, the last of them since words of areas "
			   "began to move: nobody knows which",
			   BAD_FRAMES_MAX);
	bad_frames_each(mark);
}

static void move_words(uint64_t gib, struct area_table *to)
{
	const struct area_table *from = page_map.directory[gib];

	for (size_t i = 0; i < AREAS_PER_GIB; i++)
		atomic_store_explicit(&to->word[i],
				      atomic_load_explicit(&from->word[i], memory_order_relaxed),
				      memory_order_relaxed);
	page_map.directory[gib] = to;
}

void area_move_begin(struct area_move *move)
{
	bool knew_all = !bad_frames_overflowed();

	stop_marking();
	for (uint64_t gib = move->gib; gib < move->gib + move->nr; gib++) {
		struct area_table *from = page_map.directory[gib];

		move_words(gib, &move->to[gib - move->gib]);
		if (!place(page_map.moves, gib)) {
			table_pool_add((struct page_table *)from);
			page_map.nr_elsewhere++;
		}
	}
	move->before = page_map.moves;
	page_map.moves = move;
	mark_again(knew_all);
}

void area_move_end(struct area_move *move)
{
	bool knew_all = !bad_frames_overflowed();

	if (page_map.moves != move)
		host_panic("words of areas from GiB %llu on go back before those that were moved "
			   "later",
			   (unsigned long long)move->gib);
	page_map.moves = move->before;
	stop_marking();
	for (uint64_t gib = move->gib; gib < move->gib + move->nr; gib++) {
		struct area_table *to = place(page_map.moves, gib);

		if (!to) {
			to = (struct area_table *)table_pool_remove();
			page_map.nr_elsewhere--;
		}
		if (!to)
			host_panic("there is no memory for the words of GiB %llu",
				   (unsigned long long)gib);
		move_words(gib, to);
	}
	mark_again(knew_all);
}
