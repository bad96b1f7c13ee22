/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * QEMU's educational device: the smallest engine for DMA there is. It moves bytes between memory
 * and a buffer of its own, one transfer at a time, and takes 100 ms for each.
 *
 * It reaches only some address bits, the lowest 28 unless it is told otherwise, and does not say
 * which; an address beyond goes somewhere else without a word. So the driver finds out by
 * transfers to memory of its own, and refuses what it has not seen the device reach.
 *
 * Whoever gives a segment holds the pins on it until the transfer is over. One CPU at a time.
 */
#pragma once

#include "drivers/devices.h"
#include "mm/compiler.h"
#include "mm/segment.h"
#include "mm/types.h"

extern const struct pci_driver edu_driver;

struct edu;

/* The next one after this (NULL: the first), or NULL. */
struct edu *edu_next(const struct edu *after);

const struct pci_function *edu_function(const struct edu *);

/* Addresses below this one are reached. */
phys_t edu_reach(const struct edu *);

/* Whether its liveness register complements a value. */
bool edu_complements(struct edu *, uint32_t value);

/* The factorial, modulo 2^32. -ETIMEDOUT, -ENODEV. */
int edu_factorial(struct edu *, uint32_t number, uint32_t *result) must_check;

enum edu_direction {
	EDU_FROM_MEMORY, /* into the buffer */
	EDU_TO_MEMORY,
};

/* Bytes of the buffer: QEMU before 8.2 ends itself when a transfer reaches the last one. */
enum { EDU_BYTES = 4095 };

/*
 * Starts a transfer between the segment and the buffer from byte `at` on.
 * -EINVAL: no bytes, or more than the buffer has. -ERANGE: memory that the device is not known to
 * reach; the report says so. -EBUSY: one is under way. -ENODEV: the device is gone or was given up.
 */
int edu_start(struct edu *, enum edu_direction, struct segment, size_t at) must_check;

/* 0: the transfer is over. -EINPROGRESS, or -ENODEV: the device is gone, and so is its DMA. */
int edu_poll(struct edu *) must_check;

/*
 * Polls until the transfer is over, for so long at most. -ETIMEDOUT: it was not; the device's bus
 * mastering is off, so that memory is safe from it, and it is given up. -ENODEV.
 */
int edu_wait(struct edu *, uint64_t nanoseconds) must_check;

/* Transfers segments one after the other, between memory and the buffer from its start on. */
int edu_transfer(struct edu *, enum edu_direction, const struct segment *, size_t nr) must_check;

/* Takes a device that was given up into use again. -ENODEV, -ETIMEDOUT: it does not work. */
int edu_restart(struct edu *) must_check;
