/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/edu.h"

#include "drivers/dma.h"
#include "drivers/edu_regs.h"
#include "drivers/pci_devices.h"
#include "drivers/pci_regs.h"
#include "kernel/console.h"
#include "kernel/mmio.h"
#include "mm/host.h"

#include <errno.h>

enum { EDUS_MAX = 4 };

#define TIMEOUT_NS 2000000000ull /* many times what anything takes */

/* What every such device reaches. */
#define REACH_LEAST (1ull << 28)

struct edu {
	const struct pci_function *function;
	volatile struct edu_registers *registers;
	uint64_t reach;
	bool given_up;
};

static struct edu edus[EDUS_MAX];
static size_t nr_edus;

struct edu *edu_next(const struct edu *after)
{
	size_t next = after ? (size_t)(after - edus) + 1 : 0;

	return next < nr_edus ? &edus[next] : NULL;
}

const struct pci_function *edu_function(const struct edu *edu)
{
	return edu->function;
}

phys_t edu_reach(const struct edu *edu)
{
	return phys(edu->reach);
}

/* Registers that nobody answers for read as ones or, in QEMU, as zeros: neither is this. */
static bool is_there(const struct edu *edu)
{
	return (mmio_read32(&edu->registers->identification) & EDU_IDENTIFICATION_MASK) ==
	       EDU_IDENTIFICATION;
}

/* Ends the device's DMA. */
static int give_up(struct edu *edu, int why)
{
	pci_disable(edu->function);
	edu->given_up = true;
	console_line("# edu%td: %s; its bus mastering is off", edu - edus,
		     why == -ENODEV ? "it is gone" : "it takes too long");
	return why;
}

bool edu_complements(struct edu *edu, uint32_t value)
{
	mmio_write32(&edu->registers->liveness, value);
	return mmio_read32(&edu->registers->liveness) == ~value;
}

int edu_factorial(struct edu *edu, uint32_t number, uint32_t *result)
{
	uint64_t start = host_nanoseconds();

	if (edu->given_up)
		return -ENODEV;
	mmio_write32(&edu->registers->factorial, number);
	while (mmio_read32(&edu->registers->status) & EDU_STATUS_COMPUTING)
		if (host_nanoseconds() - start > TIMEOUT_NS)
			return give_up(edu, is_there(edu) ? -ETIMEDOUT : -ENODEV);
	*result = mmio_read32(&edu->registers->factorial);
	return is_there(edu) ? 0 : give_up(edu, -ENODEV);
}

/* --- Transfers. --- */

static bool is_reached(const struct edu *edu, struct segment segment)
{
	if (segment.start.addr < edu->reach && segment.length <= edu->reach - segment.start.addr)
		return true;
	console_line(
		"# edu%td: refused %zu bytes at %#llx: it is known to reach memory below %#llx; "
		"all with the property dma_mask=0xffffffffffffffff",
		edu - edus, segment.length, (unsigned long long)segment.start.addr,
		(unsigned long long)edu->reach);
	return false;
}

static void run(struct edu *edu, enum edu_direction direction, struct segment segment, size_t at)
{
	volatile struct edu_registers *registers = edu->registers;
	bool to_memory = direction == EDU_TO_MEMORY;
	uint64_t buffer = EDU_BUFFER + at;

	mmio_write64(&registers->dma_source, to_memory ? buffer : segment.start.addr);
	mmio_write64(&registers->dma_destination, to_memory ? segment.start.addr : buffer);
	mmio_write64(&registers->dma_count, segment.length);
	mmio_write64(&registers->dma_command, EDU_DMA_RUN | (to_memory ? EDU_DMA_TO_MEMORY : 0));
}

int edu_start(struct edu *edu, enum edu_direction direction, struct segment segment, size_t at)
{
	int error;

	if (edu->given_up)
		return -ENODEV;
	if (segment.length == 0 || at >= EDU_BYTES || segment.length > EDU_BYTES - at)
		return -EINVAL;
	if (!is_reached(edu, segment))
		return -ERANGE;
	error = edu_poll(edu);
	if (error)
		return error == -EINPROGRESS ? -EBUSY : error;
	run(edu, direction, segment, at);
	return 0;
}

int edu_poll(struct edu *edu)
{
	bool running;

	if (edu->given_up)
		return -ENODEV;
	running = mmio_read64(&edu->registers->dma_command) & EDU_DMA_RUN;
	if (!is_there(edu))
		return give_up(edu, -ENODEV);
	return running ? -EINPROGRESS : 0;
}

int edu_wait(struct edu *edu, uint64_t nanoseconds)
{
	uint64_t start = host_nanoseconds();
	int result;

	while ((result = edu_poll(edu)) == -EINPROGRESS)
		if (host_nanoseconds() - start > nanoseconds)
			return give_up(edu, -ETIMEDOUT);
	return result;
}

int edu_transfer(struct edu *edu, enum edu_direction direction, const struct segment *segments,
		 size_t nr)
{
	size_t at = 0;
	int error = 0;

	for (size_t i = 0; i < nr && !error; i++) {
		error = edu_start(edu, direction, segments[i], at);
		if (!error)
			error = edu_wait(edu, TIMEOUT_NS);
		at += segments[i].length;
	}
	return error;
}

/* --- Begin. --- */

/*
 * The device's memory and its registers apart, for a transfer that was under way when the device
 * was given up would go on as soon as it is bus master again.
 */
int edu_restart(struct edu *edu)
{
	uint64_t start = host_nanoseconds();

	pci_write16(edu->function, offsetof(struct pci_header, command), PCI_COMMAND_MEMORY);
	if (!is_there(edu))
		return give_up(edu, -ENODEV);
	while (mmio_read64(&edu->registers->dma_command) & EDU_DMA_RUN)
		if (host_nanoseconds() - start > TIMEOUT_NS)
			return give_up(edu, -ETIMEDOUT);
	pci_enable(edu->function);
	edu->given_up = false;
	return 0;
}

/*
 * Whether the device reads at this address, and not at another: what is there must come back by
 * way of memory that it reaches for sure. It only reads there, since nobody knows whose memory it
 * would write to.
 */
static bool reads_at(struct edu *edu, const struct dma_memory *far, const struct dma_memory *near)
{
	const uint64_t mark = host_nanoseconds() ^ far->start.addr * 0x9e3779b97f4a7c15ull;
	const struct segment source = {far->start, sizeof(mark)};
	const struct segment target = {near->start, sizeof(mark)};

	*(volatile uint64_t *)far->virt = mark;
	*(volatile uint64_t *)near->virt = ~mark;
	edu->reach = UINT64_MAX;
	return edu_transfer(edu, EDU_FROM_MEMORY, &source, 1) == 0 &&
	       edu_transfer(edu, EDU_TO_MEMORY, &target, 1) == 0 &&
	       *(volatile uint64_t *)near->virt == mark;
}

/* The lowest bits are those that are reached: up to the highest one of an address that is. */
static void find_reach_in(struct edu *edu, enum memory_kind kind, const struct dma_memory *near)
{
	uint64_t reach = edu->reach;
	struct dma_memory far;

	if (dma_alloc(&far, kind, PAGE_SIZE))
		return;
	if (far.start.addr >= reach && reads_at(edu, &far, near))
		reach = 1ull << (64 - __builtin_clzll(far.start.addr));
	edu->reach = reach;
	dma_free(&far);
}

static int find_reach(struct edu *edu)
{
	struct dma_memory near;
	int error = dma_alloc(&near, MEMORY_DRAM, PAGE_SIZE);

	edu->reach = REACH_LEAST;
	if (error)
		return error;
	if (near.start.addr < REACH_LEAST) {
		find_reach_in(edu, MEMORY_DRAM, &near);
		find_reach_in(edu, MEMORY_PERSISTENT, &near);
	}
	dma_free(&near);
	return edu->given_up ? -ENODEV : 0;
}

static bool edu_takes(const struct pci_function *function)
{
	return function->vendor_id == EDU_VENDOR && function->device_id == EDU_DEVICE;
}

static void edu_probe(const struct pci_function *function)
{
	struct edu *edu = &edus[nr_edus];
	uint64_t bytes;

	if (nr_edus == EDUS_MAX)
		return;
	*edu = (struct edu){.function = function};
	edu->registers = pci_map(function, 0, sizeof(*edu->registers), &bytes);
	if (!edu->registers || edu_restart(edu) || find_reach(edu))
		return;
	nr_edus++;
	console_line("# edu name=edu%td identification=%#x reach=%#llx", edu - edus,
		     mmio_read32(&edu->registers->identification), (unsigned long long)edu->reach);
}

static void edu_shutdown(void)
{
	for (size_t i = 0; i < nr_edus; i++)
		pci_disable(edus[i].function);
}

const struct pci_driver edu_driver = {
	.name = "edu",
	.takes = edu_takes,
	.probe = edu_probe,
	.shutdown = edu_shutdown,
};
