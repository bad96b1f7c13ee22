/* SPDX-License-Identifier: BSD-2-Clause */
/* Stamped sectors: a wrong one must be noticed, and called by what happened to it. */
#include "tests/harness/stamp.h"
#include "tests/test.h"

#include <string.h>

static const struct stamp_id id = {.device = 3, .generation = 7, .sector = 1000};

static uint64_t sector[STAMP_SIZE / sizeof(uint64_t)];

static void expect_finding(const char *word)
{
	const char *found = stamp_check(sector, id);

	if (!found || !strstr(found, word))
		fail("expected a sector that is %s, found: %s", word, found ? found : "nothing");
}

/* What was written is recognised. */
TEST(stamp, whole_sector_is_good)
{
	stamp_write(sector, id);
	expect(stamp_check(sector, id) == NULL);
}

/* A sector from elsewhere is misplaced, whichever coordinate differs. */
TEST(stamp, sector_from_elsewhere_is_misplaced)
{
	stamp_write(sector, (struct stamp_id){3, 7, 1001});
	expect_finding("misplaced, is sector 1001 of device 3");
	stamp_write(sector, (struct stamp_id){4, 7, 1000});
	expect_finding("misplaced, is sector 1000 of device 4");
}

/* The sector's own earlier contents are stale. */
TEST(stamp, earlier_write_is_stale)
{
	stamp_write(sector, (struct stamp_id){3, 6, 1000});
	expect_finding("stale, expected generation 7, found 6");
}

/* Parts of two writes are torn, wherever the border is. */
TEST(stamp, parts_of_two_writes_are_torn)
{
	uint64_t older[ARRAY_SIZE(sector)];

	stamp_write(older, (struct stamp_id){3, 6, 1000});
	for (size_t words = 2; words < ARRAY_SIZE(sector); words++) {
		stamp_write(sector, id);
		memcpy(sector + words, older + words, sizeof(sector) - words * sizeof(older[0]));
		expect_finding("torn");
	}
}

/* No byte can change unnoticed. */
TEST(stamp, every_byte_counts)
{
	stamp_write(sector, id);
	for (size_t i = 0; i < sizeof(sector); i++) {
		((unsigned char *)sector)[i] ^= 1;
		if (stamp_check(sector, id) == NULL)
			fail("byte %zu changed unnoticed", i);
		((unsigned char *)sector)[i] ^= 1;
	}
	expect(stamp_check(sector, id) == NULL);
}

/* Memory that never was a stamp is told apart from one that broke. */
TEST(stamp, zeros_are_unwritten)
{
	memset(sector, 0, sizeof(sector));
	expect_finding("unwritten");
}
