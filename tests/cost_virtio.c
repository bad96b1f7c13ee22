/* SPDX-License-Identifier: BSD-2-Clause */
/* What I/O on a virtio disk costs the CPU, and the driver's part of that. */
#include "drivers/virtio_disk.h"
#include "kernel/registers.h" /* rdtsc(): there is nothing to count in a process */
#include "mm/page.h"
#include "tests/cost_disk.h"
#include "tests/count.h"
#include "tests/harness/memory.h"
#include "tests/harness/virtio_disks.h"
#include "tests/test.h"

#include <errno.h>

static struct virtio_disk *disk;
static struct virtio_disk_queue *queue;
static struct bio bio;
static struct bio_piece piece;

static bool is_over(const struct virtio_ring *ring)
{
	const struct virtio_packed_descriptor *last;
	uint16_t marks = VIRTIO_PACKED_AVAIL | VIRTIO_PACKED_USED;

	if (!ring->is_packed)
		return __atomic_load_n(&ring->split.used->index, __ATOMIC_ACQUIRE) ==
		       (uint16_t)ring->split.put;
	last = &ring->packed.descriptors[(ring->packed.taken + count_disk_in_flight() - 1u) %
					 ring->size];
	/* Used, in whichever turn; what the driver wrote has one of the marks. */
	return (__atomic_load_n(&last->flags, __ATOMIC_ACQUIRE) & marks) % marks == 0;
}

static void wait(void)
{
	while (!is_over(&queue->ring))
		__builtin_ia32_pause();
}

/* The driver's part: the request that the block layer made of one bio, once more. */
static struct block_request *left;

static void driver_start(void)
{
	left = disk->device.ops->start(&disk->device, &queue->block, &bio.request);
}

static void driver_take(void)
{
	uint32_t written;
	int slot = virtio_ring_take(&queue->ring, &written);

	count_error |= slot < 0;
	virtio_ring_release(&queue->ring, (unsigned)slot);
}

static void driver_prepare(void)
{
	bio = (struct bio){.operation = BLOCK_READ, .pieces = &piece, .nr_pieces = 1};
	count_error |= block_execute(&disk->device, &bio);
}

static void driver_check(void)
{
	count_error |= left != NULL;
}

static const struct figure figures[] = {
	{.operation = count_nothing},
	{.name = "driver",
	 .operation = driver_start,
	 .prepare = driver_prepare,
	 .undo = driver_check,
	 .wait = wait,
	 .finish = driver_take},
};

static void count_virtio(const char *serial)
{
	disk = virtio_with_serial(serial);
	queue = virtio_disk_queue(disk, 0);
	count_disk(&disk->device, wait);
	piece = (struct bio_piece){pfn_to_page(test_take(MEMORY_DRAM, PAGE_SIZE)), 0, PAGE_SIZE};
	count(figures, ARRAY_SIZE(figures));
}

/* On a split ring. */
TEST(cost, virtio)
{
	count_virtio("split");
}

/* On a packed ring. */
TEST(cost, virtio_packed)
{
	count_virtio("packed");
}
