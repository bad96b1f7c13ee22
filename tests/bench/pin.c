/* SPDX-License-Identifier: BSD-2-Clause */
/* Pins: one and its unpin are one operation. */
#include "mm/host.h"
#include "mm/page.h"
#include "tests/bench/bench.h"
#include "tests/bench/both.h"
#include "tests/bench/flat.h"
#include "tests/bench/world.h"

enum {
	OPERATIONS = 20000,
	WARM_BITS = 15, /* 64 areas: their tables are as large as the areas of 64 GiB */
	BATCH = 32,
};

/* Random frames out of 2^bits from `first` on. */
#define PIN_RANDOM(pin, unpin, type, first, bits, n)                                 \
	({                                                                           \
		uint64_t state = random_start();                                     \
		uint64_t start = ticks();                                            \
                                                                                     \
		for (size_t i = 0; i < (n); i++) {                                   \
			type *page = pin(pfn_add(first, random_bits(&state, bits))); \
                                                                                     \
			bench_require(page, #pin);                                   \
			unpin(page);                                                 \
		}                                                                    \
		ticks() - start;                                                     \
	})

/* The same for BATCH frames at a time, all of which are pinned before the first is unpinned. */
#define PIN_BATCHES(prefetch, pin, unpin, type, bits)                                       \
	({                                                                                  \
		size_t n = operations(OPERATIONS) / BATCH;                                  \
		uint64_t state = random_start();                                            \
		uint64_t start = ticks();                                                   \
                                                                                            \
		for (size_t i = 0; i < n; i++) {                                            \
			pfn_t frames[BATCH];                                                \
			type *pages[BATCH];                                                 \
                                                                                            \
			for (size_t k = 0; k < BATCH; k++) {                                \
				frames[k] = pfn_add(PMEM_START, random_bits(&state, bits)); \
				prefetch(frames[k]);                                        \
			}                                                                   \
			for (size_t k = 0; k < BATCH; k++) {                                \
				pages[k] = pin(frames[k]);                                  \
				bench_require(pages[k], #pin);                              \
			}                                                                   \
			for (size_t k = 0; k < BATCH; k++)                                  \
				unpin(pages[k]);                                            \
		}                                                                           \
		nanoseconds_each(ticks() - start, n * BATCH);                               \
	})

static double each(uint64_t took)
{
	return nanoseconds_each(took, operations(OPERATIONS));
}

static uint64_t pin_ours(pfn_t first, unsigned bits, size_t n)
{
	return PIN_RANDOM(page_pin, page_unpin, struct page, first, bits, n);
}

static uint64_t pin_flat64(pfn_t first, unsigned bits, size_t n)
{
	return PIN_RANDOM(flat64_pin, flat64_unpin, struct flat_page, first, bits, n);
}

static uint64_t pin_flat8(pfn_t first, unsigned bits, size_t n)
{
	return PIN_RANDOM(flat8_pin, flat8_unpin, struct flat_page, first, bits, n);
}

static double everywhere(void)
{
	return each(pin_ours(PMEM_START, world_frame_bits(), operations(OPERATIONS)));
}

static double everywhere64(void)
{
	return each(pin_flat64(PMEM_START, world_frame_bits(), operations(OPERATIONS)));
}

static double everywhere8(void)
{
	return each(pin_flat8(PMEM_START, world_frame_bits(), operations(OPERATIONS)));
}

static double warm(void)
{
	return each(pin_ours(PMEM_START, WARM_BITS, operations(OPERATIONS)));
}

static double warm64(void)
{
	return each(pin_flat64(PMEM_START, WARM_BITS, operations(OPERATIONS)));
}

static double warm8(void)
{
	return each(pin_flat8(PMEM_START, WARM_BITS, operations(OPERATIONS)));
}

static double batches(void)
{
	return PIN_BATCHES(page_prefetch, page_pin, page_unpin, struct page, world_frame_bits());
}

static double batches8(void)
{
	return PIN_BATCHES(flat8_prefetch, flat8_pin, flat8_unpin, struct flat_page,
			   world_frame_bits());
}

/* --- Two CPUs --- */

/* Each CPU in its own half. */
static uint64_t half(unsigned cpu, size_t n)
{
	unsigned bits = world_frame_bits() - 1;

	return pin_ours(pfn_add(PMEM_START, (uint64_t)cpu << bits), bits, n);
}

static double half_alone(void)
{
	return each(half(0, operations(OPERATIONS)));
}

static double half_each(void)
{
	return both_run(half, operations(OPERATIONS));
}

/* A flat array does the same in as many bytes as the areas of a half take. */
static uint64_t half_flat8(unsigned cpu, size_t n)
{
	unsigned frame_bits = world_frame_bits();

	return pin_flat8(pfn_add(PMEM_START, (uint64_t)cpu << (frame_bits - 1)),
			 world_area_bits() - 1, n);
}

static double half_flat8_alone(void)
{
	return each(half_flat8(0, operations(OPERATIONS)));
}

static double half_flat8_each(void)
{
	return both_run(half_flat8, operations(OPERATIONS));
}

/* Both in one area, whole or split. */
static uint64_t same_area(unsigned cpu, size_t n)
{
	(void)cpu;
	return pin_ours(PMEM_START, AREA_SHIFT - PAGE_SHIFT, n);
}

static uint64_t same_area8(unsigned cpu, size_t n)
{
	(void)cpu;
	return pin_flat8(PMEM_START, AREA_SHIFT - PAGE_SHIFT, n);
}

static uint64_t same_area64(unsigned cpu, size_t n)
{
	(void)cpu;
	return pin_flat64(PMEM_START, AREA_SHIFT - PAGE_SHIFT, n);
}

static double share(void)
{
	return both_run(same_area, operations(OPERATIONS));
}

static double share64(void)
{
	return both_run(same_area64, operations(OPERATIONS));
}

static double share8(void)
{
	return both_run(same_area8, operations(OPERATIONS));
}

static const struct figure pin_whole = {.name = "core.pin_whole",
					.what = "pin + unpin, whole areas, random over all",
					.unit = UNIT_U,
					.goal = 1.0,
					.ours = everywhere,
					.flat64 = everywhere64,
					.flat8 = everywhere8};
static const struct figure pin_2cpu = {.name = "core.pin_2cpu_ratio",
				       .what = "two CPUs, each in its half, against one",
				       .unit = UNIT_RATIO,
				       .goal = 1.0,
				       .ours = half_each,
				       .against = half_alone};
static const struct figure flat8_2cpu = {.name = "bench.pin_flat8_2cpu_ratio",
					 .what = "the same by a flat array, in as many bytes",
					 .unit = UNIT_RATIO,
					 .goal = NO_GOAL,
					 .ours = half_flat8_each,
					 .against = half_flat8_alone};
static const struct figure pin_shared = {.name = "core.pin_shared_2cpu",
					 .what = "two CPUs in one whole area, each",
					 .unit = UNIT_U,
					 .goal = NO_GOAL,
					 .ours = share,
					 .flat64 = share64,
					 .flat8 = share8};
static const struct figure pin_shared_split = {.name = "core.pin_shared_split_2cpu",
					       .what = "two CPUs in one split area, each",
					       .unit = UNIT_U,
					       .goal = NO_GOAL,
					       .ours = share,
					       .flat64 = share64,
					       .flat8 = share8};
static const struct figure pin_split = {.name = "core.pin_split",
					.what = "pin + unpin, split, random in 64 areas",
					.unit = UNIT_U,
					.goal = 1.5,
					.ours = warm,
					.flat64 = warm64,
					.flat8 = warm8};
static const struct figure pin_split_cold = {.name = "core.pin_split_cold",
					     .what = "pin + unpin, split, random over all",
					     .unit = UNIT_U,
					     .goal = NO_GOAL,
					     .ours = everywhere,
					     .flat64 = everywhere64,
					     .flat8 = everywhere8};
static const struct figure pin_split_batch = {.name = "core.pin_split_batch_vs_flat",
					      .what = "32 at a time, split, over all; flat 8-byte "
						      "prefetches",
					      .unit = UNIT_RATIO,
					      .goal = 1.2,
					      .ours = batches,
					      .against = batches8,
					      .flat8 = batches8};

void bench_pin(void)
{
	flat_begin(PMEM_START, world_frame_bits());
	world_begin_usual();
	bench_measure(&pin_whole);
	bench_measure_2cpu(&pin_2cpu);
	bench_measure_2cpu(&flat8_2cpu);
	bench_measure_2cpu(&pin_shared);
	world_split_all();
	bench_measure(&pin_split);
	bench_measure(&pin_split_cold);
	bench_measure(&pin_split_batch);
	bench_measure_2cpu(&pin_shared_split);
}
