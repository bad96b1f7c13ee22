/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of a run. */
#pragma once

#include "kernel/options.h"

enum run_result {
	RUN_PASSED,
	RUN_FAILED,
	RUN_SKIPPED, /* every test was skipped */
};

/*
 * Leaves the machine as the mode says; from any context. QEMU's exit status becomes 33, 35 or 37,
 * none of which QEMU gives by itself; where that way out does not exist, the CPU halts.
 */
_Noreturn void power_exit(enum exit_mode, enum run_result);
