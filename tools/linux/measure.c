/* SPDX-License-Identifier: BSD-2-Clause */
/*
 *	measure clock                          whether instructions can be counted
 *	measure syscall                        what calling the kernel takes
 *	measure bind NAME DRIVER DEVICE        gives a device of libnvdimm to its driver anew
 *	measure block NAME DISK                reads and writes of a disk
 *	measure into NAME DISK memory|MAPPING  reads of a disk into mapped memory
 */
#include "tools/linux/measure.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void give_up(const char *format, ...)
{
	va_list arguments;

	printf("LINUX error ");
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
	exit(1);
}

void say(const char *name, const char *what, int64_t value, const char *units)
{
	printf("LINUX figure %s.%s %" PRId64 " %s\n", name, what, value, units);
}

int open_or_give_up(const char *path, int flags)
{
	int file = open(path, flags);

	if (file < 0)
		give_up("%s: %s", path, strerror(errno));
	return file;
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";

	if (strcmp(command, "clock") == 0 && argc == 2)
		check_clock();
	else if (strcmp(command, "syscall") == 0 && argc == 2)
		count_system_call();
	else if (strcmp(command, "bind") == 0 && argc == 5)
		bring_up(argv[2], argv[3], argv[4]);
	else if (strcmp(command, "block") == 0 && argc == 4)
		use_disk(argv[2], argv[3]);
	else if (strcmp(command, "into") == 0 && argc == 5)
		read_into_mapping(argv[2], argv[3], argv[4]);
	else
		give_up("measure: unknown command");
	return 0;
}
