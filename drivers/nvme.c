/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/nvme.h"

#include "drivers/pci_devices.h"
#include "kernel/console.h"
#include "mm/host.h"

#include <stdio.h>

enum { CONTROLLERS_MAX = 8 };

/* PCI's class of it: mass storage, non-volatile memory, NVM Express. */
enum { CLASS_STORAGE = 0x01, SUBCLASS_NVM = 0x08, INTERFACE_NVME = 0x02 };

/* A controller and the way to it. */
struct instance {
	struct nvme nvme; /* first */
	char name[DISK_NAME_MAX];
	struct nvme_registers registers;
	const struct pci_function *function;
	volatile char *window;
};

static struct instance instances[CONTROLLERS_MAX];
static unsigned nr_instances;

static struct instance *instance_of(const struct nvme_registers *registers)
{
	return (struct instance *)((char *)registers - offsetof(struct instance, registers));
}

static uint32_t read_register(const struct nvme_registers *registers, enum nvme_register at)
{
	return mmio_read32(instance_of(registers)->window + at);
}

static void write_register(const struct nvme_registers *registers, enum nvme_register at,
			   uint32_t value)
{
	mmio_write32(instance_of(registers)->window + at, value);
}

static void set_dma(const struct nvme_registers *registers, bool on)
{
	if (on)
		pci_enable(instance_of(registers)->function);
	else
		pci_disable(instance_of(registers)->function);
}

static bool nvme_takes(const struct pci_function *function)
{
	return function->class_code == CLASS_STORAGE && function->subclass == SUBCLASS_NVM &&
	       function->interface == INTERFACE_NVME;
}

static int open(struct instance *instance, struct nvme_choice choice)
{
	struct nvme_controller *controller = &instance->nvme.controller;

	controller->choice = choice;
	pci_enable(instance->function); /* registers can be read from here on */
	return nvme_controller_init(controller, host_cpus());
}

static void add_disks(struct nvme *nvme)
{
	const struct nvme_controller *controller = &nvme->controller;

	for (size_t i = 0; i < nvme->nr_disks; i++) {
		struct nvme_disk *disk = &nvme->disks[i];

		disk->disk.device = &disk->device;
		disk->disk.driver = "nvme";
		disk->disk.medium = disk->medium;
		disk->disk.function = nvme_function(nvme);
		snprintf(disk->disk.controller, sizeof(disk->disk.controller), "%s",
			 controller->name);
		disk_text(disk->disk.model, controller->model, sizeof(controller->model));
		disk_text(disk->disk.serial, controller->serial, sizeof(controller->serial));
		if (disk_add(&disk->disk))
			host_panic("%s is there twice", disk->name);
	}
}

static void nvme_probe(const struct pci_function *function)
{
	struct instance *instance = &instances[nr_instances];
	struct nvme_controller *controller = &instance->nvme.controller;
	char name[PCI_NAME_MAX];
	uint64_t bytes;

	pci_name(function, name);
	if (nr_instances == CONTROLLERS_MAX) {
		console_line("# nvme: %s left alone: there is room for %d controllers", name,
			     CONTROLLERS_MAX);
		return;
	}
	instance->window = pci_map(function, 0, NVME_DOORBELLS + PAGE_SIZE, &bytes);
	if (!instance->window)
		return;
	instance->function = function;
	instance->registers = (struct nvme_registers){
		.read = read_register,
		.write = write_register,
		.set_dma = set_dma,
		.doorbells = instance->window + NVME_DOORBELLS,
		.doorbell_bytes = bytes - NVME_DOORBELLS,
	};
	snprintf(instance->name, sizeof(instance->name), "nvme%u", nr_instances++);
	controller->name = instance->name;
	controller->registers = &instance->registers;
	if (open(instance, (struct nvme_choice){.memory = MEMORY_DRAM, .sgl = true})) {
		pci_disable(function);
		console_line("# %s: %s left alone", controller->name, name);
		return;
	}
	nvme_find_disks(&instance->nvme);
	console_line("# nvme name=%s address=%s queues=%u entries=%u request=%zu sgl=%s "
		     "write-cache=%s disks=%zu",
		     controller->name, name, controller->nr_queues,
		     controller->queues[0].pair.entries, controller->max_bytes,
		     controller->sgl ? "yes" : "no", controller->write_cache ? "yes" : "no",
		     instance->nvme.nr_disks);
	add_disks(&instance->nvme);
}

static void nvme_shutdown(void)
{
	for (size_t i = 0; i < nr_instances; i++)
		nvme_controller_close(&instances[i].nvme.controller);
}

struct nvme *nvme_next(const struct nvme *after)
{
	size_t next = after ? (size_t)((const struct instance *)after - instances) + 1 : 0;

	return next < nr_instances ? &instances[next].nvme : NULL;
}

const struct pci_function *nvme_function(const struct nvme *nvme)
{
	return ((const struct instance *)nvme)->function;
}

int nvme_reopen(struct nvme *nvme, struct nvme_choice choice)
{
	int error;

	nvme_controller_close(&nvme->controller);
	error = open((struct instance *)nvme, choice);
	if (!error)
		nvme_renew_disks(nvme);
	return error;
}

const struct pci_driver nvme_driver = {
	.name = "nvme",
	.takes = nvme_takes,
	.probe = nvme_probe,
	.shutdown = nvme_shutdown,
};
