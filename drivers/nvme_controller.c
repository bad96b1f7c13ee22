/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/nvme_controller.h"

#include "drivers/nvme_admin.h"
#include "mm/host.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* CAP.TO may say two minutes, which is longer than the watchdog waits. */
enum { READY_TIMEOUT_MS_MIN = 500, READY_TIMEOUT_MS_MAX = 20000, SHUTDOWN_TIMEOUT_MS = 5000 };

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

/* How many pairs of queues, the admin queues included, there are doorbells for. */
static uint64_t nr_doorbell_pairs(const struct nvme_controller *controller)
{
	return controller->registers->doorbell_bytes /
	       (2 * nvme_cap_doorbell_stride(controller->cap));
}

/* Waits until these bits of CSTS are `wanted`. */
static int wait_for_status(struct nvme_controller *controller, uint32_t mask, uint32_t wanted,
			   unsigned milliseconds)
{
	struct nvme_deadline deadline = nvme_deadline_in(milliseconds);

	for (;;) {
		bool late = nvme_is_over(deadline);
		uint32_t status = nvme_read32(controller, NVME_CSTS);

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

/* --- The start. --- */

/* CAP never changes: where it reads all ones, or zeros, nobody is there any more. */
static int check_present(struct nvme_controller *controller)
{
	uint64_t cap = nvme_read64(controller, NVME_CAP);

	if (cap == UINT64_MAX) {
		say(controller, "its registers read all ones: the controller is gone");
		return -ENODEV;
	}
	if (cap != controller->cap) {
		say(controller, "CAP reads %#llx, expected %#llx: the controller is gone",
		    (unsigned long long)cap, (unsigned long long)controller->cap);
		return -ENODEV;
	}
	return 0;
}

static int disable(struct nvme_controller *controller)
{
	int error = check_present(controller);

	if (error)
		return error;
	nvme_write32(controller, NVME_CC, nvme_read32(controller, NVME_CC) & ~NVME_CC_ENABLE);
	error = wait_for_status(controller, NVME_CSTS_READY, 0, ready_timeout_ms(controller));
	return error ? error : check_present(controller);
}

/* Starts a disabled controller with empty admin queues. */
static int enable(struct nvme_controller *controller)
{
	uint32_t entries = NVME_QUEUE_ENTRIES - 1;
	uint64_t at = controller->admin_memory.start.addr;

	nvme_admin_reset(controller);
	controller->registers->set_dma(controller->registers, true);
	nvme_write32(controller, NVME_INTMS, UINT32_MAX);
	nvme_write32(controller, NVME_AQA, entries << NVME_AQA_CQ_SHIFT | entries);
	nvme_write64(controller, NVME_ASQ, at);
	nvme_write64(controller, NVME_ACQ, at + NVME_ADMIN_CQ);
	/* Memory pages of 4 KiB, the NVM command set, round robin. */
	nvme_write32(controller, NVME_CC,
		     6 << NVME_CC_SQ_ENTRY_SHIFT | 4 << NVME_CC_CQ_ENTRY_SHIFT | NVME_CC_ENABLE);
	return wait_for_status(controller, NVME_CSTS_READY, NVME_CSTS_READY,
			       ready_timeout_ms(controller));
}

static int check_capabilities(struct nvme_controller *controller)
{
	uint64_t cap = controller->cap;

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
	const void *data = nvme_identify(controller, NVME_CNS_CONTROLLER, 0);
	struct nvme_identify_controller id;

	if (!data)
		return controller->answers ? -EIO : -ENODEV;
	memcpy(&id, data, sizeof(id));
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
	controller->lists_namespaces = nvme_read32(controller, NVME_VS) >= NVME_VERSION_1_1;
	controller->describes_namespaces = nvme_read32(controller, NVME_VS) >= NVME_VERSION_1_3;
	return 0;
}

/* --- I/O queues. --- */

/* A power of two. */
static unsigned queue_entries(const struct nvme_controller *controller)
{
	unsigned entries = NVME_QUEUE_ENTRIES;

	while (entries > nvme_cap_entries(controller->cap))
		entries /= 2;
	return entries;
}

static int create_queue(struct nvme_controller *controller, unsigned i)
{
	struct nvme_queue *queue = &controller->queues[i];
	struct dma_memory *memory = &controller->queue_memory[i];

	queue->pair.number = i + 1;
	queue->pair.entries = queue_entries(controller);
	queue->sgl = controller->sgl;
	queue->write_cache = controller->write_cache;
	nvme_point_to_doorbells(controller, &queue->pair);
	nvme_queue_reset(queue, memory->virt, memory->start, controller->max_bytes);
	return nvme_create_rings(controller, queue);
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
	queues = nvme_request_queues(controller, queues);
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

	controller->cap = nvme_read64(controller, NVME_CAP);
	error = check_present(controller);
	if (!error)
		error = check_capabilities(controller);
	if (error)
		return error;
	error = dma_alloc(&controller->admin_memory, controller->choice.memory, NVME_ADMIN_BYTES);
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
	    nvme_request_queues(controller, controller->nr_queues) == controller->nr_queues)
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
		uint32_t cc = nvme_read32(controller, NVME_CC);

		nvme_write32(controller, NVME_CC,
			     (cc & ~NVME_CC_SHUTDOWN) | NVME_CC_SHUTDOWN_NORMAL);
		(void)!wait_for_status(controller, NVME_CSTS_SHUTDOWN, NVME_CSTS_SHUTDOWN_DONE,
				       SHUTDOWN_TIMEOUT_MS);
	}
	give_up(controller);
	free_memory(controller);
}
