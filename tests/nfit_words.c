/* SPDX-License-Identifier: BSD-2-Clause */
/* What the numbers of an NFIT stand for: types of ranges, places, flags, interleave sets. */
#include "drivers/interleave_set.h"
#include "drivers/nfit.h"
#include "tests/firmware.h"
#include "tests/test.h"

/* Each GUID of the specification is known by its type, and any other by none. */
TEST(nfit, guids_have_types)
{
	static const struct {
		const char *guid;
		enum nfit_range_type type;
		const char *name;
	} cases[] = {
		{GUID_VOLATILE, NFIT_VOLATILE, "volatile"},
		{GUID_PERSISTENT, NFIT_PERSISTENT, "persistent"},
		{GUID_CONTROL_REGION, NFIT_CONTROL_REGION, "control-region"},
		{GUID_BLOCK_WINDOW, NFIT_BLOCK_WINDOW, "block-window"},
		{GUID_VOLATILE_DISK, NFIT_VOLATILE_DISK, "volatile-disk"},
		{GUID_VOLATILE_CD, NFIT_VOLATILE_CD, "volatile-cd"},
		{GUID_PERSISTENT_DISK, NFIT_PERSISTENT_DISK, "persistent-disk"},
		{GUID_PERSISTENT_CD, NFIT_PERSISTENT_CD, "persistent-cd"},
		{"66f0d379-b4f3-4074-ac43-0d3318b78cdc", NFIT_UNKNOWN_RANGE, "unknown"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t guid[16];

		guid_bytes(cases[i].guid, guid);
		expect_eq(nfit_range_type(guid), cases[i].type);
		expect_str(nfit_range_type_name(cases[i].type), cases[i].name);
	}
}

/* A handle tells where the NVDIMM sits. */
TEST(nfit, handle_is_a_place)
{
	struct nfit_place place = nfit_place(0xabc1234);

	expect_eq(place.node, 0xabc);
	expect_eq(place.socket, 1);
	expect_eq(place.controller, 2);
	expect_eq(place.channel, 3);
	expect_eq(place.dimm, 4);
}

/* Flags have the words that Linux shows for them. */
TEST(nfit, flags_have_words)
{
	expect_str(nfit_flag_name(0), "save_fail");
	expect_str(nfit_flag_name(3), "not_armed");
	expect_str(nfit_flag_name(6), "map_fail");
	expect_str(nfit_flag_name(7), "reserved");
}

/* The cookies of interleave sets are those that Linux computes. */
TEST(nfit, cookies_are_those_of_linux)
{
	/* The sets of Linux's simulated bus, members in the order of its table. */
	struct interleave_member two[] = {{0x1, 0xffffffff, 0xabcd, 0xe007, 0x0a},
					  {0x100, 0xfffffffe, 0xabcd, 0xe007, 0x0a}};
	struct interleave_member four[] = {{0x10000, 0xffffffff, 0xabcd, 0xe007, 0x0a},
					   {0x1000000, 0xfffffffe, 0xabcd, 0xe007, 0x0a},
					   {0x100000000, 0xfffffeff, 0xabcd, 0xe007, 0x0a},
					   {0x10000000000, 0xfffffefe, 0xabcd, 0xe007, 0x0a}};
	/* QEMU's first NVDIMM, as ndctl shows it. */
	struct interleave_member qemu[] = {{0, 0x123456, 0x8086, 0, 0}};

	expect_eq(interleave_cookie(COOKIE_V1_1, two, 2), 0x3fe000000fe);
	expect_eq(interleave_cookie(COOKIE_V1_2, two, 2), 0x40e62f0cc00f58ac);
	expect_eq(interleave_cookie(COOKIE_V1_1_BYTE_ORDER, two, 2), 0x7f6000000fe);
	expect_eq(interleave_cookie(COOKIE_V1_1, four, 4), 0xc0ffadb0100fefb);
	expect_eq(interleave_cookie(COOKIE_V1_2, four, 4), (long long)0xa76c6907811fae57);
	expect_eq(interleave_cookie(COOKIE_V1_1_BYTE_ORDER, four, 4), 0x803f6d70100fefb);
	expect_eq(interleave_cookie(COOKIE_V1_1, qemu, 1), 0x2468ac00123456);
	expect_eq(interleave_cookie(COOKIE_V1_2, qemu, 1), 0xba90120012b4dc);
}
