/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small BTT for a test: it lies in one area of a persistent region that may be written, with
 * arenas of half a MiB, and goes away with the test. Whatever may be written was junk before.
 */
#pragma once

#include "drivers/btt.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

enum { BTT_CASE_ARENA_BYTES = 512 << 10 };

extern struct btt btt_case;         /* the open one */
extern struct btt_medium btt_place; /* where it is */

/* The sector sizes that there are; the last one is 0. */
extern const uint32_t btt_sector_sizes[];

/* Takes memory for a BTT with arenas of `arena_max` bytes at most. Skips without such memory. */
void btt_case_take(uint64_t arena_max);

/* Makes an empty BTT there and opens it. Leaves the test when that cannot be done. */
void btt_case_make(enum btt_version, uint32_t sector_bytes);

/* Both, with the usual arenas of a case. */
void btt_case_begin(enum btt_version, uint32_t sector_bytes);

/* Closes the BTT if it is open, and opens it. */
void btt_case_open(enum btt_access);
void btt_case_close(void);

/* Opens it to fail, with this error and this fault. */
void btt_case_refused(enum btt_access, int error, enum btt_fault_kind);

/* One of the BTT's own sectors, device.block_size bytes long, by a bio. Returns its error. */
int btt_case_write(uint64_t sector, const void *data);
int btt_case_read(uint64_t sector, void *data);

/* A sector that is stamped with its number and a generation, device.block_size bytes long. */
void btt_case_fill(void *data, uint64_t sector, uint32_t generation);

/* The same of a stamp: which sector it is, and of which generation. */
int btt_case_stamp(uint64_t sector, uint32_t generation);
void btt_case_expect(uint64_t sector, uint32_t generation);

/* The checker finds nothing wrong, and so many writes whose last step is missing. */
void btt_case_expect_sound(uint64_t pending);

bool btt_case_is_all(const void *bytes, uint8_t value, size_t length);

/* How many of its own sectors the open BTT has. */
uint64_t btt_case_sectors(void);

/* A byte of the medium, and what an arena has there. */
void *btt_case_at(uint64_t at);
struct btt_info *btt_case_info(unsigned arena);
struct btt_info *btt_case_copy(unsigned arena);
uint32_t *btt_case_map(unsigned arena, uint32_t sector);
struct btt_log_group *btt_case_log(unsigned arena, uint32_t lane);
