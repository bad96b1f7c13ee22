/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An I/O queue of an NVMe controller: block requests become commands, and completions end them.
 *
 * Used by one CPU at a time, as the block layer promises. All that a command needs is set aside
 * when the queue is made, so that nothing here fails for want of memory.
 */
#pragma once

#include "drivers/block.h"
#include "drivers/nvme_pair.h"
#include "mm/compiler.h"

/* A ring of commands is one page. */
enum { NVME_QUEUE_ENTRIES = PAGE_SIZE / sizeof(struct nvme_command) };

struct nvme_queue {
	struct block_queue block; /* first */
	struct nvme_pair pair;
	bool sgl;         /* the controller takes SGLs */
	bool write_cache; /* ... and has a volatile write cache */

	/* Commands by their identifiers, 0 ... entries - 2. */
	struct block_request *requests[NVME_QUEUE_ENTRIES]; /* NULL: not in flight */
	unsigned nr_free;
	uint8_t free[NVME_QUEUE_ENTRIES];

	/* A PRP list or an SGL for each. */
	char *lists;
	phys_t lists_at;
	size_t list_bytes;

	/* What a command's status, which is not 0, comes to: a negative errno. */
	int (*failed)(struct block_request *, unsigned status);
};

/* Bytes that a queue shares with the controller, for requests of up to `max_bytes`. */
size_t nvme_queue_bytes(unsigned entries, size_t max_bytes);

/*
 * The fields of `pair` but for the rings, and those of no other group above, are filled in; the
 * memory, page aligned, is zeroed here. After this the queue is empty.
 */
void nvme_queue_reset(struct nvme_queue *, void *memory, phys_t at, size_t max_bytes);

/* Where the controller finds the rings. */
phys_t nvme_queue_commands(const struct nvme_queue *);
phys_t nvme_queue_completions(const struct nvme_queue *);

/* A namespace, as commands name it, and the block device that it is. */
struct nvme_target {
	struct block_device device; /* first */
	const atomic_bool *working; /* the controller */
	atomic_bool gone;
	uint32_t nsid;
	unsigned block_shift;  /* log2 of the bytes of a block */
	unsigned sector_shift; /* ... and of its sectors */
	uint64_t start[2]; /* the first word of a BLOCK_READ and of a BLOCK_WRITE, less the id */
};

/* Fills in all that comes of these. */
void nvme_target_set(struct nvme_target *, uint32_t nsid, unsigned block_shift);

/* For struct block_ops, of targets with nvme_queues. -EPROTO: do not trust it with anything. */
struct block_request *nvme_queue_start(struct block_device *, struct block_queue *,
				       struct block_request *);
int nvme_queue_poll(struct block_device *, struct block_queue *);

/* Completes all that is in flight. The controller has no more part in it. */
void nvme_queue_fail(struct nvme_queue *, int why);
