/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/nvme_admin.h"

#include <errno.h>
#include <string.h>

/* How long an admin command may take: none that is used here touches the medium. */
enum { ADMIN_TIMEOUT_MS = 5000 };

#define say(controller, ...) nvme_say(controller, (controller)->name, __VA_ARGS__)

void nvme_point_to_doorbells(const struct nvme_controller *controller, struct nvme_pair *pair)
{
	unsigned stride = nvme_cap_doorbell_stride(controller->cap);
	volatile char *doorbells = controller->registers->doorbells;

	pair->sq_doorbell = (volatile uint32_t *)(doorbells + 2u * pair->number * stride);
	pair->cq_doorbell = (volatile uint32_t *)(doorbells + (2u * pair->number + 1) * stride);
}

void nvme_admin_reset(struct nvme_controller *controller)
{
	struct nvme_pair *admin = &controller->admin;
	struct dma_memory *memory = &controller->admin_memory;

	memset(memory->virt, 0, memory->bytes);
	admin->commands = memory->virt;
	admin->completions = (void *)((char *)memory->virt + NVME_ADMIN_CQ);
	admin->entries = NVME_QUEUE_ENTRIES;
	admin->number = 0;
	nvme_pair_reset(admin);
	nvme_point_to_doorbells(controller, admin);
	controller->answers = true;
}

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
	struct nvme_deadline deadline = nvme_deadline_in(ADMIN_TIMEOUT_MS);

	for (;;) {
		bool late = nvme_is_over(deadline);
		uint32_t status = nvme_read32(controller, NVME_CSTS);

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
		    controller->next_id, (unsigned long long)admin->completions[admin->head].word);
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

const void *nvme_identify(struct nvme_controller *controller, enum nvme_cns cns, uint32_t nsid)
{
	struct nvme_command *command = admin_command(controller, NVME_IDENTIFY);

	command->nsid = nsid;
	command->data.prp1 = controller->admin_memory.start.addr + NVME_ADMIN_IDENTIFY;
	command->dword10 = cns;
	if (admin_execute(controller, command, NULL))
		return NULL;
	return (const char *)controller->admin_memory.virt + NVME_ADMIN_IDENTIFY;
}

unsigned nvme_request_queues(struct nvme_controller *controller, unsigned wanted)
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

int nvme_create_rings(struct nvme_controller *controller, const struct nvme_queue *queue)
{
	uint32_t number = queue->pair.number;
	uint32_t size = (queue->pair.entries - 1) << 16 | number;
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
