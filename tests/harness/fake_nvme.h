/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An NVMe controller for tests: registers, doorbells and queues as NVMe 1.4 has them, in memory, on
 * namespaces of 6 MiB. It works while its status register is read or its disks are polled. It can
 * be told to fail, and to make no sense. There is one.
 *
 * It looks at what it is given as a real one cannot: memory that it is sent to without a pin on it,
 * or while it must not reach memory at all, fails the test.
 */
#pragma once

#include "drivers/nvme_disk.h"

enum { FAKE_NAMESPACES = 2, FAKE_QUEUES = 4, FAKE_STRIDE = 8, FAKE_AREAS = 3 };

/* What is wrong with it. */
enum fake_fault {
	FAKE_SOUND,
	FAKE_GONE,        /* registers read all ones, nothing is done */
	FAKE_ZEROS,       /* the same with zeros */
	FAKE_NEVER_READY, /* does not start */
	FAKE_NEVER_STOPS, /* starts, and cannot be reset */
	FAKE_FATAL,       /* says that it failed, once it is enabled */
	FAKE_SILENT,      /* fetches commands and answers none */
	FAKE_BAD_ID,      /* completes a command that was never submitted */
	FAKE_IDLE_ID,     /* ... or one that is over */
	FAKE_BAD_QUEUE,   /* completes for another queue */
	FAKE_BAD_HEAD,    /* says that it is past the end of the queue */
};

struct fake_ring {
	struct nvme_command *commands;
	struct nvme_completion *completions;
	unsigned cq_entries, sq_entries;
	unsigned head, tail;
	unsigned phase;
};

extern struct fake_nvme {
	struct nvme nvme; /* the driver's */

	/* What it says of itself; to be changed before fake_open(). */
	uint64_t cap;
	uint32_t version;
	struct nvme_identify_controller controller;
	struct nvme_identify_namespace namespaces[FAKE_NAMESPACES];
	uint32_t list[NVME_NAMESPACE_LIST_MAX];
	uint8_t descriptors[NVME_IDENTIFY_BYTES];      /* of each namespace */
	bool no_descriptors;                           /* to ask for them is an error */
	unsigned submission_queues, completion_queues; /* that it gives */

	/* How it behaves. */
	enum fake_fault fault;
	unsigned gone_after;   /* so many commands; 0: never */
	uint8_t failing_admin; /* opcode; 0: none */
	unsigned io_status;    /* of the commands to come */
	unsigned nr_statuses;  /* how many of them */
	bool backwards;        /* completes the last command first */

	/* What it saw. */
	unsigned nr_commands;
	struct nvme_command last; /* I/O command */
	unsigned nr_unanswered;   /* since it was reset */
	unsigned resets;
	bool shut_down;
	bool dma;

	/* Its own. */
	struct nvme_registers registers;
	uint32_t values[16];
	volatile uint32_t doorbells[2 * (FAKE_QUEUES + 1) * FAKE_STRIDE / sizeof(uint32_t)];
	struct fake_ring rings[FAKE_QUEUES + 1];
	char *medium[FAKE_NAMESPACES][FAKE_AREAS];
} fake;

/*
 * A sound controller with two namespaces, of 512 and 4096 bytes a block, nobody's yet. Again in the
 * same test: another one, after nvme_controller_close(), on the same medium.
 */
void fake_create(void);

/* Starts the driver on it with up to so many queues, until the test is over. */
int fake_open(unsigned queues, bool sgl) must_check;

/* The driver's disk number i, which drives the controller when it is polled. */
struct block_device *fake_disk(size_t i);

/* Whether there are admin commands that it did not fetch before it was gone. */
bool fake_was_asked_in_vain(void);

/* Lets it do what it was told. */
void fake_run(void);
