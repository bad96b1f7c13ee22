/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/schemes/bad_record.h"

#include <errno.h>

#include "mm/host.h"
#include "mm/persist.h"

enum { FRAME_BITS = 40 };

/*
 * Slots that may check out in what is no record: of random words one in 33,000 frames has one, for
 * a check has 24 bits, and one in 10^19 has more than these.
 */
enum { GOOD_BY_CHANCE = 3 };

#define FRAME_MASK (((uint64_t)1 << FRAME_BITS) - 1)

_Static_assert(PFN_LIMIT <= FRAME_MASK, "a frame's number and one more fit");

/* The word of a slot. Every bit of the frame and of the place has a part in each of the check. */
static uint64_t word_of(uint64_t frame_or_0, size_t slot)
{
	uint64_t mixed = (frame_or_0 ^ (uint64_t)slot << FRAME_BITS) + UINT64_C(0x9e3779b97f4a7c15);

	mixed = (mixed ^ mixed >> 32) * UINT64_C(0xd6e8feb86659fd93);
	mixed = (mixed ^ mixed >> 32) * UINT64_C(0xd6e8feb86659fd93);
	return frame_or_0 | (mixed ^ mixed >> 32) << FRAME_BITS;
}

static bool checks_out(uint64_t word, size_t slot)
{
	return word == word_of(word & FRAME_MASK, slot);
}

static size_t slots_that_check_out(const struct bad_record *record)
{
	size_t nr = 0;

	for (size_t slot = 1; slot <= BAD_RECORD_SLOTS; slot++)
		nr += checks_out(record->word[slot], slot);
	return nr;
}

/* It is nobody's until the magic says so. */
static void make(struct bad_record *record)
{
	persist_publish(&record->medium[0], BAD_RECORD_MAKING);
	for (size_t slot = 1; slot <= BAD_RECORD_SLOTS; slot++)
		record->word[slot] = word_of(0, slot);
	persist_copy(&record->medium[1], &record->word[1], sizeof(uint64_t) * BAD_RECORD_SLOTS);
	persist_publish(&record->medium[0], BAD_RECORD_MAGIC);
	record->word[0] = BAD_RECORD_MAGIC;
	record->made_bytes = PAGE_SIZE + sizeof(uint64_t);
}

int bad_record_begin(struct bad_record *record, void *medium)
{
	size_t good;

	record->medium = medium;
	record->stores = 0;
	record->made_bytes = 0;
	if (host_read(record->word, medium, sizeof(record->word)) != sizeof(record->word))
		return -EIO;
	good = slots_that_check_out(record);
	if (record->word[0] == BAD_RECORD_MAGIC)
		return good == BAD_RECORD_SLOTS ? 0 : -EINVAL;
	if (record->word[0] != BAD_RECORD_MAKING && good > GOOD_BY_CHANCE)
		return -EINVAL;
	make(record);
	return 0;
}

static void change(struct bad_record *record, size_t slot, uint64_t frame_or_0)
{
	record->word[slot] = word_of(frame_or_0, slot);
	persist_publish(&record->medium[slot], record->word[slot]);
	record->stores++;
}

/* The slot that has this, or 0. */
static size_t find(const struct bad_record *record, uint64_t frame_or_0)
{
	size_t slot = BAD_RECORD_SLOTS;

	while (slot > 0 && (record->word[slot] & FRAME_MASK) != frame_or_0)
		slot--;
	return slot;
}

int bad_record_add(struct bad_record *record, uint64_t frame)
{
	size_t empty;

	if (find(record, frame + 1))
		return 0;
	empty = find(record, 0);
	if (!empty)
		return -ENOSPC;
	change(record, empty, frame + 1);
	return 0;
}

void bad_record_remove(struct bad_record *record, uint64_t frame)
{
	size_t slot;

	/* What was read may have it twice. */
	while ((slot = find(record, frame + 1)))
		change(record, slot, 0);
}

bool bad_record_frame(const struct bad_record *record, size_t slot, uint64_t *frame)
{
	uint64_t frame_or_0 = record->word[slot] & FRAME_MASK;

	*frame = frame_or_0 - 1;
	return frame_or_0;
}
