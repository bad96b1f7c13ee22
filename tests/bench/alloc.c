/* SPDX-License-Identifier: BSD-2-Clause */
/* Allocation: taking a frame and giving it back are one operation. */
#include "mm/frame_alloc.h"
#include "mm/host.h"
#include "mm/page.h"
#include "tests/bench/bench.h"
#include "tests/bench/both.h"
#include "tests/bench/flat.h"
#include "tests/bench/world.h"

enum {
	OPERATIONS = 20000,
	OPERATIONS_AREA = 10000,
	BATCH = 512,
	AREAS_BATCH = 64,
	REMOTE = 8192, /* frames that each CPU frees of the other's: of half the rows at hand */
	REMOTE_MANY = 32768, /* of twice as many rows as it can have at hand */
	LIST_BITS = 15,
	CPUS = 2,
};

typedef bool (*take_t)(pfn_t *);
typedef bool (*give_t)(pfn_t);

#define always_inline static inline __attribute__((always_inline))

always_inline bool take_frame(pfn_t *frame)
{
	return frame_alloc(MEMORY_PERSISTENT, NODE_ANY, PAGE_SIZE, frame) == 0;
}

always_inline bool give_frame(pfn_t frame)
{
	return frame_free(frame, PAGE_SIZE) == 0;
}

always_inline bool take_area(pfn_t *area)
{
	return frame_alloc(MEMORY_PERSISTENT, NODE_ANY, AREA_SIZE, area) == 0;
}

always_inline bool give_area(pfn_t area)
{
	return frame_free(area, AREA_SIZE) == 0;
}

/* --- One at a time, and many --- */

/* Ticks. */
always_inline uint64_t pairs(size_t n, take_t take, give_t give)
{
	uint64_t start = ticks();

	for (size_t i = 0; i < n; i++) {
		pfn_t frame;

		bench_require(take(&frame), "allocation");
		bench_require(give(frame), "free");
	}
	return ticks() - start;
}

/* The numbers below the array's length, in an order without a pattern. */
static uint16_t shuffled[REMOTE];
static uint16_t shuffled_many[REMOTE_MANY];
static uint16_t shuffled_batch[BATCH];
static uint16_t shuffled_areas[AREAS_BATCH];

static void shuffle(uint16_t *numbers, size_t nr)
{
	uint64_t state = 1;

	for (size_t i = 0; i < nr; i++) {
		size_t other = random_bits(&state, 32) % (i + 1);

		numbers[i] = numbers[other];
		numbers[other] = (uint16_t)i;
	}
}

/* `size` are taken, then given back in an order that differs each time. */
always_inline uint64_t batches(size_t n, const uint16_t *order, size_t size, take_t take,
			       give_t give)
{
	static _Thread_local pfn_t frames[BATCH];
	uint64_t state = random_start();
	uint64_t start = ticks();

	for (size_t i = 0; i < n / size; i++) {
		size_t turn = random_bits(&state, 32);

		for (size_t k = 0; k < size; k++)
			bench_require(take(&frames[k]), "allocation");
		for (size_t k = 0; k < size; k++)
			bench_require(give(frames[(order[k] ^ turn) % size]), "free");
	}
	return ticks() - start;
}

#define PAIRS_SAMPLE(name, usual, take, give)                                                     \
	static double name(void)                                                                  \
	{                                                                                         \
		return nanoseconds_each(pairs(operations(usual), take, give), operations(usual)); \
	}

#define BATCH_SAMPLE(name, order, take, give)                                                 \
	static double name(void)                                                              \
	{                                                                                     \
		size_t n = align_up(operations(OPERATIONS), ARRAY_SIZE(order));               \
                                                                                              \
		return nanoseconds_each(batches(n, order, ARRAY_SIZE(order), take, give), n); \
	}

/* Out of line: one CPU and two are compared in the same code, at the same place. */
static __attribute__((noinline)) uint64_t pairs_part(unsigned cpu, size_t n)
{
	(void)cpu;
	return pairs(n, take_frame, give_frame);
}

static double alloc4k(void)
{
	return nanoseconds_each(pairs_part(0, operations(OPERATIONS)), operations(OPERATIONS));
}

PAIRS_SAMPLE(alloc4k_64, OPERATIONS, flat64_alloc, flat64_free)
PAIRS_SAMPLE(alloc4k_8, OPERATIONS, flat8_alloc, flat8_free)
PAIRS_SAMPLE(alloc2m, OPERATIONS_AREA, take_area, give_area)
BATCH_SAMPLE(batch4k, shuffled_batch, take_frame, give_frame)
BATCH_SAMPLE(batch4k_64, shuffled_batch, flat64_alloc, flat64_free)
BATCH_SAMPLE(batch4k_8, shuffled_batch, flat8_alloc, flat8_free)
BATCH_SAMPLE(batch2m, shuffled_areas, take_area, give_area)

/* --- Two CPUs --- */

static double pairs_both(void)
{
	return both_run(pairs_part, operations(OPERATIONS));
}

static uint64_t batches_part(unsigned cpu, size_t n)
{
	(void)cpu;
	return batches(n, shuffled_batch, BATCH, take_frame, give_frame);
}

static double batches_both(void)
{
	return both_run(batches_part, align_up(operations(OPERATIONS), (size_t)BATCH));
}

static pfn_t taken[CPUS][REMOTE_MANY];

/* Ticks to free what the other CPU took, while that does the same. */
always_inline uint64_t remote(unsigned cpu, size_t n, const uint16_t *order, take_t take,
			      give_t give)
{
	uint64_t start, took;

	for (size_t i = 0; i < n; i++)
		bench_require(take(&taken[cpu][i]), "allocation");
	both_meet();
	start = ticks();
	for (size_t i = 0; i < n; i++)
		bench_require(give(taken[!cpu][order[i]]), "free");
	took = ticks() - start;
	both_meet();
	return took;
}

static uint64_t remote_part(unsigned cpu, size_t n)
{
	return remote(cpu, n, shuffled, take_frame, give_frame);
}

static uint64_t remote_many_part(unsigned cpu, size_t n)
{
	return remote(cpu, n, shuffled_many, take_frame, give_frame);
}

static uint64_t remote64_part(unsigned cpu, size_t n)
{
	flat64_list(pfn_add(PMEM_START, (uint64_t)cpu << LIST_BITS), LIST_BITS);
	return remote(cpu, n, shuffled, flat64_alloc, flat64_free);
}

static uint64_t remote8_part(unsigned cpu, size_t n)
{
	flat8_list(pfn_add(PMEM_START, (uint64_t)cpu << LIST_BITS), LIST_BITS);
	return remote(cpu, n, shuffled, flat8_alloc, flat8_free);
}

static double free_remote(void)
{
	return both_run(remote_part, operations(REMOTE));
}

static double free_remote_many(void)
{
	return both_run(remote_many_part, operations(REMOTE_MANY));
}

static double free_remote64(void)
{
	return both_run(remote64_part, operations(REMOTE));
}

static double free_remote8(void)
{
	return both_run(remote8_part, operations(REMOTE));
}

static const struct figure figures[] = {
	{.name = "core.alloc4k",
	 .what = "alloc + free 4 KiB, over and over",
	 .unit = UNIT_U,
	 .goal = 0.7,
	 .ours = alloc4k,
	 .flat64 = alloc4k_64,
	 .flat8 = alloc4k_8},
	{.name = "core.alloc4k_batch",
	 .what = "512 allocs, 512 frees in shuffled order; pair",
	 .unit = UNIT_U,
	 .goal = NO_GOAL,
	 .ours = batch4k,
	 .flat64 = batch4k_64,
	 .flat8 = batch4k_8},
	{.name = "core.alloc2m",
	 .what = "alloc + free 2 MiB, over and over",
	 .unit = UNIT_U,
	 .goal = 1.2,
	 .ours = alloc2m},
	{.name = "core.alloc2m_batch",
	 .what = "64 allocs of 2 MiB, 64 frees, shuffled; pair",
	 .unit = UNIT_U,
	 .goal = NO_GOAL,
	 .ours = batch2m},
};

static const struct figure figures_2cpu[] = {
	{.name = "core.alloc4k_2cpu_ratio",
	 .what = "alloc4k on two CPUs against one",
	 .unit = UNIT_RATIO,
	 .goal = 1.0,
	 .ours = pairs_both,
	 .against = alloc4k},
	{.name = "core.alloc4k_batch_2cpu_ratio",
	 .what = "alloc4k_batch on two CPUs against one",
	 .unit = UNIT_RATIO,
	 .goal = NO_GOAL,
	 .ours = batches_both,
	 .against = batch4k},
	{.name = "core.free_remote",
	 .what = "free in shuffled order from the other CPU",
	 .unit = UNIT_U,
	 .goal = 1.3,
	 .ours = free_remote,
	 .flat64 = free_remote64,
	 .flat8 = free_remote8},
	{.name = "core.free_remote_many",
	 .what = "the same, of more rows than it has at hand",
	 .unit = UNIT_U,
	 .goal = NO_GOAL,
	 .ours = free_remote_many},
};

void bench_alloc(void)
{
	world_begin_usual();
	flat_begin(PMEM_START, world_frame_bits());
	flat64_list(PMEM_START, LIST_BITS);
	flat8_list(PMEM_START, LIST_BITS);
	shuffle(shuffled, operations(REMOTE));
	shuffle(shuffled_many, operations(REMOTE_MANY));
	shuffle(shuffled_batch, BATCH);
	shuffle(shuffled_areas, AREAS_BATCH);
	for (size_t i = 0; i < ARRAY_SIZE(figures); i++)
		bench_measure(&figures[i]);
	for (size_t i = 0; i < ARRAY_SIZE(figures_2cpu); i++)
		bench_measure_2cpu(&figures_2cpu[i]);
}
