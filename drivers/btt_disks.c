/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/btt_disks.h"

#include "drivers/content.h"
#include "drivers/disks.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { NOTES_MAX = 16, NOTE_LENGTH = 360, UUID_TEXT = 37, NAME_LENGTH = 28 };

static struct btt_disk {
	struct btt btt; /* first */
	struct disk disk;
	uint64_t first; /* where its memory's first arena begins */
	const struct region *region;
	char name[NAME_LENGTH];
} disks[BTT_DISKS_MAX];
static size_t nr_disks;

/* What is said about BTTs that are no disks. */
static char notes[NOTES_MAX][NOTE_LENGTH];
static size_t nr_notes;

static void take_note(const struct region *region, pfn_t start, const char *what, const char *why)
{
	if (nr_notes == NOTES_MAX)
		return;
	snprintf(notes[nr_notes++], NOTE_LENGTH, "# btt region=%s start=0x%llx %s: %s",
		 region->name, (unsigned long long)pfn_to_phys(start).addr, what, why);
}

static void note_fault(const struct region *region, pfn_t start, const struct btt_fault *fault)
{
	char text[BTT_FAULT_TEXT_MAX];

	btt_fault_text(fault, text);
	take_note(region, start, "damaged", text);
}

static void uuid_text(const uint8_t uuid[16], char text[UUID_TEXT])
{
	size_t used = 0;

	for (size_t i = 0; i < 16; i++)
		used += (size_t)snprintf(text + used, UUID_TEXT - used, "%s%02x",
					 i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
}

/* The memory of the arenas, without what lies behind the last one. */
static int find_extent(struct btt_medium *memory, uint64_t *first, struct btt_fault *fault)
{
	struct btt_arena arena;
	uint64_t end = 0;
	int error = btt_first_arena(memory, &arena, fault);

	*first = arena.start;
	while (!error) {
		end = arena.start + arena.geometry.bytes;
		error = btt_next_arena(memory, &arena, fault);
	}
	if (end == 0 || error != -ENOENT)
		return error;
	memory->end = pfn_add(memory->start, end >> PAGE_SHIFT);
	return 0;
}

static void name_disk(struct btt_disk *disk, unsigned number)
{
	if (number == 0)
		snprintf(disk->name, sizeof(disk->name), "%ss", disk->region->name);
	else
		snprintf(disk->name, sizeof(disk->name), "%s.%us", disk->region->name, number);
}

/* Whether this disk may be written, and then its memory can be. */
static enum btt_access permit(const struct btt_disk *disk, const struct btt_medium *memory,
			      int (*make_writable)(pfn_t start, pfn_t end))
{
	if (!disks_may_write(disk->name))
		return BTT_READ_ONLY;
	if (make_writable(pfn_add(memory->start, disk->first >> PAGE_SHIFT), memory->end) == 0)
		return BTT_READ_WRITE;
	take_note(disk->region, memory->start, "read-only", "its memory cannot be made writable");
	return BTT_READ_ONLY;
}

static void add_disk(struct btt_disk *disk)
{
	const struct btt_identity *identity = &disk->btt.identity;
	char uuid[UUID_TEXT];

	disk->disk = (struct disk){.device = &disk->btt.device, .driver = "btt"};
	snprintf(disk->disk.model, sizeof(disk->disk.model), "BTT-%u.%u",
		 (unsigned)identity->version >> 16, (unsigned)identity->version & 0xffff);
	uuid_text(identity->uuid, uuid);
	disk_text(disk->disk.serial, uuid, strlen(uuid));
	if (disk_add(&disk->disk))
		take_note(disk->region, disk->btt.memory.start, "ignored",
			  "there is a disk of its name already");
	else
		nr_disks++;
}

/*
 * The BTT that begins here, if there is one. Returns where to look on: behind it, or where it would
 * have begun.
 */
static pfn_t try_place(const struct region *region, pfn_t start, unsigned *number,
		       int (*make_writable)(pfn_t start, pfn_t end))
{
	struct btt_medium memory = {.start = start, .end = region->end};
	struct btt_disk *disk = &disks[nr_disks];
	struct btt_fault fault;
	uint64_t first;
	int error = find_extent(&memory, &first, &fault);

	if (error == -ENOENT)
		return start;
	if (error) {
		note_fault(region, start, &fault);
		return start;
	}
	if (region->writable) {
		take_note(region, start, "ignored",
			  "write= permits to overwrite all of its region");
		return memory.end;
	}
	if (nr_disks == BTT_DISKS_MAX) {
		take_note(region, start, "ignored", "there are more of them than are supported");
		return memory.end;
	}
	disk->region = region;
	disk->first = first;
	name_disk(disk, (*number)++);
	error = btt_open(&disk->btt, disk->name, &memory, permit(disk, &memory, make_writable),
			 &fault);
	if (error == -ENOMEM)
		take_note(region, start, "ignored", "there is no area of DRAM for it");
	else if (error)
		note_fault(region, start, &fault);
	else
		add_disk(disk);
	return memory.end;
}

/* Only a whole look finds a copy of a lost info block, and is worth it once. */
static bool has_signature(const struct region *region, pfn_t start)
{
	char bytes[sizeof(BTT_SIGNATURE)];

	for (uint64_t at = 0; at <= BTT_VERSION_1_1_START; at += BTT_VERSION_1_1_START) {
		phys_t from = phys_add(pfn_to_phys(start), at);

		if (pfn_before(phys_to_pfn(from), region->end) &&
		    pmem_read(from, bytes, sizeof(bytes)) == 0 &&
		    memcmp(bytes, BTT_SIGNATURE, sizeof(bytes)) == 0)
			return true;
	}
	return false;
}

static void search(const struct region *region, int (*make_writable)(pfn_t start, pfn_t end))
{
	uint64_t step = content_step(region_bytes(region)) >> PAGE_SHIFT;
	unsigned number = 0;
	pfn_t end = region->start; /* of what was found so far */

	for (pfn_t at = region->start; pfn_before(at, region->end); at = pfn_add(at, step))
		if (pfn_eq(at, region->start) ||
		    (!pfn_before(at, end) && has_signature(region, at)))
			end = try_place(region, at, &number, make_writable);
}

void btt_disks_find(int (*make_writable)(pfn_t start, pfn_t end))
{
	size_t nr;
	const struct region *regions = page_map_regions(&nr);

	for (size_t i = 0; i < nr; i++)
		if (regions[i].kind == MEMORY_PERSISTENT)
			search(&regions[i], make_writable);
}

void btt_disks_print(void (*line)(const char *))
{
	for (const struct btt_disk *disk = disks; disk < disks + nr_disks; disk++) {
		const struct btt *btt = &disk->btt;
		char text[256];

		snprintf(text, sizeof(text),
			 "# btt name=%s region=%s start=0x%llx end=0x%llx version=%u.%u sector=%u "
			 "arenas=%u log=0,%u recovered=%u bad-info-blocks=%u failed=%s",
			 disk->name, disk->region->name,
			 (unsigned long long)pfn_to_phys(btt->memory.start).addr,
			 (unsigned long long)pfn_to_phys(btt->memory.end).addr,
			 (unsigned)btt->identity.version >> 16,
			 (unsigned)btt->identity.version & 0xffff, btt->identity.sector_bytes,
			 btt->nr_arenas, btt->log_slot, btt->recovered, btt->info_faults,
			 btt->failed ? "yes" : "no");
		line(text);
	}
	for (size_t i = 0; i < nr_notes; i++)
		line(notes[i]);
}

bool btt_disks_writable(pfn_t frame)
{
	for (const struct btt_disk *disk = disks; disk < disks + nr_disks; disk++) {
		const struct btt_medium *memory = &disk->btt.memory;
		pfn_t start = pfn_add(memory->start, disk->first >> PAGE_SHIFT);

		if (disk->disk.permitted && !pfn_before(frame, start) &&
		    pfn_before(frame, memory->end))
			return true;
	}
	return false;
}

const struct btt *btt_disks_next(const struct btt *after)
{
	const struct btt_disk *disk = after ? (const struct btt_disk *)after + 1 : disks;

	return disk < disks + nr_disks ? &disk->btt : NULL;
}
