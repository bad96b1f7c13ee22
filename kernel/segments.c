/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/segments.h"

#include "kernel/registers.h"

#define DESCRIPTOR_CODE 0x00af9b000000ffffUL /* present, 64-bit, execute and read, accessed */
#define DESCRIPTOR_DATA 0x00cf93000000ffffUL /* present, read and write, accessed */
#define DESCRIPTOR_TASK 0x0000890000000000UL /* present, 64-bit task state, available */

static void set_interrupt_stack(struct task_state *task, enum interrupt_stack number,
				const struct stack *stack)
{
	task->interrupt_stack[number - 1] = stack->top;
}

void segments_load(struct segments *segments, const struct stack stacks[STACKS])
{
	uint64_t *descriptors = segments->descriptors;
	struct task_state *task = &segments->task;
	struct table_pointer pointer = {sizeof(segments->descriptors) - 1, (uint64_t)descriptors};
	uint64_t base = (uint64_t)task;

	set_interrupt_stack(task, INTERRUPT_STACK_DOUBLE_FAULT, &stacks[STACK_DOUBLE_FAULT]);
	set_interrupt_stack(task, INTERRUPT_STACK_NMI, &stacks[STACK_NMI]);
	set_interrupt_stack(task, INTERRUPT_STACK_MACHINE_CHECK, &stacks[STACK_MACHINE_CHECK]);
	task->io_map = sizeof(*task);

	descriptors[SELECTOR_CODE / 8] = DESCRIPTOR_CODE;
	descriptors[SELECTOR_DATA / 8] = DESCRIPTOR_DATA;
	descriptors[SELECTOR_TASK / 8] = DESCRIPTOR_TASK | (sizeof(*task) - 1) |
					 (base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56;
	descriptors[SELECTOR_TASK / 8 + 1] = base >> 32;

	load_descriptor_table(&pointer);
	/* A far return is how 64-bit mode loads the code segment. */
	__asm__ volatile("pushq %0\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n"
			 "1:\n\t"
			 "movl %1, %%eax\n\t"
			 "movl %%eax, %%ds\n\t"
			 "movl %%eax, %%es\n\t"
			 "movl %%eax, %%ss\n\t"
			 "ltr %w2"
			 :
			 : "i"(SELECTOR_CODE), "i"(SELECTOR_DATA), "r"(SELECTOR_TASK)
			 : "rax", "memory");
}
