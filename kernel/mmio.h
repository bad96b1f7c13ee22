/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers in memory: accesses of exactly this size, in the order of the program, also with regard
 * to ordinary memory that the device reads and writes. x86 keeps stores in order and performs
 * uncached accesses one after the other, so that it is the compiler alone that must be told.
 *
 * They use the accumulator, since AMD's CPUs have no other way to PCI's configuration space (BIOS
 * and Kernel Developer's Guide for family 10h, 2.11). Where nothing answers, a read gives all ones
 * on a PC and zeros in QEMU.
 *
 * Portable: hosted tests put a fake device's registers into ordinary memory.
 */
#pragma once

#include <stdint.h>

static inline uint8_t mmio_read8(const volatile void *at)
{
	uint8_t value;

	__asm__ volatile("movb %1, %0"
			 : "=a"(value)
			 : "m"(*(const volatile uint8_t *)at)
			 : "memory");
	return value;
}

static inline uint16_t mmio_read16(const volatile void *at)
{
	uint16_t value;

	__asm__ volatile("movw %1, %0"
			 : "=a"(value)
			 : "m"(*(const volatile uint16_t *)at)
			 : "memory");
	return value;
}

static inline uint32_t mmio_read32(const volatile void *at)
{
	uint32_t value;

	__asm__ volatile("movl %1, %0"
			 : "=a"(value)
			 : "m"(*(const volatile uint32_t *)at)
			 : "memory");
	return value;
}

/* One access of 8 bytes, where the device takes such. */
static inline uint64_t mmio_read64(const volatile void *at)
{
	uint64_t value;

	__asm__ volatile("movq %1, %0"
			 : "=a"(value)
			 : "m"(*(const volatile uint64_t *)at)
			 : "memory");
	return value;
}

static inline void mmio_write8(volatile void *at, uint8_t value)
{
	__asm__ volatile("movb %1, %0" : "=m"(*(volatile uint8_t *)at) : "a"(value) : "memory");
}

static inline void mmio_write16(volatile void *at, uint16_t value)
{
	__asm__ volatile("movw %1, %0" : "=m"(*(volatile uint16_t *)at) : "a"(value) : "memory");
}

static inline void mmio_write32(volatile void *at, uint32_t value)
{
	__asm__ volatile("movl %1, %0" : "=m"(*(volatile uint32_t *)at) : "a"(value) : "memory");
}

static inline void mmio_write64(volatile void *at, uint64_t value)
{
	__asm__ volatile("movq %1, %0" : "=m"(*(volatile uint64_t *)at) : "a"(value) : "memory");
}
