/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/tables.h"

#include "mm/compiler.h"
#include "tests/test.h"

#include <string.h>

/* Assembled in the project's root, where make runs. */
#define TABLE(symbol, kind)                                            \
	__asm__(".pushsection .rodata\n"                               \
		".balign 16\n"                                         \
		"table_" #symbol "_" #kind ":\n"                       \
		".incbin \"tests/tables/" #symbol "." #kind ".bin\"\n" \
		"table_" #symbol "_" #kind "_end:\n"                   \
		".popsection");                                        \
	extern const uint8_t table_##symbol##_##kind[], table_##symbol##_##kind##_end[];

#define ENTRY(symbol, kind) \
	{#symbol "." #kind, table_##symbol##_##kind, table_##symbol##_##kind##_end},

/* clang-format off */
#define TABLES(X) \
	X(bad_checksum, nfit) \
	X(caps_highest31, nfit) \
	X(flag_not_armed, nfit) \
	X(flush_count_overrun, nfit) \
	X(many_spas_1024, nfit) \
	X(memdev_unknown_spa, nfit) \
	X(nfit_test0_after_hotplug, nfit) \
	X(nfit_test0_blk, nfit) \
	X(nfit_test0_pmem_only, nfit) \
	X(nfit_test1, nfit) \
	X(ok_2way_interleave_4k, nfit) \
	X(ok_caps_eadr, nfit) \
	X(ok_caps_masked, nfit) \
	X(ok_minimal, nfit) \
	X(ok_pdisk_overlaps_pm, nfit) \
	X(ok_spa64_cookie_acpi64, nfit) \
	X(pm_not_2M_aligned, nfit) \
	X(pm_wraps_64bit, nfit) \
	X(q35_1x128M, nfit) \
	X(q35_1x128M, srat) \
	X(q35_1x128M_cpu, nfit) \
	X(q35_1x128M_label128K, nfit) \
	X(q35_1x128M_memctrl, nfit) \
	X(q35_1x128M_unarmed, nfit) \
	X(q35_2node, nfit) \
	X(q35_2node, srat) \
	X(q35_4x_mixed, nfit) \
	X(q35_4x_mixed, srat) \
	X(q35_8x64M, nfit) \
	X(q35_mixed_pcdimm, nfit) \
	X(q35_mixed_pcdimm, srat) \
	X(spa_overlap, nfit) \
	X(struct_past_end, nfit) \
	X(unknown_type_middle, nfit) \
	X(zero_length_struct, nfit)
/* clang-format on */

TABLES(TABLE)

static const struct {
	const char *name;
	const uint8_t *start, *end;
} files[] = {TABLES(ENTRY)};

struct table table_at(size_t index)
{
	if (index >= ARRAY_SIZE(files))
		return (struct table){NULL, NULL, 0};
	return (struct table){files[index].name, files[index].start,
			      (size_t)(files[index].end - files[index].start)};
}

struct table table_named(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (strcmp(files[i].name, name) == 0)
			return table_at(i);
	}
	test_abort(__FILE__, __LINE__, "there is no table %s", name);
}

bool table_is_nfit(struct table table)
{
	return memcmp(table.bytes, "NFIT", 4) == 0;
}
