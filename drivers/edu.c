/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/edu.h"

#include "drivers/edu_regs.h"
#include "drivers/pci_devices.h"
#include "kernel/console.h"
#include "kernel/mmio.h"

static bool edu_takes(const struct pci_function *function)
{
	return function->vendor_id == EDU_VENDOR && function->device_id == EDU_DEVICE;
}

static void edu_probe(const struct pci_function *function)
{
	uint64_t bytes;
	volatile struct edu_registers *registers = pci_map(function, 0, sizeof(*registers), &bytes);
	uint32_t identification;

	if (!registers)
		return;
	pci_enable(function);
	identification = mmio_read32(&registers->identification);
	console_line("# edu identification=%#x", identification);
	pci_disable(function);
}

const struct pci_driver edu_driver = {
	.name = "edu",
	.takes = edu_takes,
	.probe = edu_probe,
};
