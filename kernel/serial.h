/* SPDX-License-Identifier: BSD-2-Clause */
/* The serial port COM1: 115200 baud, 8 data bits, no parity, 1 stop bit, polled. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* False: there is no port, and serial_write() does nothing. */
bool serial_init(void);

/*
 * Waits for the port as long as it takes to send, but not for ever: a port that stops sending is
 * given up.
 */
void serial_write(const char *text, size_t length);
