/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/harness/fake_nvme.h"

#include "mm/host.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

#include <string.h>

struct fake_nvme fake;

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* --- Memory, as the controller reaches it. --- */

/* Up to `*length` bytes in one page; that becomes what they are. NULL: the controller must not. */
static char *reach_part(uint64_t address, size_t *length)
{
	struct page_info info;
	size_t rest;

	if (!fake.dma)
		fail("%#llx is reached while DMA is off", (unsigned long long)address);
	if (page_look(phys_to_pfn(phys(address)), &info)) {
		fail("%#llx is no memory", (unsigned long long)address);
		return NULL;
	}
	if (info.pins == 0)
		fail("%#llx is reached without a pin", (unsigned long long)address);
	rest = pfn_to_phys(info.start).addr + info.size - address;
	*length = smaller(*length, rest);
	return host_virt(phys(address));
}

/* What lies in one page. */
static char *reach(uint64_t address, size_t length)
{
	size_t part = length;
	char *memory = reach_part(address, &part);

	if (part == length)
		return memory;
	fail("%zu bytes at %#llx reach past their page", length, (unsigned long long)address);
	return NULL;
}

/* A run of sectors that is under way: what is done moves on. */
struct transfer {
	bool write;
	char *const *medium; /* areas */
	size_t at;           /* bytes from its start */
	size_t bytes;        /* that are left */
};

static void move(struct transfer *transfer, uint64_t address, size_t length)
{
	expect(length <= transfer->bytes);
	length = smaller(length, transfer->bytes);
	transfer->bytes -= length;
	while (length > 0) {
		size_t part = smaller(length, AREA_SIZE - transfer->at % AREA_SIZE);
		char *memory = reach_part(address, &part);
		char *sectors =
			transfer->medium[transfer->at / AREA_SIZE] + transfer->at % AREA_SIZE;

		if (!memory)
			return;
		if (transfer->write)
			memcpy(sectors, memory, part);
		else
			memcpy(memory, sectors, part);
		transfer->at += part;
		address += part;
		length -= part;
	}
}

static void move_by_prps(struct transfer *transfer, const union nvme_data *data)
{
	uint64_t list = data->prp2;

	move(transfer, data->prp1, smaller(PAGE_SIZE - data->prp1 % PAGE_SIZE, transfer->bytes));
	if (transfer->bytes == 0)
		expect_eq(data->prp2, 0);
	if (transfer->bytes > 0 && transfer->bytes <= PAGE_SIZE) {
		move(transfer, data->prp2, transfer->bytes);
		return;
	}
	while (transfer->bytes > 0) {
		const uint64_t *entry = (const uint64_t *)reach(list, sizeof(*entry));

		if (!entry)
			return;
		if (list % PAGE_SIZE == PAGE_SIZE - sizeof(*entry) && transfer->bytes > PAGE_SIZE) {
			list = *entry;
			continue;
		}
		expect_eq(*entry % PAGE_SIZE, 0);
		move(transfer, *entry, smaller(PAGE_SIZE, transfer->bytes));
		list += sizeof(*entry);
	}
}

static void move_by_sgl(struct transfer *transfer, const struct nvme_sgl_descriptor *sgl)
{
	size_t nr = 1;

	if (sgl->type == NVME_SGL_LAST_SEGMENT) {
		nr = sgl->length / sizeof(*sgl);
		sgl = (const struct nvme_sgl_descriptor *)reach(sgl->address, sgl->length);
	}
	for (size_t i = 0; sgl && i < nr; i++) {
		expect_eq(sgl[i].type, NVME_SGL_DATA);
		move(transfer, sgl[i].address, sgl[i].length);
	}
	expect_eq(transfer->bytes, 0);
}

/* --- I/O commands. --- */

static unsigned do_io(const struct nvme_command *command)
{
	const struct nvme_identify_namespace *namespace;
	struct transfer transfer = {.write = command->opcode == NVME_WRITE};
	unsigned shift;

	fake.last = *command;
	expect_eq(command->reserved | command->metadata | command->dword13, 0);
	expect_eq(command->dword14 | command->dword15, 0);
	if (fake.nr_statuses > 0) {
		fake.nr_statuses--;
		return fake.io_status;
	}
	if (command->opcode == NVME_FLUSH)
		return 0;
	if (command->nsid == 0 || command->nsid > FAKE_NAMESPACES)
		return NVME_STATUS_INVALID_NAMESPACE;
	namespace = &fake.namespaces[command->nsid - 1];
	shift = namespace->formats[namespace->format & NVME_FORMAT_INDEX].block_shift;
	transfer.medium = fake.medium[command->nsid - 1];
	transfer.at = (command->dword10 | (uint64_t)command->dword11 << 32) << shift;
	transfer.bytes = ((command->dword12 & 0xffff) + 1ULL) << shift;
	if (transfer.at + transfer.bytes > FAKE_AREAS * AREA_SIZE)
		return NVME_STATUS_LBA_RANGE;
	if (command->flags & NVME_COMMAND_SGL)
		move_by_sgl(&transfer, &command->data.sgl);
	else
		move_by_prps(&transfer, &command->data);
	return 0;
}

/* --- Admin commands. --- */

static unsigned identify(const struct nvme_command *command)
{
	const void *answer = NULL;
	char *memory = reach(command->data.prp1, NVME_IDENTIFY_BYTES);

	switch (command->dword10) {
	case NVME_CNS_CONTROLLER:
		answer = &fake.controller;
		break;
	case NVME_CNS_NAMESPACE:
		if (command->nsid >= 1 && command->nsid <= FAKE_NAMESPACES)
			answer = &fake.namespaces[command->nsid - 1];
		break;
	case NVME_CNS_ACTIVE_NAMESPACES:
		answer = fake.list;
		break;
	case NVME_CNS_DESCRIPTORS:
		expect(fake.cap & NVME_CAP_COMMAND_SETS || fake.version >= NVME_VERSION_1_3);
		answer = fake.no_descriptors ? NULL : fake.descriptors;
		break;
	}
	if (!answer || !memory)
		return NVME_STATUS_INVALID_FIELD;
	memcpy(memory, answer, NVME_IDENTIFY_BYTES);
	return 0;
}

static unsigned create(const struct nvme_command *command)
{
	unsigned number = command->dword10 & 0xffff;
	unsigned entries = (command->dword10 >> 16) + 1;
	struct fake_ring *ring = &fake.rings[number];

	if (number == 0 || number > FAKE_QUEUES || entries > nvme_cap_entries(fake.cap) ||
	    command->data.prp1 % PAGE_SIZE != 0 || !(command->dword11 & NVME_QUEUE_CONTIGUOUS))
		return NVME_STATUS_INVALID_FIELD;
	if (command->opcode == NVME_CREATE_CQ) {
		ring->completions = (void *)reach(command->data.prp1, 16 * entries);
		ring->cq_entries = entries;
		ring->tail = 0;
		ring->phase = 1;
		return 0;
	}
	if (!ring->completions || command->dword11 >> 16 != number)
		return NVME_STATUS_INVALID_FIELD;
	ring->commands = (void *)reach(command->data.prp1, 64 * entries);
	ring->sq_entries = entries;
	ring->head = 0;
	return 0;
}

static unsigned do_admin(const struct nvme_command *command, uint32_t *result)
{
	if (command->opcode == fake.failing_admin)
		return NVME_STATUS_INTERNAL;
	switch (command->opcode) {
	case NVME_IDENTIFY:
		return identify(command);
	case NVME_SET_FEATURES:
		*result = (fake.completion_queues - 1) << 16 | (fake.submission_queues - 1);
		return 0;
	case NVME_CREATE_CQ:
	case NVME_CREATE_SQ:
		return create(command);
	}
	return NVME_STATUS_INVALID_FIELD;
}

/* --- Queues. --- */

static volatile uint32_t *doorbell(unsigned number, unsigned completions)
{
	return &fake.doorbells[(2 * number + completions) * FAKE_STRIDE / sizeof(uint32_t)];
}

static void complete(struct fake_ring *ring, unsigned number, unsigned id, uint32_t result,
		     unsigned status)
{
	struct nvme_completion *to = &ring->completions[ring->tail];
	uint64_t head = ring->head;

	if ((ring->tail + 1) % ring->cq_entries == *doorbell(number, 1))
		fail("completion queue %u overflows", number);
	if (number > 0) {
		id += fake.fault == FAKE_BAD_ID ? 0x4000 : 0;
		id ^= fake.fault == FAKE_IDLE_ID ? 1 : 0;
		number += fake.fault == FAKE_BAD_QUEUE;
		head += fake.fault == FAKE_BAD_HEAD ? ring->sq_entries : 0;
	}
	to->result = result;
	*(volatile uint64_t *)&to->word = head | (uint64_t)number << 16 | (uint64_t)id << 32 |
					  (uint64_t)ring->phase << 48 | (uint64_t)status << 49;
	if (++ring->tail == ring->cq_entries) {
		ring->tail = 0;
		ring->phase ^= 1;
	}
}

static void do_command(struct fake_ring *ring, unsigned number, const struct nvme_command *command)
{
	uint32_t result = 0;
	unsigned status = number ? do_io(command) : do_admin(command, &result);

	fake.nr_commands++;
	if (fake.nr_commands == fake.gone_after)
		fake.fault = FAKE_GONE;
	if (fake.fault == FAKE_SILENT)
		fake.nr_unanswered++;
	if (fake.fault != FAKE_SILENT && fake.fault != FAKE_GONE)
		complete(ring, number, command->id, result, status);
}

static void run_ring(unsigned number)
{
	struct fake_ring *ring = &fake.rings[number];
	struct nvme_command fetched[NVME_QUEUE_ENTRIES];
	unsigned tail = *doorbell(number, 0);
	size_t nr = 0;

	if (!ring->commands)
		return;
	require(tail < ring->sq_entries && *doorbell(number, 1) < ring->cq_entries);
	while (ring->head != tail) {
		require(nr < ARRAY_SIZE(fetched));
		fetched[nr++] = ring->commands[ring->head];
		ring->head = (ring->head + 1) % ring->sq_entries;
	}
	for (size_t i = 0; i < nr; i++)
		do_command(ring, number, &fetched[fake.backwards ? nr - 1 - i : i]);
}

static bool is_gone(void)
{
	return fake.fault == FAKE_GONE || fake.fault == FAKE_ZEROS;
}

bool fake_was_asked_in_vain(void)
{
	return fake.rings[0].commands && *doorbell(0, 0) != fake.rings[0].head;
}

void fake_run(void)
{
	if (is_gone() || !(fake.values[NVME_CSTS / 4] & NVME_CSTS_READY))
		return;
	for (unsigned number = 0; number <= FAKE_QUEUES; number++)
		run_ring(number);
}

/* --- Registers. --- */

static void enable(void)
{
	uint32_t aqa = fake.values[NVME_AQA / 4];
	const uint32_t *values = fake.values;

	memset(fake.rings, 0, sizeof(fake.rings));
	memset((void *)fake.doorbells, 0, sizeof(fake.doorbells));
	if (fake.fault == FAKE_NEVER_READY)
		return;
	fake.values[NVME_CSTS / 4] = NVME_CSTS_READY;
	if (fake.fault == FAKE_FATAL)
		fake.values[NVME_CSTS / 4] = NVME_CSTS_FATAL;
	fake.rings[0] = (struct fake_ring){
		.commands = (void *)reach(
			values[NVME_ASQ / 4] | (uint64_t)values[NVME_ASQ / 4 + 1] << 32, 64),
		.completions = (void *)reach(
			values[NVME_ACQ / 4] | (uint64_t)values[NVME_ACQ / 4 + 1] << 32, 16),
		.sq_entries = (aqa & 0xfff) + 1,
		.cq_entries = (aqa >> 16) + 1,
		.phase = 1,
	};
}

static void write_cc(uint32_t before, uint32_t value)
{
	if ((value & NVME_CC_SHUTDOWN) == NVME_CC_SHUTDOWN_NORMAL) {
		fake.shut_down = true;
		fake.values[NVME_CSTS / 4] |= NVME_CSTS_SHUTDOWN_DONE;
	}
	if (!(before & NVME_CC_ENABLE) && (value & NVME_CC_ENABLE)) {
		enable();
	} else if ((before & NVME_CC_ENABLE) && !(value & NVME_CC_ENABLE)) {
		fake.resets++;
		fake.nr_unanswered = 0;
		if (fake.fault != FAKE_NEVER_STOPS)
			fake.values[NVME_CSTS / 4] = 0;
	}
}

static uint32_t read_register(const struct nvme_registers *registers, enum nvme_register at)
{
	(void)registers;
	if (is_gone())
		return fake.fault == FAKE_ZEROS ? 0 : NVME_GONE;
	if (at == NVME_CSTS)
		fake_run();
	return fake.values[at / 4];
}

static void write_register(const struct nvme_registers *registers, enum nvme_register at,
			   uint32_t value)
{
	uint32_t before = fake.values[at / 4];

	(void)registers;
	if (is_gone())
		return;
	fake.values[at / 4] = value;
	if (at == NVME_CC)
		write_cc(before, value);
}

static void set_dma(const struct nvme_registers *registers, bool on)
{
	(void)registers;
	if (on && fake.nr_unanswered > 0)
		fail("memory is given to a controller that was not reset and has commands");
	fake.dma = on;
}

/* --- For tests. --- */

static const struct block_ops *driver_ops;
static struct block_ops ops;

static int run_and_poll(struct block_device *device, struct block_queue *queue)
{
	fake_run();
	return driver_ops->poll(device, queue);
}

/* Of the test that runs. */
static bool has_medium;
static char *medium[FAKE_NAMESPACES][FAKE_AREAS];

static void close_fake(void *unused)
{
	(void)unused;
	has_medium = false;
	fake.fault = FAKE_SOUND;
	nvme_controller_close(&fake.nvme.controller);
}

static void take_medium(void)
{
	has_medium = true;
	test_cleanup(close_fake, NULL);
	for (size_t i = 0; i < FAKE_NAMESPACES; i++)
		for (size_t area = 0; area < FAKE_AREAS; area++)
			medium[i][area] = test_virt(test_take(MEMORY_DRAM, AREA_SIZE), 0);
}

void fake_create(void)
{
	memset(&fake, 0, sizeof(fake));
	fake.nvme.controller.name = "fake0";
	fake.nvme.controller.registers = &fake.registers;
	fake.registers = (struct nvme_registers){
		.read = read_register,
		.write = write_register,
		.set_dma = set_dma,
		.doorbells = (volatile char *)fake.doorbells,
		.doorbell_bytes = sizeof(fake.doorbells),
	};
	if (!has_medium)
		take_medium();
	memcpy(fake.medium, medium, sizeof(medium));
	/* Queues of 16 entries, 500 ms, doorbells 8 bytes apart. */
	fake.cap = 15 | 1ULL << 24 | 1ULL << 32 | NVME_CAP_NVM_COMMANDS;
	fake.version = 0x00010400;
	fake.submission_queues = FAKE_QUEUES;
	fake.completion_queues = FAKE_QUEUES;
	fake.controller = (struct nvme_identify_controller){
		.serial = "FAKE-1              ",
		.model = "A controller in memory                  ",
		.sqes = 0x66,
		.cqes = 0x44,
		.nr_namespaces = FAKE_NAMESPACES,
		.vwc = NVME_VWC_PRESENT,
		.sgls = 1,
	};
	for (uint32_t i = 0; i < FAKE_NAMESPACES; i++) {
		fake.list[i] = i + 1;
		fake.namespaces[i] = (struct nvme_identify_namespace){
			.blocks = FAKE_AREAS * AREA_SIZE >> (i ? 12 : 9),
			.last_format = 1,
			.format = (uint8_t)i,
			.formats = {{.block_shift = 9}, {.block_shift = 12}, {.block_shift = 9}},
		};
	}
}

int fake_open(unsigned queues, bool sgl)
{
	struct nvme_controller *controller = &fake.nvme.controller;
	int error;

	fake.values[NVME_CAP / 4] = (uint32_t)fake.cap;
	fake.values[NVME_CAP / 4 + 1] = (uint32_t)(fake.cap >> 32);
	fake.values[NVME_VS / 4] = fake.version;
	controller->choice = (struct nvme_choice){.memory = MEMORY_DRAM, .sgl = sgl};
	error = nvme_controller_init(controller, queues);
	if (!error)
		nvme_find_disks(&fake.nvme);
	return error;
}

struct block_device *fake_disk(size_t i)
{
	struct block_device *device = &fake.nvme.disks[i].device;

	require(i < fake.nvme.nr_disks);
	if (device->ops != &ops) {
		driver_ops = device->ops;
		ops = *driver_ops;
		ops.poll = run_and_poll;
		device->ops = &ops;
	}
	return device;
}
