/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the CPU's machine-check banks say: the meaning of their registers, without touching one
 * (Intel SDM volume 3B, chapter 16, "Machine-Check Architecture"; AMD's registers are alike).
 *
 * A CPU reports an error in one of its banks. If software must know at once, it raises #MC; else
 * somebody finds it who looks from time to time.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/types.h"

/* IA32_MCG_CAP and IA32_MCG_STATUS. */
#define MCG_CAP_BANKS       0xffUL
#define MCG_CAP_CONTROL     (1UL << 8)  /* there is an IA32_MCG_CTL */
#define MCG_CAP_RECOVERY    (1UL << 24) /* S and AR of a bank have a meaning */
#define MCG_STATUS_RESTART  (1UL << 0)  /* RIPV: the interrupted code can go on */
#define MCG_STATUS_ITS_CODE (1UL << 1)  /* EIPV: its instruction has to do with the error */
#define MCG_STATUS_BUSY     (1UL << 2)  /* MCIP: one more #MC shuts the CPU down */

/* IA32_MCi_STATUS. */
#define BANK_VALID         (1UL << 63)
#define BANK_LOST          (1UL << 62) /* OVER: an earlier or a later error was not kept */
#define BANK_UNCORRECTED   (1UL << 61) /* UC */
#define BANK_ENABLED       (1UL << 60) /* EN */
#define BANK_HAS_MISC      (1UL << 59)
#define BANK_HAS_ADDRESS   (1UL << 58)
#define BANK_CORRUPT       (1UL << 57) /* PCC: the CPU's own state is not to be trusted */
#define BANK_SIGNALLED     (1UL << 56) /* S */
#define BANK_ACTION        (1UL << 55) /* AR */
#define BANK_CODE          0xffffUL
#define BANK_MISC_BIT      0x3fUL /* the lowest bit of the address that is valid */
#define BANK_MISC_MODE     (7UL << 6)
#define BANK_MISC_PHYSICAL (2UL << 6)

/* One bank, as read. */
struct machine_bank {
	uint64_t status;
	uint64_t address;
	uint64_t misc;
};

/* From harmless to fatal. In brackets Intel's names. */
enum machine_severity {
	MACHINE_NONE,      /* there is no error */
	MACHINE_CORRECTED, /* nothing was lost */
	MACHINE_DEFERRED,  /* data was lost, nobody was told, nobody used it (UCNA) */
	MACHINE_OPTIONAL,  /* the same, and software was told (SRAO) */
	MACHINE_REQUIRED,  /* an instruction that needs the data cannot go on (SRAR) */
	MACHINE_FATAL,     /* nobody knows what is still right */
};

/* What a bank says. */
struct machine_error {
	enum machine_severity severity;
	const char *what; /* in words, as "memory scrub" */
	bool in_memory;   /* or in a cache of it */
	bool in_code;     /* an instruction was to be fetched */
	bool lost;        /* there was another error, of which nothing is known */
	phys_t start;     /* a multiple of bytes */
	size_t bytes;     /* CACHE_LINE ... PAGE_SIZE; 0: nobody knows where it is */
};

/* Of a CPU with these capabilities (IA32_MCG_CAP). */
struct machine_error machine_error_decode(const struct machine_bank *, uint64_t capabilities);

const char *machine_severity_name(enum machine_severity);

/* What is to be done about an error that a #MC reports. */
enum machine_action {
	MACHINE_GO_ON,
	MACHINE_CONTAIN, /* the interrupted instruction must not be run again */
	MACHINE_END,     /* the run */
};

/* For the CPU with this IA32_MCG_STATUS; other CPUs may be told of the same error. */
enum machine_action machine_error_action(const struct machine_error *, uint64_t global_status);
