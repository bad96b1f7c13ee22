/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/serial.h"

#include "kernel/port_io.h"

/* The registers of a 16550 (National Semiconductor PC16550D, table II). */
enum {
	COM1 = 0x3f8,
	DATA = COM1 + 0,
	DIVISOR_LOW = COM1 + 0, /* while LINE_DIVISOR is set */
	INTERRUPT_ENABLE = COM1 + 1,
	DIVISOR_HIGH = COM1 + 1,
	FIFO_CONTROL = COM1 + 2,
	INTERRUPT_ID = COM1 + 2,
	LINE_CONTROL = COM1 + 3,
	MODEM_CONTROL = COM1 + 4,
	LINE_STATUS = COM1 + 5,

	LINE_8N1 = 0x03,
	LINE_DIVISOR = 0x80,
	FIFO_ENABLE_AND_CLEAR = 0x07,
	FIFO_ENABLED = 0xc0,
	MODEM_DTR_RTS = 0x03,
	MODEM_LOOPBACK = 0x10,
	STATUS_DATA_READY = 0x01,
	STATUS_TRANSMIT_EMPTY = 0x20,

	FIFO_BYTES = 16,
	PROBE_READS = 100000,
	/* Reading a port takes about 1 us: seconds, where a byte needs 87 us. */
	TRANSMIT_READS = 10000000,
};

static bool present;
static unsigned burst; /* bytes that an empty transmitter takes */

static bool wait_for(uint8_t status, unsigned reads)
{
	while (reads-- > 0) {
		if (in8(LINE_STATUS) & status)
			return true;
	}
	return false;
}

/* In loopback mode a port receives what it sends; nothing reaches the line. */
static bool answers_in_loopback(uint8_t byte)
{
	out8(DATA, byte);
	return wait_for(STATUS_DATA_READY, PROBE_READS) && in8(DATA) == byte;
}

bool serial_init(void)
{
	present = false;
	if (in8(LINE_STATUS) == 0xff)
		return false;

	out8(INTERRUPT_ENABLE, 0);
	out8(LINE_CONTROL, LINE_DIVISOR);
	out8(DIVISOR_LOW, 1); /* 115200 / 1 */
	out8(DIVISOR_HIGH, 0);
	out8(LINE_CONTROL, LINE_8N1);
	out8(FIFO_CONTROL, FIFO_ENABLE_AND_CLEAR);
	burst = (in8(INTERRUPT_ID) & FIFO_ENABLED) == FIFO_ENABLED ? FIFO_BYTES : 1;

	out8(MODEM_CONTROL, MODEM_DTR_RTS | MODEM_LOOPBACK);
	present = answers_in_loopback(0x55) && answers_in_loopback(0xaa);
	out8(MODEM_CONTROL, MODEM_DTR_RTS);
	return present;
}

void serial_write(const char *text, size_t length)
{
	for (size_t i = 0; i < length && present; i++) {
		if (i % burst == 0)
			present = wait_for(STATUS_TRANSMIT_EMPTY, TRANSMIT_READS);
		if (present)
			out8(DATA, (uint8_t)text[i]);
	}
}
