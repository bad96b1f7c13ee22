/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/nvme_controller.h"

#include "mm/host.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* How long an admin command may take: none that is used here touches the medium. */
enum { ADMIN_TIMEOUT_MS = 5000 };

/* CAP.TO may say two minutes, which is longer than the watchdog waits. */
enum { READY_TIMEOUT_MS_MIN = 500, READY_TIMEOUT_MS_MAX = 30000, SHUTDOWN_TIMEOUT_MS = 5000 };

/* Admin memory: the rings, and what identify answers. */
enum { ADMIN_CQ = PAGE_SIZE, ADMIN_IDENTIFY = 2 * PAGE_SIZE, ADMIN_BYTES = 3 * PAGE_SIZE };

/* --- The report. --- */

void nvme_say(struct nvme_controller *controller, const char *name, const char *format, ...)
{
	unsigned before = atomic_fetch_add(&controller->lines, 1);
	char line[200];
	int length = snprintf(line, sizeof(line), "# %s: ", name);
	va_list arguments;

	if (before == NVME_LINES_MAX) {
		snprintf(line, sizeof(line), "# %s: more is not reported", controller->name);
	} else {
		va_start(arguments, format);
		vsnprintf(line + length, sizeof(line) - (size_t)length, format, arguments);
		va_end(arguments);
	}
	if (before <= NVME_LINES_MAX)
		host_print(line);
}

#define say(controller, ...) nvme_say(controller, (controller)->name, __VA_ARGS__)

/* --- Registers. --- */

static uint32_t read32(const struct nvme_controller *controller, enum nvme_register at)
{
	return controller->registers->read(controller->registers, at);
}

static void write32(const struct nvme_controller *controller, enum nvme_register at, uint32_t value)
{
	controller->registers->write(controller->registers, at, value);
}

static uint64_t read64(const struct nvme_controller *controller, enum nvme_register at)
{
	uint64_t low = read32(controller, at);

	return low | (uint64_t)read32(controller, at + 4) << 32;
}

static void write64(const struct nvme_controller *controller, enum nvme_register at, uint64_t value)
{
	write32(controller, at, (uint32_t)value);
	write32(controller, at + 4, (uint32_t)(value >> 32));
}

static void point_to_doorbells(const struct nvme_controller *controller, struct nvme_pair *pair)
{
	unsigned stride = nvme_cap_doorbell_stride(controller->cap);
	volatile char *doorbells = controller->registers->doorbells;

	pair->sq_doorbell = (volatile uint32_t *)(doorbells + 2u * pair->number * stride);
	pair->cq_doorbell = (volatile uint32_t *)(doorbells + (2u * pair->number + 1) * stride);
}

/* How many pairs of queues, the admin queues included, there are doorbells for. */
static uint64_t nr_doorbell_pairs(const struct nvme_controller *controller)
{
	return controller->registers->doorbell_bytes /
	       (2 * nvme_cap_doorbell_stride(controller->cap));
}

struct deadline {
	uint64_t end;
};

static struct deadline deadline_in(unsigned milliseconds)
{
	return (struct deadline){host_nanoseconds() + milliseconds * (uint64_t)1000000};
}

static bool is_over(struct deadline deadline)
{
	return host_nanoseconds() > deadline.end;
}

/* Waits until these bits of CSTS are `wanted`. */
static int wait_for_status(struct nvme_controller *controller, uint32_t mask, uint32_t wanted,
			   unsigned milliseconds)
{
	struct deadline deadline = deadline_in(milliseconds);

	for (;;) {
		bool late = is_over(deadline);
		uint32_t status = read32(controller, NVME_CSTS);

		if (status == NVME_GONE) {
			say(controller, "its registers read all ones: the controller is gone");
			return -ENODEV;
		}
		if ((status & mask) == wanted)
			return 0;
		/* A failed controller may still be reset. */
		if ((status & NVME_CSTS_FATAL) && (wanted & NVME_CSTS_READY)) {
			say(controller, "the controller says that it failed, status %#x", status);
			return -ENODEV;
		}
		if (late) {
			say(controller, "status %#x after %u ms, expected %#x of %#x", status,
			    milliseconds, wanted, mask);
			return -ENODEV;
		}
		__builtin_ia32_pause();
	}
}

static unsigned ready_timeout_ms(const struct nvme_controller *controller)
{
	unsigned timeout = nvme_cap_timeout_ms(controller->cap);

	if (timeout < READY_TIMEOUT_MS_MIN)
		return READY_TIMEOUT_MS_MIN;
	return timeout < READY_TIMEOUT_MS_MAX ? timeout : READY_TIMEOUT_MS_MAX;
}

/* --- Admin commands, one at a time. --- */

static struct nvme_command *admin_command(struct nvme_controller *controller, uint8_t opcode)
{
	struct nvme_command *command = nvme_pair_next(&controller->admin);

	*command = (struct nvme_command){.opcode = opcode, .id = ++controller->next_id};
	return command;
}

/*
 * What does not answer one command is not asked another, or many waits would add up; and it is out
 * of use.
 */
static void lose_answers(struct nvme_controller *controller)
{
	controller->answers = false;
	atomic_store(&controller->working, false);
	controller->registers->set_dma(controller->registers, false);
}

/* Waits for the completion. 0: `word` has it. */
static int wait_for_completion(struct nvme_controller *controller, uint64_t *word)
{
	struct deadline deadline = deadline_in(ADMIN_TIMEOUT_MS);

	for (;;) {
		bool late = is_over(deadline);
		uint32_t status = read32(controller, NVME_CSTS);

		if (nvme_pair_peek(&controller->admin, word))
			return 0;
		if (status == NVME_GONE || (status & NVME_CSTS_FATAL) || late) {
			say(controller, "admin command %u gets no answer, status %#x",
			    controller->next_id, status);
			lose_answers(controller);
			return -ENODEV;
		}
		__builtin_ia32_pause();
	}
}

/* Submits that command. `result`, unless NULL, gets the answer's first word. */
static int admin_execute(struct nvme_controller *controller, const struct nvme_command *command,
			 uint32_t *result)
{
	struct nvme_pair *admin = &controller->admin;
	uint64_t word;
	int error;

	if (!controller->answers)
		return -ENODEV;
	nvme_pair_submit(admin);
	error = wait_for_completion(controller, &word);
	if (error)
		return error;
	if (!nvme_pair_owns(admin, word) || nvme_completion_id(word) != controller->next_id) {
		say(controller, "admin command %u is answered by %#llx, which is another one's",
		    controller->next_id, (unsigned long long)word);
		lose_answers(controller);
		return -EPROTO;
	}
	if (result)
		*result = admin->completions[admin->head].result;
	nvme_pair_advance(admin);
	nvme_pair_acknowledge(admin);
	if (nvme_completion_status(word)) {
		say(controller, "admin command %#x fails with status %#x", command->opcode,
		    nvme_completion_status(word));
		return -EIO;
	}
	return 0;
}

static int identify(struct nvme_controller *controller, enum nvme_cns cns, uint32_t nsid)
{
	struct nvme_command *command = admin_command(controller, NVME_IDENTIFY);

	command->nsid = nsid;
	command->data.prp1 = controller->admin_memory.start.addr + ADMIN_IDENTIFY;
	command->dword10 = cns;
	return admin_execute(controller, command, NULL);
}

static const void *identified(const struct nvme_controller *controller)
{
	return (const char *)controller->admin_memory.virt + ADMIN_IDENTIFY;
}

const void *nvme_identify(struct nvme_controller *controller, enum nvme_cns cns, uint32_t nsid)
{
	return identify(controller, cns, nsid) ? NULL : identified(controller);
}

/* --- The start. --- */

static int disable(struct nvme_controller *controller)
{
	write32(controller, NVME_CC, read32(controller, NVME_CC) & ~NVME_CC_ENABLE);
	return wait_for_status(controller, NVME_CSTS_READY, 0, ready_timeout_ms(controller));
}

/* Starts a disabled controller with empty admin queues. */
static int enable(struct nvme_controller *controller)
{
	struct nvme_pair *admin = &controller->admin;
	struct dma_memory *memory = &controller->admin_memory;
	uint32_t entries = NVME_QUEUE_ENTRIES - 1;

	memset(memory->virt, 0, memory->bytes);
	admin->commands = memory->virt;
	admin->completions = (void *)((char *)memory->virt + ADMIN_CQ);
	admin->entries = NVME_QUEUE_ENTRIES;
	admin->number = 0;
	nvme_pair_reset(admin);
	point_to_doorbells(controller, admin);
	controller->registers->set_dma(controller->registers, true);
	write32(controller, NVME_INTMS, UINT32_MAX);
	write32(controller, NVME_AQA, entries << NVME_AQA_CQ_SHIFT | entries);
	write64(controller, NVME_ASQ, memory->start.addr);
	write64(controller, NVME_ACQ, memory->start.addr + ADMIN_CQ);
	/* Memory pages of 4 KiB, the NVM command set, round robin. */
	write32(controller, NVME_CC,
		6 << NVME_CC_SQ_ENTRY_SHIFT | 4 << NVME_CC_CQ_ENTRY_SHIFT | NVME_CC_ENABLE);
	controller->answers = true;
	return wait_for_status(controller, NVME_CSTS_READY, NVME_CSTS_READY,
			       ready_timeout_ms(controller));
}

static int check_capabilities(struct nvme_controller *controller)
{
	uint64_t cap = controller->cap;

	if (cap == UINT64_MAX) {
		say(controller, "its registers read all ones: the controller is gone");
		return -ENODEV;
	}
	if (!(cap & NVME_CAP_NVM_COMMANDS) || nvme_cap_page_shift_min(cap) != PAGE_SHIFT) {
		say(controller,
		    "capabilities %#llx: no NVM command set, or none with pages of 4 KiB",
		    (unsigned long long)cap);
		return -EOPNOTSUPP;
	}
	if (nvme_cap_entries(cap) < 2 || nr_doorbell_pairs(controller) < 2) {
		say(controller,
		    "capabilities %#llx: queues of %u entries, doorbells for %llu pairs of them",
		    (unsigned long long)cap, nvme_cap_entries(cap),
		    (unsigned long long)nr_doorbell_pairs(controller));
		return -EPROTO;
	}
	return 0;
}

/* Whether the size of our queue entries, by its logarithm, is between the least and the most. */
static bool takes_entries(uint8_t sizes, unsigned shift)
{
	return (sizes & 0xf) <= shift && shift <= sizes >> 4;
}

static int learn_identity(struct nvme_controller *controller)
{
	int error = identify(controller, NVME_CNS_CONTROLLER, 0);
	struct nvme_identify_controller id;

	if (error)
		return error;
	memcpy(&id, identified(controller), sizeof(id));
	if (!takes_entries(id.sqes, 6) || !takes_entries(id.cqes, 4)) {
		say(controller, "queue entries have other sizes here: SQES=%#x CQES=%#x", id.sqes,
		    id.cqes);
		return -EOPNOTSUPP;
	}
	memcpy(controller->serial, id.serial, sizeof(controller->serial));
	memcpy(controller->model, id.model, sizeof(controller->model));
	controller->max_bytes = NVME_BYTES_MAX;
	if (id.mdts != 0 && id.mdts < AREA_SHIFT - PAGE_SHIFT + 1)
		controller->max_bytes = PAGE_SIZE << id.mdts;
	controller->sgl = controller->choice.sgl && (id.sgls & NVME_SGLS_SUPPORT) != 0;
	controller->write_cache = id.vwc & NVME_VWC_PRESENT;
	controller->last_namespace = id.nr_namespaces;
	controller->lists_namespaces = read32(controller, NVME_VS) >= NVME_VERSION_1_1;
	return 0;
}

/* --- I/O queues. --- */

/* Asks for so many; 0 after an error. */
static unsigned request_queues(struct nvme_controller *controller, unsigned wanted)
{
	struct nvme_command *command = admin_command(controller, NVME_SET_FEATURES);
	uint32_t given;

	command->dword10 = NVME_FEATURE_QUEUES;
	command->dword11 = (wanted - 1) << 16 | (wanted - 1);
	if (admin_execute(controller, command, &given))
		return 0;
	if ((given & 0xffff) + 1 < wanted)
		wanted = (given & 0xffff) + 1;
	return (given >> 16) + 1 < wanted ? (given >> 16) + 1 : wanted;
}

static int create_rings(struct nvme_controller *controller, const struct nvme_queue *queue)
{
	uint32_t number = queue->pair.number;
	uint32_t size = (uint32_t)(queue->pair.entries - 1) << 16 | number;
	struct nvme_command *command = admin_command(controller, NVME_CREATE_CQ);
	int error;

	command->data.prp1 = nvme_queue_completions(queue).addr;
	command->dword10 = size;
	command->dword11 = NVME_QUEUE_CONTIGUOUS;
	error = admin_execute(controller, command, NULL);
	if (error)
		return error;
	command = admin_command(controller, NVME_CREATE_SQ);
	command->data.prp1 = nvme_queue_commands(queue).addr;
	command->dword10 = size;
	command->dword11 = number << 16 | NVME_QUEUE_CONTIGUOUS;
	return admin_execute(controller, command, NULL);
}

static unsigned queue_entries(const struct nvme_controller *controller)
{
	unsigned most = nvme_cap_entries(controller->cap);

	return most < NVME_QUEUE_ENTRIES ? most : NVME_QUEUE_ENTRIES;
}

static int create_queue(struct nvme_controller *controller, unsigned i)
{
	struct nvme_queue *queue = &controller->queues[i];
	struct dma_memory *memory = &controller->queue_memory[i];

	queue->pair.number = (uint16_t)(i + 1);
	queue->pair.entries = (uint16_t)queue_entries(controller);
	queue->sgl = controller->sgl;
	point_to_doorbells(controller, &queue->pair);
	nvme_queue_reset(queue, memory->virt, memory->start, controller->max_bytes);
	return create_rings(controller, queue);
}

/* Memory for as many queues as there is memory for. */
static int alloc_queues(struct nvme_controller *controller, unsigned wanted)
{
	size_t bytes = nvme_queue_bytes(queue_entries(controller), controller->max_bytes);
	int error = -EIO;

	while (controller->nr_queues < wanted) {
		unsigned i = controller->nr_queues;

		error = dma_alloc(&controller->queue_memory[i], controller->choice.memory, bytes);
		if (error)
			break;
		controller->block_queues[i] = &controller->queues[i].block;
		controller->nr_queues++;
	}
	return controller->nr_queues ? 0 : error;
}

static int create_queues(struct nvme_controller *controller)
{
	int error = 0;

	for (unsigned i = 0; i < controller->nr_queues && !error; i++)
		error = create_queue(controller, i);
	return error;
}

/* --- What the header promises. --- */

static void free_memory(struct nvme_controller *controller)
{
	for (unsigned i = 0; i < controller->nr_queues; i++)
		dma_free(&controller->queue_memory[i]);
	controller->nr_queues = 0;
	dma_free(&controller->admin_memory);
}

static int start(struct nvme_controller *controller)
{
	int error = disable(controller);

	if (!error)
		error = enable(controller);
	return error ? error : learn_identity(controller);
}

static int start_first(struct nvme_controller *controller, unsigned queues)
{
	int error = start(controller);

	if (error)
		return error;
	if (queues > NVME_QUEUES_MAX)
		queues = NVME_QUEUES_MAX;
	if (queues > nr_doorbell_pairs(controller) - 1)
		queues = (unsigned)nr_doorbell_pairs(controller) - 1;
	queues = request_queues(controller, queues);
	error = alloc_queues(controller, queues);
	return error ? error : create_queues(controller);
}

int nvme_controller_stop(struct nvme_controller *controller)
{
	int error = disable(controller);

	atomic_store(&controller->working, false);
	if (error)
		controller->registers->set_dma(controller->registers, false);
	return error;
}

/* For good. One that does not follow cannot do more than it may. */
static void give_up(struct nvme_controller *controller)
{
	(void)!nvme_controller_stop(controller);
	controller->registers->set_dma(controller->registers, false);
}

int nvme_controller_init(struct nvme_controller *controller, unsigned queues)
{
	int error;

	controller->cap = read64(controller, NVME_CAP);
	error = check_capabilities(controller);
	if (error)
		return error;
	error = dma_alloc(&controller->admin_memory, controller->choice.memory, ADMIN_BYTES);
	if (error) {
		say(controller, "no memory for its queues: error %d", error);
		return error;
	}
	error = start_first(controller, queues);
	if (!error) {
		atomic_store(&controller->working, true);
		return 0;
	}
	give_up(controller);
	free_memory(controller);
	return error;
}

/* Whether it is still what its queues were made for. */
static int check_unchanged(struct nvme_controller *controller, size_t max_bytes, bool sgl)
{
	if (controller->max_bytes == max_bytes && controller->sgl == sgl &&
	    request_queues(controller, controller->nr_queues) == controller->nr_queues)
		return 0;
	say(controller, "after a reset the controller has other limits");
	return -EPROTO;
}

int nvme_controller_restart(struct nvme_controller *controller)
{
	size_t max_bytes = controller->max_bytes;
	bool sgl = controller->sgl;
	int error = start(controller);

	if (!error)
		error = check_unchanged(controller, max_bytes, sgl);
	if (!error)
		error = create_queues(controller);
	if (error)
		give_up(controller);
	else
		atomic_store(&controller->working, true);
	return error;
}

void nvme_controller_close(struct nvme_controller *controller)
{
	if (atomic_load(&controller->working)) {
		uint32_t cc = read32(controller, NVME_CC);

		write32(controller, NVME_CC, (cc & ~NVME_CC_SHUTDOWN) | NVME_CC_SHUTDOWN_NORMAL);
		(void)!wait_for_status(controller, NVME_CSTS_SHUTDOWN, NVME_CSTS_SHUTDOWN_DONE,
				       SHUTDOWN_TIMEOUT_MS);
	}
	give_up(controller);
	free_memory(controller);
}
