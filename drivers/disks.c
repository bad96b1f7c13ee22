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

int disk_add(struct disk *disk)
{
	if (disk_find(disk->device->name))
		return -EEXIST;
	disk->permitted = disks_may_write(disk->device->name) ||
			  (disk->controller[0] && permission_names(permitted, disk->controller));
	disk->protected = disk->device->read_only;
	disk->device->read_only = disk->protected || !disk->permitted;
	disk->next = NULL;
	*last = disk;
	last = &disk->next;
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

void disks_print(void (*line)(const char *))
{
	for (const struct disk *disk = first; disk; disk = disk->next) {
		const struct block_device *device = disk->device;
		char text[256];

		snprintf(text, sizeof(text),
			 "# disk name=%s driver=%s model=%s serial=%s sectors=%llu block=%zu "
			 "queues=%u read-only=%s write=%s",
			 device->name, disk->driver, disk->model, disk->serial,
			 (unsigned long long)device->sectors, device->block_size, device->nr_queues,
			 disk->protected ? "yes" : "no", disk->permitted ? "yes" : "no");
		line(text);
	}
}
