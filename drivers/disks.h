/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The disks of this machine, and what of them may be written.
 *
 * A disk is read-only unless write= names it or its controller; write=all does not, since nobody
 * knows a disk's contents to be worthless. The block layer refuses writes to what is read-only, so
 * that a test that forgets to ask gets an error instead of destroying data.
 *
 * Several disks may show one medium, as the controllers of an NVMe subsystem show a shared
 * namespace. Then write= must name them all, for who names one may believe the others to be
 * something else; and only the first of them is written, so that nobody takes for two what is one.
 *
 * Drivers add disks at boot, on CPU 0. Afterwards the list is only read.
 */
#pragma once

#include "drivers/block.h"
#include "drivers/pci.h"
#include "mm/compiler.h"
#include "mm/types.h"

enum { DISK_NAME_MAX = 16, DISK_TEXT_MAX = 48 };

/* What a medium is called by each device that shows it, and no other medium; zeros: unknown. */
struct disk_medium {
	uint8_t id[40];
};

struct disk {
	struct block_device *device;         /* its name is the disk's: "nvme0n1", "vda", "sda" */
	const char *driver;                  /* "nvme" */
	const struct pci_function *function; /* NULL: it is no PCI device */
	char controller[DISK_NAME_MAX]; /* "nvme0"; "" where a disk has no controller of a name */
	char model[DISK_TEXT_MAX];      /* by disk_text() */
	char serial[DISK_TEXT_MAX];
	struct disk_medium medium;

	/* disk_add()'s own. */
	bool permitted;    /* write= names it */
	bool protected;    /* the device itself takes no writes */
	struct disk *same; /* the first disk of the same medium; NULL: it is that itself */
	struct disk *next;
};

/* What write= says, before the first disk is added. The text stays valid. */
void disks_permit(const char *write);

/*
 * Adds a disk that block_device_init() took, and makes the device read-only without permission; one
 * of the same medium that was added before, too. Both stay where they are. -EEXIST: a disk of this
 * name is there already.
 */
int disk_add(struct disk *) must_check;

/* Whether write= names this disk: for a driver that must know before it adds the disk. */
bool disks_may_write(const char *name);

/* The next disk after this one (NULL: the first), in the order in which they were added. */
struct disk *disk_next(const struct disk *after);

/* NULL: there is none of this name. */
struct disk *disk_find(const char *name);

/* Whether [name, name + length) is the name of a disk or of a controller of one. */
bool disks_have_name(const char *name, size_t length);

/*
 * A text that a device sent, fit for the report: without blanks at its ends, and with hyphens for
 * blanks and for what is not printable ASCII. "" becomes "none"; what is too long is cut.
 */
void disk_text(char text[DISK_TEXT_MAX], const void *bytes, size_t length);

/* The lines "# disk ...", and of each disk that is named in vain, why it is not written. */
void disks_print(void (*line)(const char *));
