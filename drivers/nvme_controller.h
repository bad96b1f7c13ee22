/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An NVMe controller: how it is started, stopped and asked what it is.
 *
 *	nvme_controller_init()    registers, memory, start, identity, I/O queues
 *	nvme_controller_stop()    no DMA from here on
 *	nvme_controller_restart() works again, with empty queues
 *
 * All of it is for one CPU at a time, and polls, each time for a bounded while. What a controller
 * says is checked before it is used; whatever makes no sense is a line of the report and an error:
 *
 *	-ENODEV      it is gone, does not answer, or says that it failed
 *	-EPROTO      its answers make no sense
 *	-EIO         a command failed
 *	-EOPNOTSUPP  it is of a kind that this driver does not know
 *	-ENOMEM, -EACCES  from dma_alloc()
 *
 * Portable: the registers are reached by functions, which tests bring for a controller of their
 * own.
 */
#pragma once

#include "drivers/dma.h"
#include "drivers/nvme_queue.h"
#include "mm/compiler.h"

enum { NVME_QUEUES_MAX = 32 }; /* CPUs beyond that share them */

/* The largest request, when the controller has no limit of its own: lists of three pages. */
#define NVME_BYTES_MAX (2 * AREA_SIZE)

struct nvme_registers {
	uint32_t (*read)(const struct nvme_registers *, enum nvme_register);
	void (*write)(const struct nvme_registers *, enum nvme_register, uint32_t value);

	/* Whether the controller can reach memory. */
	void (*set_dma)(const struct nvme_registers *, bool on);

	volatile char *doorbells;
	uint64_t doorbell_bytes;
};

/* What is ours to choose. */
struct nvme_choice {
	enum memory_kind memory; /* where queues and lists lie */
	bool sgl;                /* use SGLs, if it has them */
};

struct nvme_controller {
	const char *name; /* "nvme0" */
	const struct nvme_registers *registers;
	struct nvme_choice choice;
	atomic_bool working;

	struct nvme_queue queues[NVME_QUEUES_MAX];
	struct block_queue *block_queues[NVME_QUEUES_MAX];
	unsigned nr_queues;

	/* What it says of itself. */
	char serial[20];
	char model[40];
	size_t max_bytes; /* of a request */
	bool sgl;
	bool write_cache; /* volatile */
	uint32_t last_namespace;
	bool lists_namespaces;     /* the active ones; before 1.1 each number must be tried */
	bool describes_namespaces; /* by descriptors, which are optional before 1.3 */

	/* nvme_controller.c's and nvme_admin.c's own. */
	uint64_t cap;
	bool answers; /* admin commands */
	struct nvme_pair admin;
	uint16_t next_id;
	struct dma_memory admin_memory;
	struct dma_memory queue_memory[NVME_QUEUES_MAX];
	atomic_uint lines; /* of the report that it caused */
};

/*
 * Makes a controller work whose name, registers and choice are filled in, and all else zero, with
 * at most `queues` I/O queues. After an error it has no memory and can reach none.
 */
int nvme_controller_init(struct nvme_controller *, unsigned queues) must_check;

/*
 * Ends all DMA: by a reset, or, where the controller does not follow that, by taking memory away
 * from it. Requests that it had are still in the queues. Error: it is not to be restarted.
 */
int nvme_controller_stop(struct nvme_controller *) must_check;

/* After nvme_controller_stop(). Nothing is in flight. After an error it does not work. */
int nvme_controller_restart(struct nvme_controller *) must_check;

/* Stops it if it works, with due notice, and gives all memory back. Nothing is in flight. */
void nvme_controller_close(struct nvme_controller *);

/*
 * A line "# NAME: ..." of the report. Of each controller there are so many at most: one that fails
 * all the time is not to drown the rest.
 */
enum { NVME_LINES_MAX = 32 };
void nvme_say(struct nvme_controller *, const char *name, const char *format, ...)
	printf_like(3, 4);
