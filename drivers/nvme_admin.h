/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers and the admin commands of an NVMe controller. Commands go one at a time, and each
 * is waited for. What they come to is as nvme_controller.h says; every error is a line of the
 * report.
 */
#pragma once

#include "drivers/nvme_controller.h"
#include "mm/compiler.h"
#include "mm/host.h"

/* The memory of the admin queue: the rings, and what identify answers. */
enum {
	NVME_ADMIN_CQ = PAGE_SIZE,
	NVME_ADMIN_IDENTIFY = 2 * PAGE_SIZE,
	NVME_ADMIN_BYTES = 3 * PAGE_SIZE,
};

static inline uint32_t nvme_read32(const struct nvme_controller *controller, enum nvme_register at)
{
	return controller->registers->read(controller->registers, at);
}

static inline void nvme_write32(const struct nvme_controller *controller, enum nvme_register at,
				uint32_t value)
{
	controller->registers->write(controller->registers, at, value);
}

static inline uint64_t nvme_read64(const struct nvme_controller *controller, enum nvme_register at)
{
	uint64_t low = nvme_read32(controller, at);

	return low | (uint64_t)nvme_read32(controller, at + 4) << 32;
}

static inline void nvme_write64(const struct nvme_controller *controller, enum nvme_register at,
				uint64_t value)
{
	nvme_write32(controller, at, (uint32_t)value);
	nvme_write32(controller, at + 4, (uint32_t)(value >> 32));
}

struct nvme_deadline {
	uint64_t end;
};

static inline struct nvme_deadline nvme_deadline_in(unsigned milliseconds)
{
	return (struct nvme_deadline){host_nanoseconds() + milliseconds * (uint64_t)1000000};
}

static inline bool nvme_is_over(struct nvme_deadline deadline)
{
	return host_nanoseconds() > deadline.end;
}

/* The pair's number is known. */
void nvme_point_to_doorbells(const struct nvme_controller *, struct nvme_pair *);

/* Empties the admin queue. The controller is disabled. */
void nvme_admin_reset(struct nvme_controller *);

/*
 * NVME_IDENTIFY_BYTES of what the controller says, valid until the next call, or NULL after an
 * error.
 */
const void *nvme_identify(struct nvme_controller *, enum nvme_cns, uint32_t nsid) must_check;

/* Asks for so many I/O queues. Returns how many there may be, at most `wanted`; 0 after an error.
 */
unsigned nvme_request_queues(struct nvme_controller *, unsigned wanted);

/* Makes an empty queue known to the controller. */
int nvme_create_rings(struct nvme_controller *, const struct nvme_queue *) must_check;
