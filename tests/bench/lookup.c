/* SPDX-License-Identifier: BSD-2-Clause */
/* From a frame's number to its page and back. */
#include "mm/page.h"
#include "tests/bench/bench.h"
#include "tests/bench/flat.h"
#include "tests/bench/world.h"

enum {
	OPERATIONS = 10000,
	HANDLES = 256, /* a power of two; they stay in the first-level cache */
};

/*
 * Each lookup waits for the answer of the one before, as one does that follows from it. The answer
 * is the page and its size, which a handle knows and a flat array has to read.
 */
#define CHAINED(lookup, size)                                                        \
	do {                                                                         \
		size_t n = operations(OPERATIONS);                                   \
		unsigned bits = world_frame_bits();                                  \
		uint64_t state = random_start(), zero = 0;                           \
		uint64_t start = ticks();                                            \
                                                                                     \
		for (size_t i = 0; i < n; i++) {                                     \
			uint64_t index = random_bits(&state, bits) ^ zero;           \
                                                                                     \
			zero = zero_after(size(lookup(pfn_add(PMEM_START, index)))); \
		}                                                                    \
		return nanoseconds_each(ticks() - start, n);                         \
	} while (0)

/* None waits for another: many are under way at a time. */
#define INDEPENDENT(lookup, size)                                       \
	do {                                                            \
		size_t n = operations(OPERATIONS);                      \
		unsigned bits = world_frame_bits();                     \
		uint64_t state = random_start();                        \
		uint64_t start = ticks();                               \
                                                                        \
		for (size_t i = 0; i < n; i++) {                        \
			uint64_t index = random_bits(&state, bits);     \
                                                                        \
			keep(size(lookup(pfn_add(PMEM_START, index)))); \
		}                                                       \
		return nanoseconds_each(ticks() - start, n);            \
	} while (0)

static double chained(void)
{
	CHAINED(pfn_to_page, page_size);
}

static double chained64(void)
{
	CHAINED(flat64_pfn_to_page, flat_page_size);
}

static double chained8(void)
{
	CHAINED(flat8_pfn_to_page, flat_page_size);
}

static double independent(void)
{
	INDEPENDENT(pfn_to_page, page_size);
}

static double independent64(void)
{
	INDEPENDENT(flat64_pfn_to_page, flat_page_size);
}

static double independent8(void)
{
	INDEPENDENT(flat8_pfn_to_page, flat_page_size);
}

/* Waits for what stands in the descriptor, which a CPU cannot guess. */
static double look(void)
{
	size_t n = operations(OPERATIONS);
	unsigned bits = world_frame_bits();
	uint64_t state = random_start(), zero = 0;
	uint64_t start = ticks();

	for (size_t i = 0; i < n; i++) {
		uint64_t index = random_bits(&state, bits) ^ zero;
		struct page_info info;

		bench_require(page_look(pfn_add(PMEM_START, index), &info) == 0, "page_look");
		zero = zero_after(info.owner);
	}
	return nanoseconds_each(ticks() - start, n);
}

static uintptr_t handles[HANDLES];

/* Eight to a turn of the loop, which would cost more than what it repeats. */
#define TO_PFN(to_pfn)                                                           \
	do {                                                                     \
		size_t n = align_up(operations(OPERATIONS), (size_t)8);          \
		uint64_t start = ticks();                                        \
                                                                                 \
		for (size_t i = 0; i < n; i += 8) {                              \
			const uintptr_t *handle = &handles[i % HANDLES];         \
                                                                                 \
			to_pfn(handle[0]), to_pfn(handle[1]), to_pfn(handle[2]); \
			to_pfn(handle[3]), to_pfn(handle[4]), to_pfn(handle[5]); \
			to_pfn(handle[6]), to_pfn(handle[7]);                    \
		}                                                                \
		return nanoseconds_each(ticks() - start, n);                     \
	} while (0)

/* Each waits for the one before; two more steps make it wait. */
#define TO_PFN_CHAINED(type, to_pfn)                                          \
	do {                                                                  \
		size_t n = operations(OPERATIONS);                            \
		uintptr_t handle = handles[0];                                \
		uint64_t start = ticks();                                     \
                                                                              \
		for (size_t i = 0; i < n; i++)                                \
			handle ^= zero_after(to_pfn((const type *)handle).n); \
		keep(handle);                                                 \
		return nanoseconds_each(ticks() - start, n);                  \
	} while (0)

#define OURS(handle)    keep(page_to_pfn((const struct page *)keep(handle)).n)
#define IN_64(handle)   keep(flat64_page_to_pfn((const struct flat_page *)keep(handle)).n)
#define IN_8(handle)    keep(flat8_page_to_pfn((const struct flat_page *)keep(handle)).n)
#define NOTHING(handle) keep(keep(handle))

static double to_pfn(void)
{
	TO_PFN(OURS);
}

static double to_pfn64(void)
{
	TO_PFN(IN_64);
}

static double to_pfn8(void)
{
	TO_PFN(IN_8);
}

static double to_pfn_loop(void)
{
	TO_PFN(NOTHING);
}

static double to_pfn_chained(void)
{
	TO_PFN_CHAINED(struct page, page_to_pfn);
}

static double to_pfn_chained64(void)
{
	TO_PFN_CHAINED(struct flat_page, flat64_page_to_pfn);
}

static double to_pfn_chained8(void)
{
	TO_PFN_CHAINED(struct flat_page, flat8_page_to_pfn);
}

static const struct figure figures_whole[] = {
	{.name = "core.page_to_pfn",
	 .what = "page_to_pfn, loop included",
	 .unit = UNIT_U,
	 .goal = 0.05,
	 .ours = to_pfn,
	 .flat64 = to_pfn64,
	 .flat8 = to_pfn8},
	{.name = "core.page_to_pfn_loop",
	 .what = "the loop of core.page_to_pfn alone",
	 .unit = UNIT_U,
	 .goal = NO_GOAL,
	 .ours = to_pfn_loop},
	{.name = "core.page_to_pfn_chained",
	 .what = "page_to_pfn + 2 steps, each after the other",
	 .unit = UNIT_U,
	 .goal = NO_GOAL,
	 .ours = to_pfn_chained,
	 .flat64 = to_pfn_chained64,
	 .flat8 = to_pfn_chained8},
	{.name = "core.lookup_whole",
	 .what = "pfn_to_page + size, each after the other, whole",
	 .unit = UNIT_U,
	 .goal = 1.2,
	 .ours = chained,
	 .flat64 = chained64,
	 .flat8 = chained8},
	{.name = "core.lookup_whole_vs_flat",
	 .what = "the same, against the flat 64-byte array",
	 .unit = UNIT_RATIO,
	 .goal = 0.1,
	 .ours = chained,
	 .against = chained64},
	{.name = "core.lookup_whole_overlapped",
	 .what = "independent lookups, many at a time, whole",
	 .unit = UNIT_U,
	 .goal = NO_GOAL,
	 .ours = independent,
	 .flat64 = independent64,
	 .flat8 = independent8},
	{.name = "core.look_whole",
	 .what = "page_look, waiting for the contents, whole",
	 .unit = UNIT_U,
	 .goal = NO_GOAL,
	 .ours = look,
	 .flat64 = chained64,
	 .flat8 = chained8},
};

static const struct figure figures_mixed[] = {
	{.name = "core.lookup_mixed",
	 .what = "as lookup_whole, half of the areas split at random",
	 .unit = UNIT_U,
	 .goal = NO_GOAL,
	 .ours = chained,
	 .flat64 = chained64,
	 .flat8 = chained8},
};

static const struct figure figures_split[] = {
	{.name = "core.lookup_split",
	 .what = "as lookup_whole, everything split",
	 .unit = UNIT_U,
	 .goal = NO_GOAL,
	 .ours = chained,
	 .flat64 = chained64,
	 .flat8 = chained8},
	{.name = "core.lookup_split_overlapped",
	 .what = "independent lookups, everything split",
	 .unit = UNIT_U,
	 .goal = NO_GOAL,
	 .ours = independent,
	 .flat64 = independent64,
	 .flat8 = independent8},
	{.name = "core.look_split",
	 .what = "page_look, waiting for the contents, split",
	 .unit = UNIT_U,
	 .goal = NO_GOAL,
	 .ours = look,
	 .flat64 = chained64,
	 .flat8 = chained8},
};

static void split_half(void)
{
	uint64_t state = 1;

	for (uint64_t i = 0; i < (uint64_t)1 << world_area_bits(); i++)
		if (random_bits(&state, 1))
			bench_require(page_split(pfn_add(PMEM_START, i * PAGES_PER_AREA)) == 0,
				      "page_split");
}

static void measure_all(const struct figure *figures, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		bench_measure(&figures[i]);
}

void bench_lookup(void)
{
	uint64_t state = 1;

	flat_begin(PMEM_START, world_frame_bits());
	world_begin_usual();
	for (size_t i = 0; i < HANDLES; i++)
		handles[i] = (uintptr_t)pfn_to_page(
			pfn_add(PMEM_START, random_bits(&state, world_frame_bits())));
	measure_all(figures_whole, ARRAY_SIZE(figures_whole));
	split_half();
	measure_all(figures_mixed, ARRAY_SIZE(figures_mixed));
	world_split_all();
	measure_all(figures_split, ARRAY_SIZE(figures_split));
}
