/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block translation table (BTT) as it lies on the medium (UEFI 2.10, 6.2 "Block Translation
 * Table (BTT) Layout"). All numbers are little-endian, all offsets are from the arena's start.
 *
 *	+----------+--------------------+-------------+---------+----------+
 *	| info     | data blocks        | map         | log     | info     |
 *	| 4 KiB    |                    | 4 B/sector  | 64 B    | copy     |
 *	+----------+--------------------+-------------+---------+----------+
 *
 * An arena is 16 MiB ... 512 GiB; what is larger has one after the other. There are more data
 * blocks than sectors: one for each lane of the log, free to be written while nobody reads it.
 */
#pragma once

#include "mm/types.h"

enum {
	BTT_INFO_BYTES = 4096,
	BTT_LANES = 256, /* that a new arena has, and the most that are taken from a medium */
	BTT_VERSION_1_1_START = 4096, /* where its first arena begins; version 2.0: at 0 */
};

#define BTT_ARENA_MIN (16ull << 20)
#define BTT_ARENA_MAX (512ull << 30)
#define BTT_SIGNATURE "BTT_ARENA_INFO\0" /* and the terminator: 16 bytes */

enum btt_info_flags {
	BTT_INFO_ERROR = 1 << 0, /* no sector of the arena may be written any more */
};

struct btt_info {
	char signature[16];
	uint8_t uuid[16];
	uint8_t parent_uuid[16]; /* of the namespace; zeros where it has none */
	uint32_t flags;          /* of enum btt_info_flags */
	uint16_t major;
	uint16_t minor;
	uint32_t sector_bytes; /* as the user sees them, metadata included */
	uint32_t sectors;
	uint32_t block_bytes; /* of the data area: sector_bytes, rounded up */
	uint32_t blocks;
	uint32_t lanes; /* blocks - sectors */
	uint32_t info_bytes;
	uint64_t next_arena; /* 0: this is the last one */
	uint64_t data;
	uint64_t map;
	uint64_t log;
	uint64_t copy; /* of this structure */
	uint8_t unused[3968];
	uint64_t checksum; /* Fletcher-64 of all, this field being 0 */
};

_Static_assert(sizeof(struct btt_info) == BTT_INFO_BYTES, "");
_Static_assert(offsetof(struct btt_info, uuid) == 16, "");
_Static_assert(offsetof(struct btt_info, parent_uuid) == 32, "");
_Static_assert(offsetof(struct btt_info, flags) == 48, "");
_Static_assert(offsetof(struct btt_info, major) == 52, "");
_Static_assert(offsetof(struct btt_info, minor) == 54, "");
_Static_assert(offsetof(struct btt_info, sector_bytes) == 56, "");
_Static_assert(offsetof(struct btt_info, sectors) == 60, "");
_Static_assert(offsetof(struct btt_info, block_bytes) == 64, "");
_Static_assert(offsetof(struct btt_info, blocks) == 68, "");
_Static_assert(offsetof(struct btt_info, lanes) == 72, "");
_Static_assert(offsetof(struct btt_info, info_bytes) == 76, "");
_Static_assert(offsetof(struct btt_info, next_arena) == 80, "");
_Static_assert(offsetof(struct btt_info, data) == 88, "");
_Static_assert(offsetof(struct btt_info, map) == 96, "");
_Static_assert(offsetof(struct btt_info, log) == 104, "");
_Static_assert(offsetof(struct btt_info, copy) == 112, "");
_Static_assert(offsetof(struct btt_info, unused) == 120, "");
_Static_assert(offsetof(struct btt_info, checksum) == 4088, "");

/*
 * A map entry says which block holds a sector: two marks and 30 bits of a block's number.
 *
 *	marks		the sector
 *	none		was never written: it is in the block of its own number
 *	both		is in this block
 *	zero		reads as zeros; the block stays its own
 *	error		cannot be read; writing makes it good
 */
#define BTT_MAP_ZERO        (1u << 31)
#define BTT_MAP_ERROR       (1u << 30)
#define BTT_MAP_MARKS       (BTT_MAP_ZERO | BTT_MAP_ERROR)
#define BTT_MAP_BLOCK       (~BTT_MAP_MARKS)
#define BTT_MAP_ENTRY_BYTES 4u

/*
 * The log has a group for each lane, and a group has room for four entries, of which two are used:
 * 0 and 1, or 0 and 2 as Linux before 4.15 did. A lane writes them in turn. `sequence` goes 1, 2,
 * 3, 1 ...; 0 was never written.
 */
struct btt_log_entry {
	uint32_t sector;
	uint32_t old_block; /* that the sector was in, with the map's marks where it had an error */
	uint32_t new_block;
	uint32_t sequence;
};

enum { BTT_LOG_SLOTS = 4 };

struct btt_log_group {
	struct btt_log_entry slots[BTT_LOG_SLOTS];
};

_Static_assert(sizeof(struct btt_log_entry) == 16, "");
_Static_assert(offsetof(struct btt_log_entry, old_block) == 4, "");
_Static_assert(offsetof(struct btt_log_entry, new_block) == 8, "");
_Static_assert(offsetof(struct btt_log_entry, sequence) == 12, "");
_Static_assert(sizeof(struct btt_log_group) == 64, "");
