/* SPDX-License-Identifier: BSD-2-Clause */
/* What can be wrong with a BTT on a medium, and how it is said. */
#pragma once

#include "mm/types.h"

enum btt_fault_kind {
	BTT_FAULT_NONE,
	BTT_FAULT_RANGE,          /* the memory is no part of one persistent region, or too small */
	BTT_FAULT_READ_ONLY,      /* something is to be written that may not be */
	BTT_FAULT_UNREADABLE,     /* the medium is bad there */
	BTT_FAULT_INFO_SIGNATURE, /* no info block */
	BTT_FAULT_INFO_CHECKSUM,
	BTT_FAULT_INFO_VERSION, /* major << 16 | minor */
	BTT_FAULT_INFO_FIELD,   /* `field` cannot be so */
	BTT_FAULT_INFO_FOREIGN, /* `field` differs from the first arena's */
	BTT_FAULT_INFO_DIFFERS, /* both info blocks are good and not the same, from `at` on */
	BTT_FAULT_TOO_MANY_ARENAS,
	BTT_FAULT_LOG_LAYOUT,   /* entries of a group are used that do not go together */
	BTT_FAULT_LOG_SEQUENCE, /* none of two entries is the newer one: sequence numbers */
	BTT_FAULT_LOG_SECTOR,
	BTT_FAULT_LOG_BLOCK,
	BTT_FAULT_LOG_PENDING, /* no damage: a write that only its map entry is missing of */
	BTT_FAULT_MAP_BLOCK,   /* an entry names a block that the arena does not have */
	BTT_FAULT_BLOCK_TWICE, /* a block is named by two of map and log */
	BTT_FAULT_BLOCK_LOST,  /* a block is named by none of them */
	BTT_FAULTS,
};

struct btt_fault {
	enum btt_fault_kind kind;
	unsigned arena;
	uint64_t at;       /* bytes from the start of the BTT's memory */
	uint64_t found;    /* of a block: its number */
	uint64_t expected; /* or the limit that it should keep to */
	const char *field; /* of an info block, as drivers/btt_layout.h has it; or NULL */
};

/* One word: "info-checksum". */
const char *btt_fault_name(enum btt_fault_kind);

/* A whole line about it: where, what, found, expected, and what can be done. */
enum { BTT_FAULT_TEXT_MAX = 240 };
void btt_fault_text(const struct btt_fault *, char text[BTT_FAULT_TEXT_MAX]);
