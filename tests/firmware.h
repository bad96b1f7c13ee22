/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes firmware tables, and machines to put them into. */
#pragma once

#include "drivers/inventory.h"
#include "mm/types.h"

/* GUIDs of ranges as the specification writes them (ACPI 6.5, 5.2.25.2). */
#define GUID_VOLATILE        "7305944f-fdda-44e3-b16c-3f22d252e5d0"
#define GUID_PERSISTENT      "66f0d379-b4f3-4074-ac43-0d3318b78cdb"
#define GUID_CONTROL_REGION  "92f701f6-13b4-405d-910b-299367e8234c"
#define GUID_BLOCK_WINDOW    "91af0530-5d86-470e-a6b0-0a2db9408249"
#define GUID_VOLATILE_DISK   "77ab535a-45fc-624b-5560-f7b281d1f96e"
#define GUID_VOLATILE_CD     "3d5abd30-4175-87ce-6d64-d2ade523c4bb"
#define GUID_PERSISTENT_DISK "5cea02c9-4d07-69d3-269f-4496fbe096f9"
#define GUID_PERSISTENT_CD   "08018188-42cd-bb48-100f-5387d53ded3d"

/* The first three groups are little-endian in memory, the others are in the order of the text. */
void guid_bytes(const char *text, uint8_t guid[16]);

/* A table that grows; its length and checksum are always right. */
struct firmware {
	uint8_t bytes[2048];
	size_t length;
};

/* `header_bytes` includes the fields after the common header; those are 0. */
void firmware_begin(struct firmware *, const char *signature, uint8_t revision,
		    size_t header_bytes);
void firmware_add(struct firmware *, const void *record, size_t bytes);

/* Makes length and checksum right again after the bytes were changed. */
void firmware_seal(struct firmware *);

void nfit_begin(struct firmware *);
void nfit_add_range(struct firmware *, uint16_t index, const char *guid, uint64_t start,
		    uint64_t length);
void nfit_add_mapping(struct firmware *, uint32_t handle, uint16_t range, uint64_t size,
		      uint16_t flags);
/* At most 16 addresses. */
void nfit_add_hints(struct firmware *, uint32_t handle, const uint64_t *addresses, uint16_t nr);
/* A range of one NVDIMM, its mapping and its control region; handle and serial are the index. */
void nfit_add_nvdimm(struct firmware *, uint16_t index, uint64_t start, uint64_t length);

/* A machine's memory map and tables. */
struct machine {
	struct memory_range map[32];
	struct memory_range used[4];
	struct inventory_sources sources;
};

/*
 * A PC with 128 MiB of RAM, of which the first MiB and [2 MiB, 4 MiB) are in use, 40 address bits,
 * and no tables.
 */
void machine_begin(struct machine *);
void machine_add_memory(struct machine *, uint64_t start, uint64_t length, uint32_t type);

/* The inventory of a machine, valid until the next one is built or the test is over. */
const struct inventory *machine_build(const struct machine *);

/* The machine_begin() machine with these tables; NULL: none. */
const struct inventory *machine_with(const char *nfit, const char *srat);

/* NULL, or which rule the inventory breaks, whatever firmware said. */
const char *machine_check(const struct machine *, const struct inventory *);

/* The persistent region of this number; leaves the test if there is none. */
const struct region *persistent_region(const struct inventory *, size_t number);
size_t persistent_regions(const struct inventory *);

/* The first refusal for this reason, or NULL. */
const struct refusal *find_refusal(const struct inventory *, enum refusal_reason);
