/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio block device for tests, whose registers are ordinary memory: it agrees to whatever is
 * written there, and says what a test puts there. Both halves of its features are one register, so
 * that they are the same. Its requests a test answers by virtio_device.h. There is one.
 */
#pragma once

#include "drivers/virtio_disk.h"
#include "mm/compiler.h"
#include "tests/harness/pci_space.h"
#include "tests/harness/virtio_device.h"

enum {
	FAKE_BLK_BAR_BYTES = 0x4000,
	FAKE_BLK_CONFIG_AT = 0x1000,
	FAKE_BLK_NOTIFY_AT = 0x2000,
	FAKE_BLK_QUEUE_SIZE = 32,
	FAKE_BLK_CAPACITY = 1000,
};

/* Its capabilities, by where they are in its configuration space. */
enum {
	FAKE_BLK_COMMON_CAPABILITY = 0x40,
	FAKE_BLK_CONFIG_CAPABILITY = 0x60,
	FAKE_BLK_NOTIFY_CAPABILITY = 0x80,
};

/* Its features, as bits of either half. */
enum {
	FAKE_BLK_VERSION_1 = 1 << 0,
	FAKE_BLK_SIZE_MAX = 1 << 1,
	FAKE_BLK_SEG_MAX_AND_PACKED = 1 << 2,
	FAKE_BLK_RO = 1 << 5,
	FAKE_BLK_BLK_SIZE = 1 << 6,
	FAKE_BLK_FLUSH = 1 << 9,
	FAKE_BLK_WCE = 1 << 11,
	FAKE_BLK_MQ = 1 << 12,
	FAKE_BLK_INDIRECT = 1 << 28,
};

/* What is wrong with it. */
enum fake_blk_fault {
	FAKE_BLK_SOUND,
	FAKE_BLK_ALL_ONES,  /* its status reads so */
	FAKE_BLK_ALL_ZEROS, /* ... or so */
	FAKE_BLK_NEVER_RESET,
	FAKE_BLK_NO_AGREEMENT, /* on features */
	FAKE_BLK_NEVER_STARTS,
};

extern struct fake_blk {
	struct fake_function *function; /* in a configuration space of its own */
	struct virtio_common *common;   /* its registers */
	struct virtio_blk_config *config;
	char *registers; /* all FAKE_BLK_BAR_BYTES of them */
	enum fake_blk_fault fault;
	struct virtio_device device; /* its side of the ring */

	/* The driver's. */
	struct virtio_disk disk;
	struct virtio_disk_queue queue;
} fake_blk;

/* A device with these features, as good as new, and nobody's yet. */
void fake_blk_create(uint32_t features);

/* Its capability at an offset, and one more there, which leads to `next`. */
struct virtio_pci_capability *fake_blk_capability(unsigned at);
void fake_blk_add_capability(unsigned at, unsigned next, enum virtio_pci_type, uint32_t offset,
			     uint32_t length);

/* Starts the driver on it, as virtio_disk_open(). */
int fake_blk_open(void) must_check;

/* Creates it and starts the driver; leaves the test if that fails. */
void fake_blk_begin(uint32_t features);

/* Stops the driver, also after it was not started, and frees its memory. */
void fake_blk_close(void);
