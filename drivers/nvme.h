/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver of NVM Express controllers (NVMe 1.4) on PCI.
 *
 *	nvme.c             the controllers of this machine
 *	nvme_disk.c        namespaces, as block devices
 *	nvme_controller.c  start, stop, limits
 *	nvme_admin.c       registers, admin commands
 *	nvme_queue.c       requests -> commands -> completions
 *	nvme_pair.h        the rings
 *	nvme_prp.c, nvme_sgl.h
 *	                   the memory that a command names
 *
 * One queue for each CPU, as far as the controller has so many.
 */
#pragma once

#include "drivers/devices.h"
#include "drivers/nvme_disk.h"

extern const struct pci_driver nvme_driver;

/* The next controller after this one (NULL: the first), or NULL. Some of them may not work. */
struct nvme *nvme_next(const struct nvme *after);

/* Its PCI function. */
const struct pci_function *nvme_function(const struct nvme *);

/*
 * Starts a controller anew with another choice; its disks stay where they are. Nothing is in
 * flight. Works also for one that was given up. On CPU 0, and not while others work. After an error
 * it does not work.
 */
int nvme_reopen(struct nvme *, struct nvme_choice) must_check;
