/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/pit.h"

#include "kernel/port_io.h"
#include "kernel/registers.h"

/* Channel 0 makes interrupts; channel 2 has a gate and an output that port 0x61 shows. */
#define PORT_CHANNEL0 0x40
#define PORT_CHANNEL2 0x42
#define PORT_COMMAND  0x43
#define PORT_GATE     0x61

#define COMMAND_CHANNEL0_RATE     0x34 /* mode 2, low byte then high byte */
#define COMMAND_CHANNEL2_ONE_SHOT 0xb0 /* mode 0, the same */

#define GATE_CHANNEL2 (1 << 0)
#define GATE_SPEAKER  (1 << 1)
#define GATE_OUTPUT   (1 << 5) /* read-only: channel 2 has counted down */

/* A PIT that does not count is given up after both of these. */
#define GIVE_UP_READS (1u << 20)
#define GIVE_UP_TICKS (1UL << 32)

uint64_t pit_measure_tsc(uint16_t count)
{
	uint8_t gate = (uint8_t)(in8(PORT_GATE) & ~(GATE_SPEAKER | GATE_CHANNEL2));
	uint64_t start, now;

	out8(PORT_GATE, gate | GATE_CHANNEL2);
	out8(PORT_COMMAND, COMMAND_CHANNEL2_ONE_SHOT);
	out8(PORT_CHANNEL2, (uint8_t)count);
	out8(PORT_CHANNEL2, (uint8_t)(count >> 8));
	start = rdtsc();
	/* The command makes the output low. Where it is not, nothing is there to answer. */
	if (in8(PORT_GATE) & GATE_OUTPUT)
		return 0;
	for (unsigned reads = 0;; reads++) {
		now = rdtsc();
		if (in8(PORT_GATE) & GATE_OUTPUT)
			break;
		if (reads > GIVE_UP_READS && now - start > GIVE_UP_TICKS)
			return 0;
	}
	out8(PORT_GATE, gate);
	return rdtsc() - start;
}

void pit_tick(unsigned hz)
{
	uint16_t count = (uint16_t)(PIT_HZ / hz);

	out8(PORT_COMMAND, COMMAND_CHANNEL0_RATE);
	out8(PORT_CHANNEL0, (uint8_t)count);
	out8(PORT_CHANNEL0, (uint8_t)(count >> 8));
}
