/* SPDX-License-Identifier: BSD-2-Clause */
/* A BTT whose memory turns out to be bad while another CPU works with it. */
#include <errno.h>

#include "mm/bad_lines.h"
#include "mm/host.h"
#include "mm/page.h"
#include "tests/btt_case.h"
#include "tests/host/damage.h"

enum { SECTOR = 128 };

static pfn_t frame;

static void leave(void *unused)
{
	(void)unused;
	damage_end();
	btt_case_close();
	expect_eq(bad_lines_remove(frame, LINES_ALL), 0);
	expect_eq(page_collapse(frame), 0);
}

static void write_the_sector(void)
{
	expect_eq(btt_case_stamp(SECTOR, 2), 0);
}

/* A sector that was written while it was read in vain is not said to be bad. */
TEST(btt_damage, written_sector_is_not_marked)
{
	unsigned char data[512];
	uint64_t at = BTT_INFO_BYTES + SECTOR * sizeof(data);

	btt_case_begin(BTT_VERSION_2_0, sizeof(data));
	frame = phys_to_pfn(phys_add(pfn_to_phys(btt_place.start), at));
	test_cleanup(leave, NULL);
	damage(phys_add(pfn_to_phys(btt_place.start), at), DAMAGE_UNTIL_STORED);
	damage_meanwhile(write_the_sector);
	expect_eq(btt_case_read(SECTOR, data), -EIO);
	expect_eq(damage_met(), 1);
	btt_case_expect(SECTOR, 2);
}
