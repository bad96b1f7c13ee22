/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/scheme_costs.h"

#include <errno.h>

#include "drivers/disks.h"
#include "kernel/bring_up.h"
#include "kernel/time.h"
#include "mm/page.h"
#include "mm/schemes/window.h"
#include "tests/cost_nvme.h"
#include "tests/count.h"
#include "tests/harness/memory.h"
#include "tests/harness/scheme_ground.h"
#include "tests/test.h"

enum { AREAS = 8, CALLS = 64, TIMES = 3 };

#define GIB ((uint64_t)1 << 30)

struct scheme_place place;

static struct scheme_page *notes[PAGES_PER_AREA];
static struct segment segment, memory;
static struct scheme_io io;
static struct block_device *at_once;
static bool counts;              /* instructions */
static volatile uint64_t result; /* volatile, or nobody would need it */

/* --- The place --- */

static void choose_device(void)
{
	struct disk *disk = NULL;

	place.device = cost_nvme_disk();
	while (!place.device && !counts && (disk = disk_next(disk)) != NULL)
		if (disk->device->sectors >= AREA_SIZE / SECTOR_SIZE)
			place.device = disk->device;
	if (!place.device)
		place.device = at_once;
}

enum memory_kind scheme_place_take(struct block_device *works_at_once)
{
	const struct region *region = NULL;
	enum memory_kind kind;

	do
		region = next_region(region, MEMORY_PERSISTENT);
	while (region && !region->writable);
	kind = region ? MEMORY_PERSISTENT : MEMORY_DRAM;
	place = (struct scheme_place){
		.buffer = {pfn_to_phys(test_take(MEMORY_DRAM, AREA_SIZE)), AREA_SIZE},
		.frames = ground_take_areas(kind, AREAS),
	};
	if (place.frames < 2 * PAGES_PER_AREA)
		skip("too little %s memory: 2 areas are needed", memory_kind_name(kind));
	counts = count_has_clock();
	at_once = works_at_once;
	choose_device();
	return kind;
}

void scheme_place_begin(const struct scheme_ops *ops, uint32_t pool)
{
	place.pool = pool;
	place.scheme = ground_begin(ops, place.frames, pool);
	place.area = pfn_area(pfn_add(place.scheme->start, PAGES_PER_AREA - 1));
}

void scheme_place_pin(uint64_t frames, enum scheme_written written)
{
	struct scheme_range range = {
		.start = place.area,
		.frames = frames,
		.segments = &segment,
		.max_segments = 1,
		.pages = notes,
	};

	count_error |= scheme_pin_range(place.scheme, &range);
	scheme_unpin_range(place.scheme, &range, written);
}

struct scheme_io *scheme_place_io(enum block_operation operation, size_t bytes)
{
	memory = (struct segment){pfn_to_phys(place.area), bytes};
	io = (struct scheme_io){
		.scheme = place.scheme,
		.operation = operation,
		.memory = &memory,
		.nr_memory = 1,
		.segments = &segment,
		.pages = notes,
		.buffer = place.buffer,
	};
	return &io;
}

/* --- What is measured --- */

static const struct scheme_ops *ops;

static void prepare_begin(void)
{
	ops = place.scheme->ops; /* gone with the instance */
	ground_end();
}

static void begin(void)
{
	place.scheme = ground_begin(ops, place.frames, place.pool);
}

static void pin4k(void)
{
	struct scheme_page *page;

	count_error |= scheme_pin(place.scheme, place.area, &page);
	scheme_unpin(place.scheme, page, SCHEME_CLEAN);
}

static void pin2m(void)
{
	scheme_place_pin(PAGES_PER_AREA, SCHEME_CLEAN);
}

static void find(void)
{
	result = (uintptr_t)scheme_find(place.scheme, place.area);
}

static void prepare4k(void)
{
	(void)scheme_place_io(BLOCK_READ, PAGE_SIZE);
}

static void prepare2m(void)
{
	(void)scheme_place_io(BLOCK_READ, AREA_SIZE);
}

static void submit(void)
{
	count_error |= scheme_io_submit(place.device, &io);
}

static void finish(void)
{
	while (io.bio.status == -EINPROGRESS)
		block_poll(place.device);
	count_error |= scheme_io_finish(&io);
}

static void clean(void)
{
	count_error |= scheme_io_clean(&io);
}

static struct bio_piece piece;

static void prepare_usual(size_t bytes)
{
	piece = (struct bio_piece){pfn_to_page(place.area), 0, bytes};
	io.bio = (struct bio){.operation = BLOCK_READ, .pieces = &piece, .nr_pieces = 1};
}

static void prepare_usual4k(void)
{
	prepare_usual(PAGE_SIZE);
}

static void prepare_usual2m(void)
{
	prepare_usual(AREA_SIZE);
}

static void submit_usual(void)
{
	count_error |= block_submit(place.device, &io.bio);
}

static void finish_usual(void)
{
	while (io.bio.status == -EINPROGRESS)
		block_poll(place.device);
	count_error |= io.bio.status;
}

/* Where instructions are counted the wait for the device is not. */
static void wait(void)
{
	if (place.device != at_once)
		cost_nvme_wait(1);
}

#define READ(name_, prepare_, slow_)                       \
	{                                                  \
		.name = name_, .needs = -1, .slow = slow_, \
		.figure = {.prepare = prepare_,            \
			   .operation = submit,            \
			   .wait = wait,                   \
			   .finish = finish,               \
			   .undo = clean},                 \
	}

#define USUAL_READ(name_, prepare_, slow_)                 \
	{                                                  \
		.name = name_, .needs = -1, .slow = slow_, \
		.figure = {.prepare = prepare_,            \
			   .operation = submit_usual,      \
			   .wait = wait,                   \
			   .finish = finish_usual},        \
	}

static const struct {
	const char *name;
	int needs; /* a feature, or -1 */
	bool slow;
	struct figure figure;
} costs[SCHEME_COSTS] = {
	[COST_BEGIN] = {"begin", -1, true, {.prepare = prepare_begin, .operation = begin}},
	[COST_PIN4K] = {"pin4k", -1, false, {.operation = pin4k}},
	[COST_PIN2M] = {"pin2m", -1, false, {.operation = pin2m}},
	[COST_FIND] = {"find", SCHEME_FIND, false, {.operation = find}},
	[COST_READ4K] = READ("read4k", prepare4k, false),
	[COST_READ2M] = READ("read2m", prepare2m, true),
	[COST_USUAL_READ4K] = USUAL_READ("usual.read4k", prepare_usual4k, false),
	[COST_USUAL_READ2M] = USUAL_READ("usual.read2m", prepare_usual2m, true),
};

const char *scheme_cost_name(enum scheme_cost cost)
{
	return costs[cost].name;
}

const char *scheme_cost_units(void)
{
	return counts ? "instructions" : "ns";
}

static uint64_t nanoseconds(uint64_t ticks)
{
	return ticks * 1000 / (time_tsc_hz() / 1000000);
}

/* The median of some. */
static uint64_t time_of(const struct figure *measured, unsigned calls)
{
	struct figure figure = *measured;
	uint64_t times[TIMES];

	figure.wait = NULL;
	for (size_t i = 0; i < TIMES; i++) {
		uint64_t time = nanoseconds(count_ticks(&figure, calls));
		size_t at = i;

		for (; at > 0 && time < times[at - 1]; at--)
			times[at] = times[at - 1];
		times[at] = time;
	}
	return times[TIMES / 2];
}

/* Instructions exactly, or a time. */
static uint64_t measured(enum scheme_cost cost)
{
	const struct figure *figure = &costs[cost].figure;

	return counts ? count_ticks(figure, CALLS) : time_of(figure, costs[cost].slow ? 1 : CALLS);
}

/*
 * Two levels are the machine's own page map, which was made at boot for all of its memory and is
 * not made again; an instance of them only begins with it. Of a machine with more than 1 GiB that
 * is more than what is asked for.
 */
static uint64_t begin_of_map(void)
{
	uint64_t ticks = bring_up.page_map + bring_up.allocator;
	uint64_t bytes = 0;
	size_t nr;
	const struct region *regions = page_map_regions(&nr);

	while (nr-- > 0)
		bytes += region_bytes(&regions[nr]);
	if (bytes < GIB)
		ticks = ticks * (GIB >> PAGE_SHIFT) / (bytes >> PAGE_SHIFT);
	return counts ? ticks : nanoseconds(ticks);
}

/* A part that is the same for any memory, and one for each frame, which two sizes tell apart. */
static uint64_t begin_of_gib(void)
{
	uint64_t frames = place.frames, less = frames / PAGES_PER_AREA / 2 * PAGES_PER_AREA;
	uint64_t half, all, more;

	place.frames = less;
	half = measured(COST_BEGIN);
	place.frames = frames;
	all = measured(COST_BEGIN);
	more = all > half ? all - half : 0;
	return all + more * ((GIB >> PAGE_SHIFT) - frames) / (frames - less);
}

uint64_t scheme_cost(enum scheme_cost cost)
{
	int needs = costs[cost].needs;

	if (needs >= 0 && scheme_refusal(place.scheme, (enum scheme_feature)needs))
		return COST_NONE;
	if (cost != COST_BEGIN)
		return measured(cost);
	if (place.scheme->ops->find != window_find)
		return begin_of_gib();
	return begin_of_map() + measured(COST_BEGIN);
}
