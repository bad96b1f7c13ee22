/* SPDX-License-Identifier: BSD-2-Clause */
/* Schemes of page descriptors: what their users do wrong, and what takes long. */
#include <errno.h>

#include "mm/page.h"
#include "mm/schemes/compound.h"
#include "mm/schemes/dynamic.h"
#include "mm/schemes/flat.h"
#include "mm/schemes/proxy.h"
#include "mm/schemes/two_level.h"
#include "tests/harness/scheme_ground.h"
#include "tests/host/apart.h"
#include "tests/test.h"

static struct scheme *scheme;
static struct scheme_page *page;

static void begin(const struct scheme_ops *ops)
{
	ground_take(MEMORY_DRAM);
	scheme = ground_begin(ops, PAGES_PER_AREA, 8);
	require(scheme_pin(scheme, scheme->start, &page) == 0);
}

static void unpin_twice(void)
{
	scheme_unpin(scheme, page, SCHEME_CLEAN);
	scheme_unpin(scheme, page, SCHEME_CLEAN);
}

static void unpin_written_twice(void)
{
	scheme_unpin(scheme, page, SCHEME_WRITTEN);
	scheme_unpin(scheme, page, SCHEME_WRITTEN);
}

static void unlock(void)
{
	scheme_unlock(scheme, page);
}

/* A pin that is returned twice, or a lock that nobody has, is never taken for a good one. */
TEST(schemes_misuse, flat_panics)
{
	begin(&flat_scheme);
	expect_panic_apart(unpin_twice, "is not pinned");
	expect_panic_apart(unpin_written_twice, "is not pinned");
	expect_panic_apart(unlock, "is not locked");
}

/* The same of a compound page, of which the panic names the address; of the second here. */
TEST(schemes_misuse, compound_panics)
{
	static char dram[5 * PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
	const struct scheme_setup setup = {.start = pfn(0), .frames = 2 * PAGES_PER_AREA};
	struct scheme_needs needs;

	scheme_needs(&compound_scheme, &setup, &needs);
	require(needs.dram_bytes <= sizeof(dram));
	scheme = scheme_begin(&compound_scheme, &setup, dram);
	require(scheme_pin(scheme, pfn(PAGES_PER_AREA + 1), &page) == 0);
	expect_panic_apart(unpin_twice, "is not pinned");
	expect_panic_apart(unpin_written_twice, "is not pinned");
	expect_panic_apart(unlock, "the frame at 0x200000 is unlocked that is not locked");
}

/* A page that holds as many pins as fit takes no more, and loses none. */
TEST(schemes_misuse, two_levels_refuse_full_counts)
{
	struct scheme_page *more;
	unsigned pins = 1;

	begin(&two_level_scheme);
	while (scheme_pin(scheme, scheme->start, &more) == 0)
		pins++;
	expect_eq(pins, PAGE_PINS_MAX);
	expect_eq(scheme_pin(scheme, scheme->start, &more), -EOVERFLOW);
	while (pins-- > 0)
		scheme_unpin(scheme, page, SCHEME_CLEAN);
}

/* Two levels describe what the page map does, in one region. */
TEST(schemes_misuse, two_levels_stay_in_a_region)
{
	const struct region *region = page_map_regions(&(size_t){0});
	struct scheme_setup beyond = {.start = region->start, .frames = region_frames(region) + 1};
	struct scheme_setup nowhere = {.start = pfn(PFN_LIMIT), .frames = 1};
	struct scheme instance;

	expect(scheme_begin(&two_level_scheme, &beyond, &instance) == NULL);
	expect(scheme_begin(&two_level_scheme, &nowhere, &instance) == NULL);
	beyond.frames--;
	expect(scheme_begin(&two_level_scheme, &beyond, &instance) == &instance);
	scheme_end(&instance);
}

/* The same of pages of a pool. */
TEST(schemes_misuse, dynamic_panics)
{
	begin(&dynamic_scheme);
	expect_panic_apart(unpin_twice, "is not pinned");
	expect_panic_apart(unpin_written_twice, "is not pinned");
	expect_panic_apart(unlock, "is not locked");
}

static void unpin_the_page(void)
{
	scheme_unpin(scheme, scheme_find(scheme, scheme->start), SCHEME_CLEAN);
}

/* The same of proxies; and a page that is taken for a proxy is told from one. */
TEST(schemes_misuse, proxy_panics)
{
	begin(&proxy_scheme);
	expect_panic_apart(unpin_twice, "a proxy is unpinned that is not pinned");
	expect_panic_apart(unlock, "is not locked");
	expect_panic_apart(unpin_the_page, "a plain page is unpinned like a proxy");
}
