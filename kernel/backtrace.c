/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/backtrace.h"

#include "kernel/console.h"
#include "kernel/layout.h"
#include "kernel/stack.h"
#include "kernel/symbols.h"

enum { FRAMES_MAX = 32 };

/* What a function's entry leaves on the stack, at its frame pointer. */
struct frame {
	uint64_t caller_rbp;
	uint64_t return_address;
};

static void print_address(uint64_t address, uint64_t lookup)
{
	size_t offset = 0;
	const char *name = symbol_find(lookup, &offset);

	if (name)
		console_line("#   0x%016llx %s+0x%zx", (unsigned long long)address, name,
			     offset + (size_t)(address - lookup));
	else
		console_line("#   0x%016llx", (unsigned long long)address);
}

void backtrace_print(uint64_t rip, uint64_t rbp)
{
	const struct stack *stack = stack_find(rbp);

	console_line("# backtrace:");
	print_address(rip, rip);
	for (unsigned i = 0; i < FRAMES_MAX; i++) {
		const struct frame *frame = (const struct frame *)rbp;

		if (!stack || rbp % sizeof(uint64_t) || rbp < stack->bottom ||
		    rbp > stack->top - sizeof(*frame))
			return;
		if (frame->return_address < (uintptr_t)kernel_text_start ||
		    frame->return_address >= (uintptr_t)kernel_text_end)
			return;
		/* The call is before the address it returns to, which may be the next function. */
		print_address(frame->return_address, frame->return_address - 1);
		if (frame->caller_rbp <= rbp)
			return;
		rbp = frame->caller_rbp;
	}
	console_line("#   and more");
}

void backtrace_here(void)
{
	const struct frame *frame = __builtin_frame_address(0);

	backtrace_print(frame->return_address, frame->caller_rbp);
}
