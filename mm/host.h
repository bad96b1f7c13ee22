/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All that the portable code (mm/, the table parsers, the block layer, the portable suites) needs
 * from whatever it runs on. Answered twice: by the kernel in kernel/host.c, and by a process on a
 * development machine in tests/host/host.c. Nothing here waits, and nothing here fails unless its
 * comment says so.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/types.h"

/*
 * Where the CPU sees a managed byte of physical memory. Valid for every byte of every region from
 * the moment the page map is initialised; read-only where the region is not writable, and then a
 * store faults. Linear: what is adjacent in physical memory is adjacent here.
 */
void *host_virt(phys_t address);

/*
 * memcpy() from memory that may be bad: returns how many bytes it copied, from the first on, all of
 * them or those before what is bad. That is in bad_lines.h then, but for the moment while another
 * CPU that met it first notes it. What reads memory in another way and finds it bad ends the run.
 */
size_t host_read(void *to, const void *from, size_t bytes) must_check;

/*
 * The same of an aligned word that another CPU may store to, which is read by one load that is in
 * order with all atomic accesses. 0, or -EIO: it is bad.
 */
int host_load(uint32_t *to, const uint32_t *from) must_check;

/*
 * Runs fn(arg), which reads the bytes from `start` on by whatever instructions. 0, or -EIO: one of
 * them was bad when fn came to it, and fn was left there; that is in bad_lines.h then. So fn holds
 * no locks and calls nobody who does.
 */
int host_contain(void (*fn)(void *), void *arg, const void *start, size_t bytes) must_check;

/*
 * Which CPU runs this, below host_cpus(); the code that asks is not moved to another one. The
 * number is where both answers keep it, so that to ask, as every allocation does, costs one load.
 */
#define HOST_CPU_AT 8 /* from the GS base; 4 bytes */

static inline unsigned host_cpu(void)
{
	unsigned number;

	__asm__("movl %%gs:%c1, %0" : "=r"(number) : "i"(HOST_CPU_AT));
	return number;
}

/* How many CPUs take part, 1 ... HOST_CPUS_MAX. */
enum { HOST_CPUS_MAX = 256 };
unsigned host_cpus(void);

/*
 * Runs fn(arg) on every CPU at the same time and returns when all are done. Called on CPU 0, which
 * takes part; fn makes no such call itself and returns on each of them. Between such calls the
 * other CPUs are idle and keep no memory at hand.
 */
void host_on_each_cpu(void (*fn)(void *), void *arg);

/* One line of the report, without its newline. Lines of different CPUs do not mix. */
void host_print(const char *line);

/* Monotonic time since some fixed point. Resolution is the host's; never goes back. */
uint64_t host_nanoseconds(void);

/*
 * A watchdog: unless it is called again within `seconds`, the run ends red, naming `what` and
 * where the CPU was. `what` must stay valid. 0 seconds disarms it.
 */
void host_watch(const char *what, unsigned seconds);

/* A broken invariant of our own, never bad input: reports and ends the run red. */
_Noreturn void host_panic(const char *format, ...) printf_like(1, 2);
