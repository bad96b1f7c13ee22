/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/virtio_disk.h"

#include "drivers/virtio_packed.h"
#include "drivers/virtio_split.h"
#include "kernel/mmio.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	MAX_BYTES = 16 << 20, /* of a request: far from what takes as long as a timeout */
	LINES_MAX = 32,       /* of the report about one disk */
};

/* --- The report. --- */

static void printf_like(2, 3) say(struct virtio_disk *disk, const char *format, ...)
{
	unsigned before = atomic_fetch_add(&disk->lines, 1);
	char line[160];
	int length = snprintf(line, sizeof(line), "# %s: ", disk->name);
	va_list arguments;

	if (before > LINES_MAX)
		return;
	if (before == LINES_MAX)
		format = "more is not reported";
	va_start(arguments, format);
	vsnprintf(line + length, sizeof(line) - (size_t)length, format, arguments);
	va_end(arguments);
	host_print(line);
}

/* --- Requests. --- */

_Static_assert((int)BLOCK_READ == VIRTIO_BLK_IN && (int)BLOCK_WRITE == VIRTIO_BLK_OUT,
	       "a read and a write have the same numbers there");

/* Takes a free slot for a request, and fills it in but for the data. */
static inline struct virtio_slot *fill(struct virtio_disk_queue *queue, unsigned number,
				       struct block_request *request, uint32_t type)
{
	struct virtio_slot *slot = &queue->ring.slots[number];

	queue->requests[number] = request;
	slot->header.type = type;
	slot->header.sector = request->sector;
	slot->status = VIRTIO_BLK_NO_STATUS;
	return slot;
}

/* A read or write of one segment, where slots have tables, and a slot for it. */
static inline bool is_usual(const struct virtio_ring *ring, const struct block_request *request)
{
	return likely(request->command <= BLOCK_WRITE && request->nr_segments == 1 &&
		      ring->free != 0);
}

static inline __attribute__((always_inline)) void
put_usual(struct virtio_disk_queue *queue, struct block_request *request, bool packed)
{
	struct virtio_ring *ring = &queue->ring;
	unsigned number = virtio_ring_first(ring);
	struct virtio_slot *slot = fill(queue, number, request, (uint32_t)request->command);
	bool device_writes = request->command == BLOCK_READ;

	if (packed)
		virtio_packed_put_one(ring, number, slot, request->segments, device_writes);
	else
		virtio_split_put_one(ring, number, slot, request->segments, device_writes);
}

/* False: all slots are in use. */
static bool put_any(struct virtio_disk_queue *queue, struct block_request *request)
{
	bool flush = request->operation == BLOCK_FLUSH;
	int number = virtio_ring_claim(&queue->ring);

	if (number < 0)
		return false;
	fill(queue, (unsigned)number, request,
	     flush ? VIRTIO_BLK_TYPE_FLUSH : (uint32_t)request->operation);
	virtio_ring_put(&queue->ring, (unsigned)number, request->segments, request->nr_segments,
			request->operation == BLOCK_READ);
	return true;
}

static __attribute__((noinline)) struct block_request *start_any(const struct virtio_disk *disk,
								 struct virtio_disk_queue *queue,
								 struct block_request *request)
{
	while (request) {
		struct block_request *next = request->next;

		if (request->operation == BLOCK_FLUSH && !disk->description.caches_writes)
			block_complete(&queue->block, request, 0);
		else if (!put_any(queue, request))
			break;
		request = next;
	}
	mmio_write16(queue->notify, queue->index);
	return request;
}

/* Leaves what is not usual to start_any(): without a call there are no registers to be saved. */
static inline __attribute__((always_inline)) struct block_request *
start_usual(const struct virtio_disk *disk, struct virtio_disk_queue *queue,
	    struct block_request *request, bool packed)
{
	do {
		if (!is_usual(&queue->ring, request))
			return start_any(disk, queue, request);
		put_usual(queue, request, packed);
		request = request->next;
	} while (request);
	mmio_write16(queue->notify, queue->index);
	return NULL;
}

static __attribute__((noinline)) struct block_request *start_split(const struct virtio_disk *disk,
								   struct virtio_disk_queue *queue,
								   struct block_request *request)
{
	return start_usual(disk, queue, request, false);
}

static __attribute__((noinline)) struct block_request *start_packed(const struct virtio_disk *disk,
								    struct virtio_disk_queue *queue,
								    struct block_request *request)
{
	return start_usual(disk, queue, request, true);
}

static struct block_request *virtio_disk_start(struct block_device *device,
					       struct block_queue *block,
					       struct block_request *request)
{
	const struct virtio_disk *disk = (struct virtio_disk *)device;
	struct virtio_disk_queue *queue = (struct virtio_disk_queue *)block;

	if (unlikely(disk->given_up)) {
		block_complete_all(block, request, -ENODEV);
		return NULL;
	}
	if (unlikely(!queue->ring.indirect))
		return start_any(disk, queue, request);
	return queue->ring.is_packed ? start_packed(disk, queue, request)
				     : start_split(disk, queue, request);
}

/* Read once: a device that makes no sense may change it meanwhile. */
static uint8_t status_of(const struct virtio_slot *slot)
{
	return __atomic_load_n(&slot->status, __ATOMIC_RELAXED);
}

/* -EPROTO: no device that makes sense says so. */
static int error_of(const struct block_request *request, uint8_t status, uint32_t written)
{
	size_t data = request->operation == BLOCK_READ ? request->bytes : 0;

	if (written > data + 1)
		return -EPROTO;
	switch (status) {
	case VIRTIO_BLK_OK: /* some devices count no status */
		return written < data ? -EIO : 0;
	case VIRTIO_BLK_IOERR:
		return -EIO;
	case VIRTIO_BLK_UNSUPPORTED:
		return -EOPNOTSUPP;
	default:
		return -EPROTO;
	}
}

static __attribute__((noinline)) int complain(struct virtio_disk *disk,
					      const struct block_request *request, uint8_t status,
					      uint32_t written)
{
	static const char *const names[] = {
		[BLOCK_READ] = "read", [BLOCK_WRITE] = "write", [BLOCK_FLUSH] = "flush"};
	int error = error_of(request, status, written);

	if (error)
		say(disk, "%s of %zu bytes at sector %llu failed: status %u, %u bytes written",
		    names[request->operation], request->bytes, (unsigned long long)request->sector,
		    status, written);
	return error;
}

/* Whether all that was asked for was done; some devices count less as written. */
static inline bool is_well(const struct block_request *request, const struct virtio_slot *slot,
			   uint32_t written)
{
	size_t data = request->operation == BLOCK_READ ? request->bytes : 0;

	return likely(status_of(slot) == VIRTIO_BLK_OK && written == data + 1);
}

static inline void end(struct virtio_disk_queue *queue, struct block_request *request,
		       unsigned number, int result)
{
	virtio_ring_release(&queue->ring, number);
	block_complete(&queue->block, request, result);
}

static inline bool end_usual(struct virtio_disk_queue *queue, unsigned number, uint32_t written)
{
	struct block_request *request = queue->requests[number];

	if (!is_well(request, &queue->ring.slots[number], written))
		return false;
	end(queue, request, number, 0);
	return true;
}

/* Goes on after `nr` requests with one that is not as usual, and with all others that are over. */
static __attribute__((noinline)) int poll_any(struct virtio_disk *disk,
					      struct virtio_disk_queue *queue, int nr, int number,
					      uint32_t written)
{
	do {
		struct block_request *request = queue->requests[number];
		uint8_t status = status_of(&queue->ring.slots[number]);
		int result = complain(disk, request, status, written);

		if (result == -EPROTO)
			return -EIO;
		end(queue, request, (unsigned)number, result);
		nr++;
		number = virtio_ring_take(&queue->ring, &written);
	} while (number >= 0);
	return number == -EAGAIN ? nr : number;
}

/* These, too, take no call; and they end, for no more can be over than was in flight. */
static __attribute__((noinline)) int poll_split(struct virtio_disk *disk,
						struct virtio_disk_queue *queue)
{
	int ready = virtio_split_ready(&queue->ring);

	for (int i = 0; i < ready; i++) {
		uint32_t written;
		int number = virtio_split_next(&queue->ring, &written);

		if (unlikely(number < 0))
			return number;
		if (!end_usual(queue, (unsigned)number, written))
			return poll_any(disk, queue, i, number, written);
	}
	return ready;
}

static __attribute__((noinline)) int poll_packed(struct virtio_disk *disk,
						 struct virtio_disk_queue *queue)
{
	int nr = 0;

	do {
		uint32_t written;
		int number = virtio_packed_take(&queue->ring, &written);

		if (number < 0)
			return likely(number == -EAGAIN) ? nr : number;
		if (!end_usual(queue, (unsigned)number, written))
			return poll_any(disk, queue, nr, number, written);
		nr++;
	} while (queue->block.in_flight > 0);
	return nr;
}

static int virtio_disk_poll(struct block_device *device, struct block_queue *block)
{
	struct virtio_disk *disk = (struct virtio_disk *)device;
	struct virtio_disk_queue *queue = (struct virtio_disk_queue *)block;

	if (unlikely(disk->given_up))
		return 0;
	return queue->ring.is_packed ? poll_packed(disk, queue) : poll_split(disk, queue);
}

/* --- Start and stop. --- */

static int fault(struct virtio_disk *disk, const char *what)
{
	disk->virtio.fault = what;
	return -EINVAL;
}

static int start_queues(struct virtio_disk *disk)
{
	for (unsigned i = 0; i < disk->device.nr_queues; i++) {
		struct virtio_disk_queue *queue = virtio_disk_queue(disk, i);
		int error;

		virtio_ring_start(&queue->ring);
		error = virtio_pci_start_queue(&disk->virtio, queue->index, &queue->ring,
					       &queue->notify);
		if (error)
			return error;
	}
	return virtio_pci_run(&disk->virtio);
}

static int restart(struct virtio_disk *disk)
{
	struct virtio_blk_description before = disk->description;
	int error = virtio_blk_negotiate(&disk->virtio, &disk->description);

	if (error)
		return error;
	if (!virtio_blk_is_same(&before, &disk->description))
		return fault(disk, "it-is-another-device-after-a-reset");
	return start_queues(disk);
}

/* The device touches no memory any more; what it had fails. */
static void fail_requests(struct virtio_disk *disk, int why)
{
	for (unsigned i = 0; i < disk->device.nr_queues; i++) {
		struct virtio_disk_queue *queue = virtio_disk_queue(disk, i);

		for (unsigned slot = 0; slot < queue->ring.nr_slots; slot++) {
			if (!virtio_ring_in_use(&queue->ring, slot))
				continue;
			virtio_ring_release(&queue->ring, slot);
			block_complete(&queue->block, queue->requests[slot], why);
		}
	}
}

static void give_up(struct virtio_disk *disk)
{
	disk->given_up = true;
	pci_disable(disk->virtio.function);
	say(disk, "given up: %s", disk->virtio.fault);
}

static void virtio_disk_recover(struct block_device *device, int why)
{
	struct virtio_disk *disk = (struct virtio_disk *)device;

	say(disk, "reset, since %s",
	    why == -ETIMEDOUT ? "a request takes too long" : "its answers make no sense");
	if (virtio_pci_reset(&disk->virtio) != 0)
		give_up(disk);
	fail_requests(disk, disk->given_up ? -ENODEV : why);
	if (!disk->given_up && restart(disk) != 0)
		give_up(disk);
}

static const struct block_ops virtio_disk_ops = {
	.start = virtio_disk_start,
	.poll = virtio_disk_poll,
	.recover = virtio_disk_recover,
};

/* --- Open and close. --- */

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static int add_queue(struct virtio_disk *disk, struct virtio_disk_queue *queue)
{
	const struct virtio_pci *virtio = &disk->virtio;
	int error;

	queue->index = (uint16_t)disk->device.nr_queues;
	if (virtio_ring_plan(&queue->ring, virtio_pci_has(virtio, VIRTIO_RING_PACKED),
			     virtio_pci_has(virtio, VIRTIO_INDIRECT_DESC),
			     virtio_pci_queue_size(virtio, queue->index),
			     disk->description.max_segments))
		return fault(disk, "a-queue-of-a-size-that-cannot-be");
	error = dma_alloc(&queue->memory, MEMORY_DRAM, virtio_ring_bytes(&queue->ring));
	if (error)
		return error;
	virtio_ring_place(&queue->ring, queue->memory.start, queue->memory.virt);
	disk->device.max_segments = smaller(disk->device.max_segments, queue->ring.max_segments);
	disk->queues[disk->device.nr_queues++] = &queue->block;
	return 0;
}

static int add_queues(struct virtio_disk *disk, struct virtio_disk_queue *queues, size_t nr)
{
	int error = 0;

	nr = smaller(nr, disk->description.nr_queues);
	for (size_t i = 0; i < nr && !error; i++)
		error = add_queue(disk, &queues[i]);
	return error;
}

static void take_limits(struct virtio_disk *disk)
{
	const struct virtio_blk_description *description = &disk->description;

	disk->device = (struct block_device){
		.name = disk->name,
		.ops = &virtio_disk_ops,
		.sectors = description->sectors,
		.read_only = description->read_only,
		.block_size = description->block_size,
		.dma_alignment = 1,
		.max_segments = BLOCK_SEGMENTS_MAX,
		.max_bytes = MAX_BYTES,
		.max_segment_bytes = description->max_segment_bytes,
		.queues = disk->queues,
	};
}

int virtio_disk_open(struct virtio_disk *disk, const struct pci_function *function,
		     const char *name, const struct virtio_pci_access *access,
		     struct virtio_disk_queue *queues, size_t nr)
{
	int error = virtio_pci_open(&disk->virtio, function, access);

	if (error)
		return error;
	strncpy(disk->name, name, sizeof(disk->name) - 1);
	disk->disk.device = &disk->device;
	disk_text(disk->disk.model, "", 0);
	pci_enable(function);
	error = virtio_blk_negotiate(&disk->virtio, &disk->description);
	if (error)
		return error;
	take_limits(disk);
	error = add_queues(disk, queues, nr);
	if (!error)
		error = start_queues(disk);
	if (!error && block_device_init(&disk->device))
		error = fault(disk, "limits-that-make-no-sense");
	return error;
}

/* 5.2.6.1: a text of 20 bytes. A device need not have one. */
int virtio_disk_identify(struct virtio_disk *disk)
{
	struct virtio_disk_queue *queue = virtio_disk_queue(disk, 0);
	int slot = virtio_ring_claim(&queue->ring);
	struct virtio_slot *request = &queue->ring.slots[slot];
	uint64_t start = host_nanoseconds();
	struct dma_memory memory;
	uint32_t written;
	int error = dma_alloc(&memory, MEMORY_DRAM, VIRTIO_BLK_ID_BYTES);

	if (error)
		return error;
	request->header.type = VIRTIO_BLK_GET_ID;
	request->header.sector = 0;
	request->status = VIRTIO_BLK_NO_STATUS;
	virtio_ring_put(&queue->ring, (unsigned)slot,
			&(struct segment){memory.start, VIRTIO_BLK_ID_BYTES}, 1, true);
	mmio_write16(queue->notify, queue->index);
	do {
		error = virtio_ring_take(&queue->ring, &written);
	} while (error == -EAGAIN && !virtio_pci_is_late(&disk->virtio, start));
	if (error != slot) {
		if (virtio_pci_reset(&disk->virtio) == 0)
			dma_free(&memory);
		return fault(disk, "its-first-request-is-not-answered");
	}
	virtio_ring_release(&queue->ring, (unsigned)slot);
	disk_text(disk->disk.serial, memory.virt,
		  request->status == VIRTIO_BLK_OK ? strnlen(memory.virt, VIRTIO_BLK_ID_BYTES) : 0);
	dma_free(&memory);
	return 0;
}

void virtio_disk_close(struct virtio_disk *disk)
{
	if (disk->given_up)
		return;
	disk->given_up = true;
	if (disk->virtio.common)
		(void)!virtio_pci_reset(&disk->virtio);
	pci_disable(disk->virtio.function);
}
