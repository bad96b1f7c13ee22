/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Machine checks: errors of the hardware, those of memory above all (Intel SDM volume 3B, chapter
 * 16; mm/machine_error.h says what the registers mean).
 *
 * An error that the CPU raises #MC for is handled at once, in the middle of whatever it interrupts.
 * Bad memory is noted and goes out of use (mm/bad_lines.h). If the interrupted instruction was
 * about to use it, that is one of host_read() or host_load(), which then returns early, or one that
 * host_contain() runs and that reads what it was said to; any other one is the end of the run. So
 * is what says nothing of where it was, and a CPU that does not trust itself.
 * Nothing here waits for another CPU: where hardware tells all CPUs of one error, each does what
 * concerns itself.
 *
 * Corrected errors, and what the hardware found out by itself, raise nothing: each CPU looks into
 * its banks when it finished its part of some work, and CPU 0 after each test.
 *
 * What was handled becomes a line of the report, "# memory-error ...", when machine_check_report()
 * is called: no line is written in the middle of another one.
 *
 * A second #MC that comes while the first is handled shuts the CPU down, by the CPU's own rule; one
 * that comes within the handler's last instructions would use the stack that is still in use.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/machine_error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct registers;

/*
 * Lets this CPU report errors from now on; what its banks hold from before is noted as such. After
 * cpu_init(), on each CPU. Does nothing where the CPU has no machine-check banks.
 */
void machine_check_init(void);

/* False: the run cannot go on, and *registers and the banks are as they were. */
bool machine_check_handle(struct registers *registers) must_check;

/* For the report of one that was not handled: in a few words, and then all banks in lines. */
void machine_check_explain(uint64_t rip, char *text, size_t size);
void machine_check_print(void);

/* Notes what this CPU's banks hold of errors that raise nothing. */
void machine_check_poll(void);

/* Writes a line for each error since the last call; how many of them there were. On CPU 0. */
unsigned machine_check_report(void);

/* How many errors of a severity were noted since the start. */
uint64_t machine_check_count(enum machine_severity);
