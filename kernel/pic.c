/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/pic.h"

#include "kernel/port_io.h"
#include "kernel/vectors.h"

#define PORT_MASTER_COMMAND 0x20
#define PORT_MASTER_DATA    0x21
#define PORT_SLAVE_COMMAND  0xa0
#define PORT_SLAVE_DATA     0xa1

#define COMMAND_INIT             0x11 /* edge triggered, cascaded, four words follow */
#define COMMAND_END_OF_INTERRUPT 0x20
#define MODE_8086                0x01
#define SLAVE_LINE               2
#define LINES                    8

void pic_mask_all(void)
{
	out8(PORT_MASTER_COMMAND, COMMAND_INIT);
	out8(PORT_SLAVE_COMMAND, COMMAND_INIT);
	out8(PORT_MASTER_DATA, VECTOR_PIC);
	out8(PORT_SLAVE_DATA, VECTOR_PIC + LINES);
	out8(PORT_MASTER_DATA, 1 << SLAVE_LINE);
	out8(PORT_SLAVE_DATA, SLAVE_LINE);
	out8(PORT_MASTER_DATA, MODE_8086);
	out8(PORT_SLAVE_DATA, MODE_8086);
	out8(PORT_MASTER_DATA, 0xff);
	out8(PORT_SLAVE_DATA, 0xff);
}

void pic_unmask_timer(void)
{
	out8(PORT_MASTER_DATA, 0xfe);
}

void pic_acknowledge_timer(void)
{
	out8(PORT_MASTER_COMMAND, COMMAND_END_OF_INTERRUPT);
}
