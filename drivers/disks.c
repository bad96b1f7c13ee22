/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/disks.h"

#include "drivers/permission.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *permitted = "";
static struct disk *first;
static struct disk **last = &first;

void disks_permit(const char *write)
{
	permitted = write;
	first = NULL;
	last = &first;
}

bool disks_may_write(const char *name)
{
	return permission_names(permitted, name);
}

/* The first disk of a medium. */
static struct disk *find_same(const struct disk_medium *medium)
{
	static const struct disk_medium unknown;

	if (memcmp(medium, &unknown, sizeof(unknown)) == 0)
		return NULL;
	for (struct disk *disk = first; disk; disk = disk->next)
		if (memcmp(&disk->medium, medium, sizeof(*medium)) == 0)
			return disk;
	return NULL;
}

/* The first disk that shows the medium of this one and that write= does not name, or NULL. */
static const struct disk *find_unnamed(const struct disk *shown)
{
	for (const struct disk *disk = first; disk; disk = disk->next)
		if ((disk == shown || disk->same == shown) && !disk->permitted)
			return disk;
	return NULL;
}

int disk_add(struct disk *disk)
{
	if (disk_find(disk->device->name))
		return -EEXIST;
	disk->permitted = disks_may_write(disk->device->name) ||
			  (disk->controller[0] && permission_names(permitted, disk->controller));
	disk->protected = disk->device->read_only;
	disk->device->read_only = disk->protected || !disk->permitted;
	disk->same = find_same(&disk->medium);
	disk->next = NULL;
	*last = disk;
	last = &disk->next;
	if (disk->same) {
		disk->device->read_only = true;
		disk->same->device->read_only |= !disk->permitted;
	}
	return 0;
}

struct disk *disk_next(const struct disk *after)
{
	return after ? after->next : first;
}

struct disk *disk_find(const char *name)
{
	for (struct disk *disk = first; disk; disk = disk->next)
		if (strcmp(disk->device->name, name) == 0)
			return disk;
	return NULL;
}

static bool is_name(const char *name, size_t length, const char *of)
{
	return length > 0 && strlen(of) == length && memcmp(name, of, length) == 0;
}

bool disks_have_name(const char *name, size_t length)
{
	for (const struct disk *disk = first; disk; disk = disk->next)
		if (is_name(name, length, disk->device->name) ||
		    is_name(name, length, disk->controller))
			return true;
	return false;
}

static bool is_blank(char character)
{
	return character == ' ' || character == '\0';
}

void disk_text(char text[DISK_TEXT_MAX], const void *bytes, size_t length)
{
	const char *from = bytes;
	size_t used = 0;

	while (length > 0 && is_blank(from[length - 1]))
		length--;
	while (length > 0 && is_blank(*from))
		from++, length--;
	for (; used < length && used < DISK_TEXT_MAX - 1; used++)
		text[used] = from[used] > ' ' && from[used] <= '~' ? from[used] : '-';
	text[used] = '\0';
	if (used == 0)
		strcpy(text, "none");
}

/* Why a disk that write= names is not written though its device could be. */
static void print_reason(const struct disk *disk, void (*line)(const char *))
{
	const struct disk *unnamed = find_unnamed(disk->same ? disk->same : disk);
	char text[160];

	if (!disk->permitted || disk->protected || !disk->device->read_only)
		return;
	if (unnamed)
		snprintf(text, sizeof(text),
			 "# %s: not written, since %s shows the same medium and write= does not "
			 "name it",
			 disk->device->name, unnamed->device->name);
	else
		snprintf(text, sizeof(text),
			 "# %s: not written, since its medium is written through %s",
			 disk->device->name, disk->same->device->name);
	line(text);
}

void disks_print(void (*line)(const char *))
{
	for (const struct disk *disk = first; disk; disk = disk->next) {
		const struct block_device *device = disk->device;
		char text[256];

		snprintf(text, sizeof(text),
			 "# disk name=%s driver=%s model=%s serial=%s sectors=%llu block=%zu "
			 "queues=%u read-only=%s write=%s%s%s",
			 device->name, disk->driver, disk->model, disk->serial,
			 (unsigned long long)device->sectors, device->block_size, device->nr_queues,
			 disk->protected ? "yes" : "no", disk->permitted ? "yes" : "no",
			 disk->same ? " same-as=" : "", disk->same ? disk->same->device->name : "");
		line(text);
		print_reason(disk, line);
	}
}
