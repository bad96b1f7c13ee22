/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Layouts of virtio devices on PCI (Virtual I/O Device 1.2), little-endian: their capabilities,
 * their registers, both kinds of ring, and what a block device adds to each.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* --- 4.1.2, 4.1.4: the device on its bus. --- */

enum {
	VIRTIO_VENDOR = 0x1af4,
	VIRTIO_BLK_DEVICE = 0x1042,
	VIRTIO_BLK_TRANSITIONAL = 0x1001,
};

enum virtio_pci_type {
	VIRTIO_PCI_COMMON = 1,
	VIRTIO_PCI_NOTIFY = 2,
	VIRTIO_PCI_ISR = 3,
	VIRTIO_PCI_DEVICE = 4,
	VIRTIO_PCI_ACCESS = 5,
};

/* 4.1.4, a vendor-specific capability: `length` bytes at `offset` of a BAR. */
struct virtio_pci_capability {
	uint8_t id;
	uint8_t next;
	uint8_t bytes; /* of this structure */
	uint8_t type;
	uint8_t bar;
	uint8_t number; /* of several of one type */
	uint8_t padding[2];
	uint32_t offset;
	uint32_t length;
	uint32_t notify_multiplier; /* VIRTIO_PCI_NOTIFY alone */
};

_Static_assert(offsetof(struct virtio_pci_capability, bytes) == 2, "capability");
_Static_assert(offsetof(struct virtio_pci_capability, type) == 3, "capability");
_Static_assert(offsetof(struct virtio_pci_capability, bar) == 4, "capability");
_Static_assert(offsetof(struct virtio_pci_capability, offset) == 8, "capability");
_Static_assert(offsetof(struct virtio_pci_capability, length) == 12, "capability");
_Static_assert(offsetof(struct virtio_pci_capability, notify_multiplier) == 16, "capability");
_Static_assert(sizeof(struct virtio_pci_capability) == 20, "capability");

enum { VIRTIO_BARS = 6 }; /* higher numbers are reserved, and such capabilities ignored */

/* 4.1.4.3. Addresses are written in two halves of 32 bits. */
struct virtio_common {
	uint32_t device_feature_select;
	uint32_t device_feature;
	uint32_t driver_feature_select;
	uint32_t driver_feature;
	uint16_t config_vector;
	uint16_t nr_queues;
	uint8_t status;
	uint8_t config_generation;
	uint16_t queue_select;
	uint16_t queue_size;
	uint16_t queue_vector;
	uint16_t queue_enable;
	uint16_t queue_notify_offset; /* in units of the multiplier */
	uint64_t queue_descriptors;
	uint64_t queue_driver;
	uint64_t queue_device;
};

_Static_assert(offsetof(struct virtio_common, device_feature) == 4, "common");
_Static_assert(offsetof(struct virtio_common, driver_feature_select) == 8, "common");
_Static_assert(offsetof(struct virtio_common, driver_feature) == 12, "common");
_Static_assert(offsetof(struct virtio_common, config_vector) == 16, "common");
_Static_assert(offsetof(struct virtio_common, nr_queues) == 18, "common");
_Static_assert(offsetof(struct virtio_common, status) == 20, "common");
_Static_assert(offsetof(struct virtio_common, config_generation) == 21, "common");
_Static_assert(offsetof(struct virtio_common, queue_select) == 22, "common");
_Static_assert(offsetof(struct virtio_common, queue_size) == 24, "common");
_Static_assert(offsetof(struct virtio_common, queue_vector) == 26, "common");
_Static_assert(offsetof(struct virtio_common, queue_enable) == 28, "common");
_Static_assert(offsetof(struct virtio_common, queue_notify_offset) == 30, "common");
_Static_assert(offsetof(struct virtio_common, queue_descriptors) == 32, "common");
_Static_assert(offsetof(struct virtio_common, queue_driver) == 40, "common");
_Static_assert(offsetof(struct virtio_common, queue_device) == 48, "common");
_Static_assert(sizeof(struct virtio_common) == 56, "common");

/* 2.1 */
enum virtio_status {
	VIRTIO_ACKNOWLEDGE = 1 << 0,
	VIRTIO_DRIVER = 1 << 1,
	VIRTIO_DRIVER_OK = 1 << 2,
	VIRTIO_FEATURES_OK = 1 << 3,
	VIRTIO_NEEDS_RESET = 1 << 6,
	VIRTIO_FAILED = 1 << 7,
};

/* Section 6, and 5.2.3 for those of block devices. */
#define VIRTIO_BLK_SIZE_MAX    (1ULL << 1) /* bytes of one segment are limited */
#define VIRTIO_BLK_SEG_MAX     (1ULL << 2) /* segments of a request are more than one */
#define VIRTIO_BLK_RO          (1ULL << 5)
#define VIRTIO_BLK_BLK_SIZE    (1ULL << 6)
#define VIRTIO_BLK_FLUSH       (1ULL << 9)
#define VIRTIO_BLK_CONFIG_WCE  (1ULL << 11) /* the configuration says how it caches writes */
#define VIRTIO_BLK_MQ          (1ULL << 12)
#define VIRTIO_INDIRECT_DESC   (1ULL << 28)
#define VIRTIO_VERSION_1       (1ULL << 32)
#define VIRTIO_ACCESS_PLATFORM (1ULL << 33)
#define VIRTIO_RING_PACKED     (1ULL << 34)
#define VIRTIO_ORDER_PLATFORM  (1ULL << 36)

/* --- 2.7: the split ring. --- */

enum virtio_descriptor_flags {
	VIRTIO_NEXT = 1 << 0,
	VIRTIO_WRITE = 1 << 1, /* by the device */
	VIRTIO_INDIRECT = 1 << 2,
	VIRTIO_PACKED_AVAIL = 1 << 7,
	VIRTIO_PACKED_USED = 1 << 15,
};

/* 2.7.5 */
struct virtio_split_descriptor {
	uint64_t address;
	uint32_t length;
	union {
		struct {
			uint16_t flags;
			uint16_t next;
		};
		uint32_t link; /* both: flags | next << 16 */
	};
};

/* 2.7.6. What follows `ring` is of use with VIRTIO_F_EVENT_IDX only. */
struct virtio_available {
	uint16_t flags;
	uint16_t index;
	uint16_t ring[];
};

/* 2.7.8 */
struct virtio_used_element {
	uint32_t id; /* of the chain's first descriptor */
	uint32_t written;
};

struct virtio_used {
	uint16_t flags;
	uint16_t index;
	struct virtio_used_element ring[];
};

_Static_assert(offsetof(struct virtio_split_descriptor, length) == 8, "descriptor");
_Static_assert(offsetof(struct virtio_split_descriptor, flags) == 12, "descriptor");
_Static_assert(offsetof(struct virtio_split_descriptor, next) == 14, "descriptor");
_Static_assert(sizeof(struct virtio_split_descriptor) == 16, "descriptor");
_Static_assert(offsetof(struct virtio_available, index) == 2, "available ring");
_Static_assert(offsetof(struct virtio_available, ring) == 4, "available ring");
_Static_assert(offsetof(struct virtio_used_element, written) == 4, "used element");
_Static_assert(sizeof(struct virtio_used_element) == 8, "used element");
_Static_assert(offsetof(struct virtio_used, index) == 2, "used ring");
_Static_assert(offsetof(struct virtio_used, ring) == 4, "used ring");

enum {
	VIRTIO_AVAILABLE_NO_INTERRUPT = 1 << 0,
	VIRTIO_SPLIT_ALIGNMENT = 16, /* of descriptors, more than either ring needs */
	VIRTIO_RING_EVENT_BYTES = 2, /* after both rings */
};

/* --- 2.8: the packed ring. --- */

struct virtio_packed_descriptor {
	uint64_t address;
	uint32_t length;
	uint16_t id;
	uint16_t flags;
};

/* 2.8.10, event suppression */
struct virtio_packed_event {
	uint16_t descriptor;
	uint16_t flags;
};

_Static_assert(offsetof(struct virtio_packed_descriptor, length) == 8, "descriptor");
_Static_assert(offsetof(struct virtio_packed_descriptor, id) == 12, "descriptor");
_Static_assert(offsetof(struct virtio_packed_descriptor, flags) == 14, "descriptor");
_Static_assert(sizeof(struct virtio_packed_descriptor) == 16, "descriptor");
_Static_assert(offsetof(struct virtio_packed_event, flags) == 2, "event suppression");
_Static_assert(sizeof(struct virtio_packed_event) == 4, "event suppression");

enum { VIRTIO_PACKED_EVENT_DISABLE = 1 };

/* --- 5.2: block devices. --- */

/* 5.2.4, as far as it is of use here. */
struct virtio_blk_config {
	uint64_t capacity; /* sectors of 512 bytes */
	uint32_t size_max;
	uint32_t seg_max;
	uint16_t cylinders;
	uint8_t heads;
	uint8_t sectors;
	uint32_t blk_size;
	uint8_t physical_block_exponent;
	uint8_t alignment_offset;
	uint16_t min_io_size;
	uint32_t opt_io_size;
	uint8_t writeback;
	uint8_t unused;
	uint16_t nr_queues;
};

_Static_assert(offsetof(struct virtio_blk_config, size_max) == 8, "configuration");
_Static_assert(offsetof(struct virtio_blk_config, seg_max) == 12, "configuration");
_Static_assert(offsetof(struct virtio_blk_config, cylinders) == 16, "configuration");
_Static_assert(offsetof(struct virtio_blk_config, blk_size) == 20, "configuration");
_Static_assert(offsetof(struct virtio_blk_config, physical_block_exponent) == 24, "configuration");
_Static_assert(offsetof(struct virtio_blk_config, min_io_size) == 26, "configuration");
_Static_assert(offsetof(struct virtio_blk_config, opt_io_size) == 28, "configuration");
_Static_assert(offsetof(struct virtio_blk_config, writeback) == 32, "configuration");
_Static_assert(offsetof(struct virtio_blk_config, nr_queues) == 34, "configuration");

/* 5.2.6 */
enum virtio_blk_type {
	VIRTIO_BLK_IN = 0, /* a read */
	VIRTIO_BLK_OUT = 1,
	VIRTIO_BLK_TYPE_FLUSH = 4,
	VIRTIO_BLK_GET_ID = 8,
};

enum { VIRTIO_BLK_ID_BYTES = 20 };

/* What a request begins with; it ends with a byte of status. */
struct virtio_blk_header {
	uint32_t type;
	uint32_t reserved;
	uint64_t sector;
};

_Static_assert(offsetof(struct virtio_blk_header, sector) == 8, "request");
_Static_assert(sizeof(struct virtio_blk_header) == 16, "request");

enum virtio_blk_status {
	VIRTIO_BLK_OK = 0,
	VIRTIO_BLK_IOERR = 1,
	VIRTIO_BLK_UNSUPPORTED = 2,
	VIRTIO_BLK_NO_STATUS = 0xff, /* ours: the device has written none */
};
