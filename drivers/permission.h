/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What may be written. Without permission nothing is; permission is the option write=, a
 * comma-separated list of
 *
 *	pmem0   this region
 *	nmem0   every region that lies on this NVDIMM and on no other that is not named as well
 *	nvme0   this disk, or the disks of this controller: drivers/disks.h
 *	all     every region that is armed and holds nothing that was recognised; no disk
 *
 * What `all` leaves out is listed as refused. A list that cannot be meant so is complained about:
 * a name that the machine does not have, an NVDIMM without its companions.
 */
#pragma once

#include "drivers/inventory.h"

/*
 * Looks what the persistent regions hold. They can be read through host_virt() by then. The
 * watchdog gives each region `timeout` seconds, and stays armed.
 */
void inventory_read_contents(struct inventory *, unsigned timeout);

struct complaints {
	void (*complain)(void *context, const char *text); /* the text is gone afterwards */
	void *context;
};

/* Sets `writable` of every region by what write= says. Contents were read before. */
void inventory_permit(struct inventory *, const char *write, const struct complaints *);

/*
 * Complains about the names in the list that mean nothing on this machine, once all of it is known:
 * is_other() says whether [name, name + length) is the name of something that is no memory.
 */
void permission_check(const struct inventory *, const char *write,
		      bool (*is_other)(const char *name, size_t length), const struct complaints *);

/* Whether a list has this name. */
bool permission_names(const char *write, const char *name);
