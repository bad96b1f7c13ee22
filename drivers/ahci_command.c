/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/ahci_command.h"

static void build_fis(struct ahci_command_fis *fis, const struct ahci_task *task)
{
	*fis = (struct ahci_command_fis){
		.type = AHCI_FIS_TYPE,
		.flags = AHCI_FIS_COMMAND,
		.command = (uint8_t)task->command,
		.lba0 = (uint8_t)task->lba,
		.lba1 = (uint8_t)(task->lba >> 8),
		.lba2 = (uint8_t)(task->lba >> 16),
		.device = AHCI_FIS_LBA,
		.lba3 = (uint8_t)(task->lba >> 24),
		.lba4 = (uint8_t)(task->lba >> 32),
		.lba5 = (uint8_t)(task->lba >> 40),
		.count = (uint16_t)task->lbas, /* 65536 becomes 0, which means that */
	};
}

void ahci_build(struct ahci_command_header *header, struct ahci_table *table,
		const struct ahci_task *task)
{
	build_fis(&table->fis, task);
	for (size_t i = 0; i < task->nr_segments; i++)
		table->prdt[i] = (struct ahci_prdt_entry){
			.start = task->segments[i].start.addr,
			.last = (uint32_t)task->segments[i].length - 1,
		};
	header->flags = sizeof(table->fis) / sizeof(uint32_t) |
			(task->command == ATA_WRITE_DMA_EXT ? AHCI_HEADER_WRITE : 0);
	header->nr_prdt = (uint16_t)task->nr_segments;
	header->transferred = 0;
}
