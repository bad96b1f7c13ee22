/* SPDX-License-Identifier: BSD-2-Clause */
/* Traps that a test asks for are caught, told apart, and leave everything else as it was. */
#include "kernel/traps.h"

#include "kernel/layout.h"
#include "kernel/percpu.h"
#include "kernel/registers.h"
#include "kernel/symbols.h"
#include "kernel/trap_report.h"
#include "mm/host.h"
#include "tests/test.h"

#include <string.h>

static void do_nothing(void *arg)
{
	*(bool *)arg = true;
}

static void divide_by_zero(void *unused)
{
	(void)unused;
	__asm__ volatile("xorl %%ecx, %%ecx\n\tdivl %%ecx" : : "a"(1), "d"(0) : "ecx", "cc");
}

static void invalid_instruction(void *unused)
{
	(void)unused;
	__asm__ volatile("ud2");
}

static void breakpoint(void *unused)
{
	(void)unused;
	__asm__ volatile("int3");
}

static void load_from(void *address)
{
	(void)*(volatile uint8_t *)address;
}

static void store_to(void *address)
{
	*(volatile uint8_t *)address = 0;
}

static void jump_to(void *address)
{
	__asm__ volatile("call *%0" : : "r"(address) : "memory");
}

static struct trap caught(void (*fn)(void *), uintptr_t address)
{
	struct trap trap;

	require(trap_catch(fn, (void *)address, &trap));
	return trap;
}

/* Code that does not trap runs to its end, and nothing is caught. */
TEST(traps, nothing_is_caught_where_nothing_traps)
{
	struct trap trap = {.vector = 77};
	bool ran = false;

	expect(!trap_catch(do_nothing, &ran, &trap));
	expect(ran);
	expect_eq(trap.vector, 77);
}

/* Each kind of trap is caught as what it is. */
TEST(traps, are_told_apart)
{
	expect_eq(caught(divide_by_zero, 0).vector, TRAP_DIVIDE);
	expect_eq(caught(invalid_instruction, 0).vector, TRAP_INVALID_OPCODE);
	expect_eq(caught(breakpoint, 0).vector, 3);
	expect_eq(caught(load_from, 1UL << 63).vector, TRAP_PROTECTION);
	expect_eq(caught(load_from, 8).vector, TRAP_PAGE_FAULT);
}

/* A page fault says which address was touched, by what instruction and how. */
TEST(traps, page_faults_say_where_and_how)
{
	struct trap trap = caught(load_from, 0x123);

	expect_eq(trap.address, 0x123);
	expect_eq(trap.error, 0);
	expect(trap.rip >= (uintptr_t)kernel_text_start && trap.rip < (uintptr_t)kernel_text_end);
	trap = caught(store_to, 0x456);
	expect_eq(trap.address, 0x456);
	expect_eq(trap.error, FAULT_WRITE);
	trap = caught(jump_to, 0x789);
	expect_eq(trap.address, 0x789);
	expect_eq(trap.rip, 0x789);
	expect_eq(trap.error, FAULT_EXECUTE);
}

static void catch_inside(void *arg)
{
	*(struct trap *)arg = caught(divide_by_zero, 0);
	__asm__ volatile("ud2");
}

/* A catch inside another one takes its own trap and leaves the outer one in place. */
TEST(traps, catches_nest)
{
	struct trap inner = {.vector = 77}, outer;

	require(trap_catch(catch_inside, &inner, &outer));
	expect_eq(inner.vector, TRAP_DIVIDE);
	expect_eq(outer.vector, TRAP_INVALID_OPCODE);
}

static void trap_contained(void *arg)
{
	(void)!host_contain(divide_by_zero, NULL, arg, sizeof(bool));
}

/* A trap ends the containment of memory errors that it came in, whose stack is gone by then. */
TEST(traps, containment_ends)
{
	bool ran = false;

	expect_eq(caught(trap_contained, (uintptr_t)&ran).vector, TRAP_DIVIDE);
	expect(this_cpu()->containing == NULL);
	expect_eq(host_contain(do_nothing, &ran, &ran, sizeof(ran)), 0);
	expect(ran && this_cpu()->containing == NULL);
}

static void trap_with_flags(void *unused)
{
	(void)unused;
	__asm__ volatile("std\n\tud2");
}

static uint64_t flags(void)
{
	uint64_t value;

	__asm__ volatile("pushfq\n\tpopq %0" : "=r"(value));
	return value;
}

/* After a catch, interrupts are on as before and strings run upwards, whatever the code had set. */
TEST(traps, flags_are_as_before)
{
	uint64_t before = flags();
	uint64_t watched = RFLAGS_DIRECTION | RFLAGS_INTERRUPTS;

	caught(trap_with_flags, 0);
	expect_eq(flags() & watched, before & watched);
	expect(before & RFLAGS_INTERRUPTS);
}

static void expect_words(void (*fn)(void *), uintptr_t address, const char *words)
{
	struct trap trap = caught(fn, address);
	char text[160];

	trap_explain(&trap, text, sizeof(text));
	if (!strstr(text, words))
		fail("'%s' does not say '%s'", text, words);
}

/* The report of a trap says in words what was wrong. */
TEST(traps, are_explained)
{
	expect_words(divide_by_zero, 0, "divide error");
	expect_words(invalid_instruction, 0, "invalid instruction");
	expect_words(load_from, 16, "load from 0x0000000000000010, the null page");
	expect_words(store_to, 16, "store to 0x0000000000000010, the null page");
	expect_words(load_from, DIRECT_MAP - PAGE_SIZE, "general protection");
	expect_words(load_from, HEAP + HEAP_SIZE, "nothing is mapped");
	expect_words(store_to, (uintptr_t)kernel_text_start, "read-only");
	expect_words(jump_to, (uintptr_t)kernel_data_start, "jump to");
	expect_words(jump_to, (uintptr_t)kernel_data_start, "not code");
	expect_words(load_from, (uintptr_t)boot_stack_guard, "guard page below the stack: boot");
}

/* Backtraces name the function that an address lies in, to its last byte. */
TEST(traps, functions_have_names)
{
	uintptr_t start = (uintptr_t)trap_explain;
	size_t offset = 77;

	expect_str(symbol_find(start, &offset), "trap_explain");
	expect_eq(offset, 0);
	expect_str(symbol_find(start + 5, &offset), "trap_explain");
	expect_eq(offset, 5);
	expect(symbol_find((uintptr_t)kernel_text_end, &offset) == NULL);
	expect(symbol_find((uintptr_t)kernel_text_start - 1, &offset) == NULL);
	expect(symbol_find(0, &offset) == NULL);
}
