/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory: what descriptors take, and how long their making takes. */
#include "mm/frame_alloc.h"
#include "mm/page.h"
#include "tests/bench/bench.h"
#include "tests/bench/world.h"

static const struct figure per_tib = {.name = "core.bytes_per_tib",
				      .what = "descriptors of 1 TiB, nothing split",
				      .unit = UNIT_MIB,
				      .goal = 8};
static const struct figure per_tib_all = {.name = "core.bytes_per_tib_all",
					  .what = "the same with all allocator state",
					  .unit = UNIT_MIB,
					  .goal = 16};
static const struct figure per_tib_split1 = {.name = "core.bytes_per_tib_split1",
					     .what = "descriptors of 1 TiB, 1 % of areas split",
					     .unit = UNIT_MIB,
					     .goal = 36};
static const struct figure pin_whole = {.name = "core.bytes_pin_whole",
					.what = "added by a pinned 4 KiB of a whole area",
					.unit = UNIT_BYTES,
					.goal = 0};
static const struct figure split = {
	.name = "core.bytes_split", .what = "added by one split", .unit = UNIT_BYTES, .goal = 4096};

static size_t in_use(void)
{
	struct page_map_usage usage;

	page_map_usage(&usage);
	return usage.directory_bytes + usage.area_bytes + usage.table_bytes + usage.cpu_bytes;
}

/* Tables in reserve count too. */
static size_t with_spare(void)
{
	struct page_map_usage usage;

	page_map_usage(&usage);
	return in_use() + usage.spare_table_bytes;
}

static double mib(size_t bytes)
{
	return (double)bytes / (1 << 20);
}

static void count_per_tib(void)
{
	const struct region region = {.start = PMEM_START,
				      .end = pfn_add(PMEM_START, TIB >> PAGE_SHIFT),
				      .kind = MEMORY_PERSISTENT,
				      .name = "pmem0"};
	const uint64_t areas = TIB >> AREA_SHIFT;
	size_t map = page_map_size(&region, 1);

	bench_count(&per_tib, mib(map));
	bench_count(&per_tib_all, mib(map + frame_alloc_size(&region, 1)));

	world_begin(TIB);
	for (uint64_t i = 0; i < areas; i += 100)
		bench_require(page_split(pfn_add(PMEM_START, i * PAGES_PER_AREA)) == 0,
			      "page_split");
	bench_count(&per_tib_split1, mib(with_spare()));
}

static void count_steps(void)
{
	size_t before;
	struct page *page;

	world_begin_usual();
	before = in_use();
	page = page_pin(pfn_add(PMEM_START, 5));
	bench_require(page, "page_pin");
	bench_count(&pin_whole, (double)(in_use() - before));
	page_unpin(page);
	bench_require(page_split(PMEM_START) == 0, "page_split");
	bench_count(&split, (double)(in_use() - before));
}

/* Clearing the memory is part of it. */
static double begin(uint64_t bytes)
{
	uint64_t start = ticks();

	world_begin(bytes);
	return nanoseconds_each(ticks() - start, 1);
}

static double begin_1tib(void)
{
	return begin(TIB);
}

static double begin_6tib(void)
{
	return begin(6 * TIB);
}

void bench_bytes(void)
{
	static const struct figure init_1tib = {.name = "core.init_1tib",
						.what = "clear and initialise for 1 TiB",
						.unit = UNIT_MS,
						.goal = 1,
						.ours = begin_1tib};
	static const struct figure init_6tib = {.name = "core.init_6tib",
						.what = "clear and initialise for 6 TiB",
						.unit = UNIT_MS,
						.goal = 3,
						.ours = begin_6tib};

	count_per_tib();
	count_steps();
	bench_measure(&init_1tib);
	bench_measure(&init_6tib);
}
