/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers of QEMU's educational device (QEMU, docs/specs/edu), little-endian. Those below 0x80
 * take accesses of 4 bytes, the others of 4 or 8.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define EDU_VENDOR 0x1234
#define EDU_DEVICE 0x11e8

struct edu_registers {
	uint32_t identification;
	uint32_t liveness; /* reads as the complement of what was written */
	uint32_t factorial;
	uint32_t reserved0[5];
	uint32_t status;
	uint32_t interrupt_status;
	uint32_t reserved1[14];
	uint32_t interrupt_raise;
	uint32_t interrupt_acknowledge;
	uint32_t reserved2[6];
	uint64_t dma_source;
	uint64_t dma_destination;
	uint64_t dma_count; /* bytes */
	uint64_t dma_command;
};

_Static_assert(offsetof(struct edu_registers, identification) == 0x00, "edu identification");
_Static_assert(offsetof(struct edu_registers, liveness) == 0x04, "edu liveness check");
_Static_assert(offsetof(struct edu_registers, factorial) == 0x08, "edu factorial");
_Static_assert(offsetof(struct edu_registers, status) == 0x20, "edu status");
_Static_assert(offsetof(struct edu_registers, interrupt_status) == 0x24, "edu interrupt status");
_Static_assert(offsetof(struct edu_registers, interrupt_raise) == 0x60, "edu interrupt raise");
_Static_assert(offsetof(struct edu_registers, interrupt_acknowledge) == 0x64,
	       "edu interrupt acknowledge");
_Static_assert(offsetof(struct edu_registers, dma_source) == 0x80, "edu DMA source");
_Static_assert(offsetof(struct edu_registers, dma_destination) == 0x88, "edu DMA destination");
_Static_assert(offsetof(struct edu_registers, dma_count) == 0x90, "edu DMA count");
_Static_assert(offsetof(struct edu_registers, dma_command) == 0x98, "edu DMA command");
_Static_assert(sizeof(struct edu_registers) == 0xa0, "edu registers");

/* 0xRRrr00ed: the version RR.rr. */
#define EDU_IDENTIFICATION_MASK 0xffffu
#define EDU_IDENTIFICATION      0x00edu

#define EDU_STATUS_COMPUTING 0x01u

/* The direction is the device's view: from its buffer to memory. */
#define EDU_DMA_RUN       0x1u
#define EDU_DMA_TO_MEMORY 0x2u

/* Where DMA addresses the device's own buffer. */
#define EDU_BUFFER       0x40000u
#define EDU_BUFFER_BYTES 4096u
