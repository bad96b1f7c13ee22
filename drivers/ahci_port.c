/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/ahci_port.h"

#include "mm/host.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define GONE UINT32_MAX /* what registers read as that nobody answers for */

/* How long things may take. */
enum {
	ENGINE_MS = 500, /* 10.1.2 */
	LINK_MS = 1000,
	READY_MS = 10000, /* a disk that spins up */
	COMMAND_MS = 10000,
	COMRESET_MS = 1, /* 10.4.2 */
};

enum { LINES_MAX = 32 };

static void say(struct ahci_port *port, const char *format, ...) printf_like(2, 3);

static void say(struct ahci_port *port, const char *format, ...)
{
	char text[200];
	size_t used = (size_t)snprintf(text, sizeof(text), "# %s: ", port->name);
	va_list arguments;

	if (port->lines++ >= LINES_MAX)
		return;
	va_start(arguments, format);
	vsnprintf(text + used, sizeof(text) - used, format, arguments);
	va_end(arguments);
	host_print(text);
}

static struct ahci_memory *memory_of(const struct ahci_port *port)
{
	return port->memory.virt;
}

static uint64_t address_of(const struct ahci_port *port, size_t offset)
{
	return port->memory.start.addr + offset;
}

/* --- Registers. --- */

static uint32_t get(const struct ahci_port *port, const volatile uint32_t *at)
{
	return port->adapter->access->read(at);
}

static void put(const struct ahci_port *port, volatile uint32_t *at, uint32_t value)
{
	port->adapter->access->write(at, value);
}

static void change(const struct ahci_port *port, volatile uint32_t *at, uint32_t clear,
		   uint32_t set)
{
	put(port, at, (get(port, at) & ~clear) | set);
}

static bool is_over(const struct ahci_port *port, uint64_t since, unsigned milliseconds)
{
	unsigned most = port->adapter->access->wait_ms;

	if (milliseconds > most)
		milliseconds = most;
	return host_nanoseconds() - since > milliseconds * (uint64_t)1000000;
}

/* Waits until the bits of a register have a value. False: they do not get it, or nobody is there.
 */
static bool wait_until(const struct ahci_port *port, const volatile uint32_t *at, uint32_t bits,
		       uint32_t value, unsigned milliseconds)
{
	uint64_t start = host_nanoseconds();
	bool late = false;

	for (;;) {
		uint32_t found = get(port, at);

		if (found == GONE)
			return false;
		if ((found & bits) == value)
			return true;
		if (late)
			return false;
		late = is_over(port, start, milliseconds);
	}
}

/* No commands, and after that no received FIS: 10.1.2. */
static bool stop_engines(struct ahci_port *port)
{
	volatile struct ahci_port_registers *r = port->registers;

	change(port, &r->cmd, AHCI_CMD_START, 0);
	if (!wait_until(port, &r->cmd, AHCI_CMD_LIST_RUNNING, 0, ENGINE_MS))
		return false;
	change(port, &r->cmd, AHCI_CMD_FIS_ENABLE, 0);
	return wait_until(port, &r->cmd, AHCI_CMD_FIS_RUNNING, 0, ENGINE_MS);
}

/* Clears errors, and waits for the disk before commands may come: 10.3.1. */
static bool start_engines(struct ahci_port *port)
{
	volatile struct ahci_port_registers *r = port->registers;

	change(port, &r->cmd, 0, AHCI_CMD_FIS_ENABLE);
	put(port, &r->serr, get(port, &r->serr));
	put(port, &r->is, get(port, &r->is));
	if (!wait_until(port, &r->tfd, AHCI_TFD_BUSY, 0, READY_MS))
		return false;
	change(port, &r->cmd, 0, AHCI_CMD_START);
	return true;
}

/* The link and the disk begin anew, and forget what they did: 10.4.2. */
static bool reset_link(struct ahci_port *port)
{
	volatile struct ahci_port_registers *r = port->registers;
	uint64_t start = host_nanoseconds();

	change(port, &r->sctl, 0xf, AHCI_DET_RESET);
	while (!is_over(port, start, COMRESET_MS))
		__builtin_ia32_pause();
	change(port, &r->sctl, 0xf, 0);
	return wait_until(port, &r->ssts, 0xf, AHCI_DET_READY, LINK_MS);
}

/* --- Commands. --- */

static void issue(struct ahci_port *port, uint32_t slots)
{
	port->issued |= slots;
	put(port, &port->registers->ci, slots);
}

/* IDENTIFY DEVICE, alone on the port. */
static const char *read_identity(struct ahci_port *port, struct ata_identity *identity)
{
	struct ahci_memory *memory = memory_of(port);
	const struct segment segment = {
		phys(address_of(port, offsetof(struct ahci_memory, identity))), ATA_IDENTIFY_BYTES};
	const struct ahci_task task = {
		.command = ATA_IDENTIFY_DEVICE, .segments = &segment, .nr_segments = 1};

	ahci_build(&memory->list[0], &memory->tables[0], &task);
	put(port, &port->registers->ci, 1);
	if (!wait_until(port, &port->registers->ci, 1, 0, COMMAND_MS) ||
	    (get(port, &port->registers->is) & AHCI_IS_ERRORS))
		return "it does not say what it is";
	return ata_identify(memory->identity, identity);
}

/* Requests are over, one way or another. Returns how many. */
static int complete(struct ahci_port *port, uint32_t slots, int status)
{
	int nr = 0;

	for (; slots; slots &= slots - 1) {
		unsigned slot = (unsigned)__builtin_ctz(slots);
		struct block_request *request = port->requests[slot];
		uint32_t transferred = memory_of(port)->list[slot].transferred;
		int result = status;

		if (!status && transferred != request->bytes) {
			say(port, "%u of %zu bytes were transferred at sector %llu", transferred,
			    request->bytes, (unsigned long long)request->sector);
			result = -EIO;
		}
		port->used &= ~((uint32_t)1 << slot);
		block_complete(&port->device.queue, request, result);
		nr++;
	}
	return nr;
}

/* The next command, when the adapter has none. */
static void issue_next(struct ahci_port *port)
{
	uint32_t slot = port->to_do & -port->to_do;

	if (!slot || port->issued)
		return;
	issue(port, slot);
}

static const char *operation_name(const struct block_request *request)
{
	return request->operation == BLOCK_FLUSH   ? "flush"
	       : request->operation == BLOCK_WRITE ? "write"
						   : "read";
}

/* The adapter stopped at the command that it had, which has failed. Starts it again. */
static int take_error(struct ahci_port *port, uint32_t *failed)
{
	volatile struct ahci_port_registers *r = port->registers;
	uint32_t tfd = get(port, &r->tfd);
	uint32_t is = get(port, &r->is);

	*failed = port->issued;
	if (!stop_engines(port) || !start_engines(port))
		return -EIO;
	if (port->issued) {
		const struct block_request *request = port->requests[__builtin_ctz(port->issued)];

		say(port, "%s error at sector %llu, %zu bytes: status %#x error %#x interrupt %#x",
		    operation_name(request), (unsigned long long)request->sector, request->bytes,
		    tfd & 0xff, tfd >> 8 & 0xff, is);
	}
	port->to_do &= ~port->issued;
	port->issued = 0;
	issue_next(port);
	return 0;
}

/* --- The block device. --- */

/* Fills a slot, and issues it unless the adapter has a command. */
static void start_request(struct ahci_port *port, struct block_request *request, unsigned slot)
{
	struct ahci_memory *memory = memory_of(port);
	struct ahci_task task = {
		.lba = request->sector * SECTOR_SIZE / port->identity.lba_bytes,
		.lbas = (uint32_t)(request->bytes / port->identity.lba_bytes),
		.segments = request->segments,
		.nr_segments = request->nr_segments,
		.command = request->operation == BLOCK_READ    ? ATA_READ_DMA_EXT
			   : request->operation == BLOCK_WRITE ? ATA_WRITE_DMA_EXT
							       : ATA_FLUSH_CACHE_EXT,
	};

	ahci_build(&memory->list[slot], &memory->tables[slot], &task);
	port->requests[slot] = request;
	port->used |= (uint32_t)1 << slot;
	port->to_do |= (uint32_t)1 << slot;
	issue_next(port);
}

static struct block_request *ahci_start(struct block_device *device, struct block_queue *queue,
					struct block_request *request)
{
	struct ahci_port *port = (struct ahci_port *)device;

	if (atomic_load(&port->adapter->dead)) {
		block_complete_all(queue, request, -ENODEV);
		return NULL;
	}
	while (request) {
		struct block_request *next = request->next;
		uint32_t free = port->slots & ~port->used;

		/* Where no writes are cached, what is written is on the medium. */
		if (request->operation == BLOCK_FLUSH && !port->identity.caches_writes)
			block_complete(queue, request, 0);
		else if (free)
			start_request(port, request, (unsigned)__builtin_ctz(free));
		else
			break;
		request = next;
	}
	return request;
}

static int ahci_poll(struct block_device *device, struct block_queue *queue)
{
	struct ahci_port *port = (struct ahci_port *)device;
	uint32_t issued, is, done, failed = 0;

	(void)queue;
	if (!port->used)
		return 0;
	/* In this order: a command that failed shows as an error as soon as it is not issued. */
	issued = get(port, &port->registers->ci);
	is = get(port, &port->registers->is);
	if (is == GONE || atomic_load(&port->adapter->dead))
		return -ENODEV;
	if (is & AHCI_IS_ERRORS) {
		if (take_error(port, &failed))
			return -EIO;
		return complete(port, failed, -EIO);
	}
	done = port->issued & ~issued;
	if (!done)
		return 0;
	/* Where nobody answers, all may read as zeros as well. */
	if (!(get(port, &port->registers->cmd) & AHCI_CMD_START))
		return -ENODEV;
	port->issued &= ~done;
	port->to_do &= ~done;
	issue_next(port);
	return complete(port, done, 0);
}

/* The adapter reaches no memory any more, for any of its ports. */
static void give_up(struct ahci_port *port)
{
	if (!atomic_exchange(&port->adapter->dead, true))
		pci_disable(port->adapter->function);
	say(port, "the adapter does not answer and is given up");
}

static bool is_same(const struct ata_identity *a, const struct ata_identity *b)
{
	return a->lbas == b->lbas && a->lba_bytes == b->lba_bytes &&
	       strcmp(a->model, b->model) == 0 && strcmp(a->serial, b->serial) == 0;
}

static bool restart(struct ahci_port *port)
{
	struct ata_identity now;

	return stop_engines(port) && reset_link(port) && start_engines(port) &&
	       !read_identity(port, &now) && is_same(&now, &port->identity);
}

static void ahci_recover(struct block_device *device, int why)
{
	struct ahci_port *port = (struct ahci_port *)device;
	uint32_t used = port->used;

	say(port, "%s: the port is reset", why == -ETIMEDOUT ? "no answer in time" : "no sense");
	if (atomic_load(&port->adapter->dead) || !restart(port))
		give_up(port);
	port->issued = 0;
	port->to_do = 0;
	(void)complete(port, used, why);
}

static const struct block_ops ahci_ops = {
	.start = ahci_start,
	.poll = ahci_poll,
	.recover = ahci_recover,
};

/* --- Open and close. --- */

static const char *find_disk(struct ahci_port *port)
{
	volatile struct ahci_port_registers *r = port->registers;

	if (AHCI_SSTS_DET(get(port, &r->ssts)) == 0)
		return "";
	if (!wait_until(port, &r->ssts, 0xf, AHCI_DET_READY, LINK_MS))
		return "its link does not come up";
	if (get(port, &r->sig) != AHCI_SIG_DISK)
		return "it is no disk";
	return NULL;
}

static void place_memory(struct ahci_port *port)
{
	uint64_t list = address_of(port, offsetof(struct ahci_memory, list));
	uint64_t received = address_of(port, offsetof(struct ahci_memory, received));

	for (unsigned i = 0; i < AHCI_SLOTS_MAX; i++)
		memory_of(port)->list[i].table =
			address_of(port, offsetof(struct ahci_memory, tables[i]));
	put(port, &port->registers->clb, (uint32_t)list);
	put(port, &port->registers->clbu, (uint32_t)(list >> 32));
	put(port, &port->registers->fb, (uint32_t)received);
	put(port, &port->registers->fbu, (uint32_t)(received >> 32));
	put(port, &port->registers->ie, 0);
}

static const char *start(struct ahci_port *port)
{
	if (dma_alloc(&port->memory, MEMORY_DRAM, sizeof(struct ahci_memory)))
		return "there is no memory for its commands";
	place_memory(port);
	if (!start_engines(port))
		return "it stays busy";
	return read_identity(port, &port->identity);
}

static int describe(struct ahci_port *port)
{
	const struct ata_identity *identity = &port->identity;

	port->slots = port->adapter->slots == AHCI_SLOTS_MAX
			      ? UINT32_MAX
			      : ((uint32_t)1 << port->adapter->slots) - 1;
	port->device = (struct block_device){
		.name = port->name,
		.ops = &ahci_ops,
		.sectors = identity->lbas * (identity->lba_bytes / SECTOR_SIZE),
		.block_size = identity->lba_bytes,
		.dma_alignment = 2,
		.max_segments = BLOCK_SEGMENTS_MAX,
		.max_bytes = ATA_SECTORS_MAX * (size_t)SECTOR_SIZE,
		.max_segment_bytes = AHCI_ENTRY_MAX,
	};
	port->disk.device = &port->device;
	port->disk.driver = "ahci";
	port->disk.function = port->adapter->function;
	memcpy(port->disk.model, identity->model, sizeof(identity->model));
	memcpy(port->disk.serial, identity->serial, sizeof(identity->serial));
	return block_device_init(&port->device);
}

const char *ahci_port_open(struct ahci_port *port, struct ahci_adapter *adapter,
			   volatile struct ahci_port_registers *registers)
{
	const char *fault;

	port->adapter = adapter;
	port->registers = registers;
	fault = find_disk(port);
	if (!fault && !stop_engines(port))
		fault = "it does not stop";
	if (fault)
		return fault;
	fault = start(port);
	if (!fault && describe(port))
		fault = "its limits make no sense";
	if (fault)
		ahci_port_close(port);
	return fault;
}

/* Memory that the adapter may still reach is not given back. */
void ahci_port_close(struct ahci_port *port)
{
	if (stop_engines(port))
		dma_free(&port->memory);
}
