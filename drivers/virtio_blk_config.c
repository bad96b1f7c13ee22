/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/virtio_blk_config.h"

#include <errno.h>

#include "drivers/block.h"
#include "kernel/mmio.h"

enum { CONFIG_READS = 8 };

static int fault(struct virtio_pci *virtio, const char *what)
{
	virtio->fault = what;
	return -EINVAL;
}

/* What this driver can use, less that whose part of the configuration is missing. */
static uint64_t wanted_features(const struct virtio_pci *virtio)
{
	static const struct {
		uint64_t feature;
		size_t end; /* of what it adds to the configuration */
	} features[] = {
		{VIRTIO_BLK_SIZE_MAX, offsetof(struct virtio_blk_config, seg_max)},
		{VIRTIO_BLK_SEG_MAX, offsetof(struct virtio_blk_config, cylinders)},
		{VIRTIO_BLK_BLK_SIZE, offsetof(struct virtio_blk_config, physical_block_exponent)},
		{VIRTIO_BLK_CONFIG_WCE, offsetof(struct virtio_blk_config, unused)},
		{VIRTIO_BLK_MQ, sizeof(struct virtio_blk_config)},
	};
	uint64_t wanted = VIRTIO_BLK_RO | VIRTIO_BLK_FLUSH | VIRTIO_INDIRECT_DESC |
			  VIRTIO_RING_PACKED | VIRTIO_ACCESS_PLATFORM | VIRTIO_ORDER_PLATFORM;

	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		if (features[i].end <= virtio->config_bytes)
			wanted |= features[i].feature;
	return wanted;
}

/* Of what the device did not agree to, its value without that. */
static void read_once(const struct virtio_pci *virtio, struct virtio_blk_config *config)
{
	const volatile struct virtio_blk_config *from =
		(const volatile struct virtio_blk_config *)virtio->config;
	const volatile uint32_t *capacity = (const volatile uint32_t *)&from->capacity;

	*config = (struct virtio_blk_config){
		.capacity = mmio_read32(&capacity[0]) | (uint64_t)mmio_read32(&capacity[1]) << 32,
		.seg_max = 1,
		.blk_size = SECTOR_SIZE,
		.writeback = virtio_pci_has(virtio, VIRTIO_BLK_FLUSH),
		.nr_queues = 1,
	};
	if (virtio_pci_has(virtio, VIRTIO_BLK_SIZE_MAX))
		config->size_max = mmio_read32(&from->size_max);
	if (virtio_pci_has(virtio, VIRTIO_BLK_SEG_MAX))
		config->seg_max = mmio_read32(&from->seg_max);
	if (virtio_pci_has(virtio, VIRTIO_BLK_BLK_SIZE))
		config->blk_size = mmio_read32(&from->blk_size);
	if (virtio_pci_has(virtio, VIRTIO_BLK_FLUSH) &&
	    virtio_pci_has(virtio, VIRTIO_BLK_CONFIG_WCE))
		config->writeback = mmio_read8(&from->writeback);
	if (virtio_pci_has(virtio, VIRTIO_BLK_MQ))
		config->nr_queues = mmio_read16(&from->nr_queues);
}

/* 2.5.1: what was read belongs together if the generation did not change meanwhile. */
static int read_config(struct virtio_pci *virtio, struct virtio_blk_config *config)
{
	for (unsigned reads = 0; reads < CONFIG_READS; reads++) {
		uint8_t generation = virtio_pci_generation(virtio);

		read_once(virtio, config);
		if (virtio_pci_generation(virtio) == generation)
			return 0;
	}
	return fault(virtio, "the-configuration-changes-all-the-time");
}

static bool is_block_size(uint32_t size)
{
	return size >= SECTOR_SIZE && size <= VIRTIO_BLK_BLOCK_MAX && (size & (size - 1)) == 0;
}

int virtio_blk_negotiate(struct virtio_pci *virtio, struct virtio_blk_description *description)
{
	struct virtio_blk_config config;
	bool limited;
	int error;

	if (virtio->config_bytes < sizeof(config.capacity))
		return fault(virtio, "no-capacity");
	error = virtio_pci_negotiate(virtio, wanted_features(virtio), VIRTIO_VERSION_1);
	if (!error)
		error = read_config(virtio, &config);
	if (error)
		return error;
	limited = virtio_pci_has(virtio, VIRTIO_BLK_SIZE_MAX);
	if (!is_block_size(config.blk_size))
		return fault(virtio, "a-block-size-other-than-512-to-4096");
	if (limited && config.size_max < config.blk_size)
		return fault(virtio, "segments-shorter-than-a-block");
	if (config.seg_max == 0 || config.nr_queues == 0)
		return fault(virtio, "no-segments-or-no-queues");
	*description = (struct virtio_blk_description){
		.features = virtio->features,
		.sectors = align_down(config.capacity, config.blk_size / SECTOR_SIZE),
		.block_size = config.blk_size,
		.max_segments = config.seg_max,
		.max_segment_bytes = limited ? align_down(config.size_max, config.blk_size) : 0,
		.nr_queues = config.nr_queues,
		.read_only = virtio_pci_has(virtio, VIRTIO_BLK_RO),
		.caches_writes = config.writeback != 0,
	};
	return 0;
}

bool virtio_blk_is_same(const struct virtio_blk_description *a,
			const struct virtio_blk_description *b)
{
	return a->features == b->features && a->sectors == b->sectors &&
	       a->block_size == b->block_size && a->max_segments == b->max_segments &&
	       a->max_segment_bytes == b->max_segment_bytes && a->nr_queues == b->nr_queues &&
	       a->caches_writes == b->caches_writes;
}
