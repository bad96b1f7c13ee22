/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/harness/virtio_device.h"

#include "mm/host.h"
#include "tests/test.h"

void virtio_device_start(struct virtio_device *device, const struct virtio_ring *ring)
{
	*device = (struct virtio_device){
		.packed = ring->is_packed,
		.size = ring->size,
		.at = virtio_ring_parts(ring),
		.taken_turn = true,
		.returned_turn = true,
	};
	expect_eq(device->at.descriptors.addr % VIRTIO_SPLIT_ALIGNMENT, 0);
	expect_eq(device->at.driver.addr % 4, 0);
	expect_eq(device->at.device.addr % 4, 0);
}

static void add_part(struct virtio_device_request *request, uint64_t start, uint32_t length,
		     bool writes)
{
	require(request->nr < VIRTIO_DEVICE_PARTS_MAX);
	if (request->nr > 0 && !writes)
		expect(!request->parts[request->nr - 1].writes); /* what it reads comes first */
	request->parts[request->nr++] = (struct virtio_device_part){phys(start), length, writes};
}

/* --- The split ring. --- */

static void follow(const struct virtio_split_descriptor *descriptors, unsigned nr, unsigned at,
		   struct virtio_device_request *request)
{
	for (;;) {
		const struct virtio_split_descriptor *part;

		require(at < nr);
		part = &descriptors[at];
		if (part->flags & VIRTIO_INDIRECT) {
			expect_eq(part->flags, VIRTIO_INDIRECT);
			expect_eq(part->length % sizeof(*part), 0);
			follow(host_virt(phys(part->address)), part->length / sizeof(*part), 0,
			       request);
			return;
		}
		add_part(request, part->address, part->length, part->flags & VIRTIO_WRITE);
		if (!(part->flags & VIRTIO_NEXT))
			return;
		at = part->next;
	}
}

static bool take_split(struct virtio_device *device, struct virtio_device_request *request)
{
	const struct virtio_available *available = host_virt(device->at.driver);

	if (available->index == (uint16_t)device->taken)
		return false;
	request->id = available->ring[device->taken++ % device->size];
	follow(host_virt(device->at.descriptors), device->size, request->id, request);
	return true;
}

static void return_split(struct virtio_device *device, unsigned id, uint32_t written)
{
	struct virtio_used *used = host_virt(device->at.device);

	used->ring[device->returned++ % device->size] = (struct virtio_used_element){id, written};
	used->index = (uint16_t)device->returned;
}

/* --- The packed ring. --- */

static bool is_available(const struct virtio_device *device,
			 const struct virtio_packed_descriptor *descriptor)
{
	return !!(descriptor->flags & VIRTIO_PACKED_AVAIL) == device->taken_turn &&
	       !!(descriptor->flags & VIRTIO_PACKED_USED) != device->taken_turn;
}

static void advance(const struct virtio_device *device, unsigned *at, bool *turn, unsigned by)
{
	*at += by;
	if (*at >= device->size) {
		*at -= device->size;
		*turn = !*turn;
	}
}

static void read_table(const struct virtio_packed_descriptor *part,
		       struct virtio_device_request *request)
{
	const struct virtio_packed_descriptor *table = host_virt(phys(part->address));

	expect_eq(part->length % sizeof(*table), 0);
	for (size_t i = 0; i < part->length / sizeof(*table); i++)
		add_part(request, table[i].address, table[i].length, table[i].flags & VIRTIO_WRITE);
}

static bool take_packed(struct virtio_device *device, struct virtio_device_request *request)
{
	const struct virtio_packed_descriptor *descriptors = host_virt(device->at.descriptors);
	const struct virtio_packed_descriptor *part = &descriptors[device->taken];

	if (!is_available(device, part))
		return false;
	for (;;) {
		expect(is_available(device, part));
		require(request->descriptors++ < device->size);
		advance(device, &device->taken, &device->taken_turn, 1);
		if (part->flags & VIRTIO_INDIRECT)
			read_table(part, request);
		else
			add_part(request, part->address, part->length, part->flags & VIRTIO_WRITE);
		if (!(part->flags & VIRTIO_NEXT))
			break;
		part = &descriptors[device->taken];
	}
	request->id = part->id;
	return true;
}

static void return_packed(struct virtio_device *device, unsigned id, unsigned descriptors,
			  uint32_t written)
{
	struct virtio_packed_descriptor *used = host_virt(device->at.descriptors);
	uint16_t marks = VIRTIO_PACKED_AVAIL | VIRTIO_PACKED_USED;

	used[device->returned] = (struct virtio_packed_descriptor){
		.length = written,
		.id = (uint16_t)id,
		.flags = device->returned_turn ? marks : 0,
	};
	advance(device, &device->returned, &device->returned_turn, descriptors);
}

/* --- Either. --- */

bool virtio_device_take(struct virtio_device *device, struct virtio_device_request *request)
{
	*request = (struct virtio_device_request){0};
	return device->packed ? take_packed(device, request) : take_split(device, request);
}

void virtio_device_return(struct virtio_device *device, unsigned id, unsigned descriptors,
			  uint32_t written)
{
	if (device->packed)
		return_packed(device, id, descriptors, written);
	else
		return_split(device, id, written);
}
