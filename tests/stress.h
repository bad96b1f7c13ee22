/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the CPUs of the stress tests have, by their own books. Each CPU writes only its own journal
 * while all work; at a quiet point CPU 0 compares them all with the descriptors.
 *
 * Three kinds of memory take part:
 *
 *	shared areas   allocated by the test: all CPUs pin, lock, dirty, split, collapse, poison
 *	pool           a few free areas that all CPUs allocate from and give back to, while others
 *	               pin, lock, split, collapse and poison them
 *	the rest       is hoarded by the test, so that the pool soon runs out
 *
 * Owners in descriptors tell whose a page is: OWNER_SHARED of a shared area, with OWNER_LOCKED
 * while somebody has its lock, the stamp of whoever allocated it, or 0.
 */
#pragma once

#include <stdatomic.h>

#include "mm/page.h"
#include "mm/region.h"
#include "mm/types.h"

enum {
	STRESS_CPUS_MAX = 16, /* that work; on a larger machine the others watch */
	SHARED_MAX = 8,
	POOL_MAX = MEMORY_KINDS * (STRESS_CPUS_MAX + 4),
	PINS_MAX = 8,
	RUNS_MAX = 96, /* more than a row has */
	SLOTS = 8,
};

#define OWNER_SHARED 0x80000000u
#define OWNER_LOCKED 0x40000000u

/* A pin, and perhaps the lock, of a page. */
struct held_pin {
	struct page *page;
	struct page_info then; /* right after the page was pinned */
	uint32_t owner;        /* that was set by whoever has the lock */
	uint32_t count;        /* of the page, when it was locked */
	bool locked;
};

/* Memory from the frame allocator. */
struct run {
	pfn_t start;
	size_t size;
	uint32_t stamp; /* no other run's: in the descriptors, and in the memory if it is DRAM */
	bool unstamped; /* a page of it was out of use, and has another owner in its descriptor */
};

struct journal {
	uint64_t random;
	uint64_t operations;
	size_t pins_wanted, nr_pins;
	struct held_pin pins[PINS_MAX];
	size_t runs_wanted, nr_runs;
	struct run runs[RUNS_MAX];
	uint32_t stamps; /* given out */
	pfn_t poisoned;  /* by this CPU; NO_FRAME: none */
} __attribute__((aligned(64)));

#define NO_FRAME pfn(UINT64_MAX)

/*
 * How often a frame of an area began to be poisoned, and was healed: a page there may be out of use
 * only if the one is ahead of the other. Each CPU poisons frames of its own.
 */
struct poisonings {
	atomic_uint begun, ended;
};

/* A shared area. `counts` and `dirty` belong to whoever has the lock of the frame's page. */
struct shared {
	pfn_t start;
	uint32_t owner;
	uint32_t counts[PAGES_PER_AREA]; /* times that a frame was locked for */
	bool dirty[PAGES_PER_AREA];      /* marked, and not cleared since */
	struct poisonings poisonings;
};

struct pool_area {
	pfn_t start;
	struct poisonings poisonings;
};

struct stress {
	unsigned cpus;
	struct journal journals[STRESS_CPUS_MAX];
	struct shared shared[SHARED_MAX];
	size_t nr_shared;
	struct pool_area pool[POOL_MAX];
	size_t nr_pool;
	_Atomic uint64_t slots[SLOTS];      /* runs on their way to another CPU, or 0 */
	uint64_t frames_free[MEMORY_KINDS]; /* when nobody had anything */
	uint64_t other_pins;                /* then: of drivers, which keep them */
};

extern struct stress stress;

/* The shared area that holds the frame, or NULL: it is of the pool. */
struct shared *shared_of(pfn_t frame);

/* Of the area that holds the frame. */
struct poisonings *poisonings_of(pfn_t frame);

/* A run that is stamped, as a slot has it; the stamp has 29 bits. */
uint64_t run_to_slot(const struct run *);
struct run slot_to_run(uint64_t slot);

/* Frames that are free, or tables of areas: nothing but runs and poison change their number. */
uint64_t stress_frames_free(enum memory_kind);

/* Whether a page is what its pin promises, by a look at its descriptor. Fails the test if not. */
void check_pin(const struct held_pin *);

/* Whether a run is what its owner left. Fails the test if not. */
void check_run(const struct run *);

/*
 * Compares all journals with all descriptors, while nobody changes either. `flushed`: no CPU has
 * memory at hand.
 */
void stress_compare(bool flushed);

/* One operation of the CPU that calls it, by random numbers of its journal. */
void stress_operate(struct journal *);

/* Returns a pin, and the lock with it. */
void stress_unpin(struct journal *, size_t which);

/* Heals what the CPU poisoned. */
void stress_heal(struct journal *);

/* Frees a run. False: somebody has a page of it pinned. */
bool stress_give_back(struct journal *, size_t which);
