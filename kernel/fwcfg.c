/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/fwcfg.h"

#include "kernel/port_io.h"

#include <cpuid.h>
#include <errno.h>
#include <string.h>

/* QEMU, docs/specs/fw_cfg.rst. Numbers in the directory are big-endian. */
enum {
	PORT_SELECT = 0x510,
	PORT_DATA = 0x511,

	KEY_SIGNATURE = 0x0000,
	KEY_DIRECTORY = 0x0019,

	NAME_BYTES = 56,
	FILES_MAX = 4096,

	CPUID_ECX_HYPERVISOR = 1u << 31,
};

/* Starts an item from its first byte; each in8(PORT_DATA) gives the next, and 0 after the last. */
static void select_item(uint16_t key)
{
	out16(PORT_SELECT, key);
}

static void read_bytes(void *to, size_t bytes)
{
	uint8_t *byte = to;

	while (bytes-- > 0)
		*byte++ = in8(PORT_DATA);
}

static uint32_t read_number(size_t bytes)
{
	uint32_t number = 0;

	while (bytes-- > 0)
		number = number << 8 | in8(PORT_DATA);
	return number;
}

bool fwcfg_present(void)
{
	unsigned eax, ebx, ecx = 0, edx;
	char signature[4];

	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & CPUID_ECX_HYPERVISOR))
		return false;
	select_item(KEY_SIGNATURE);
	read_bytes(signature, sizeof(signature));
	return memcmp(signature, "QEMU", sizeof(signature)) == 0;
}

static int find_file(const char *name, uint16_t *key, uint32_t *bytes)
{
	select_item(KEY_DIRECTORY);
	uint32_t files = read_number(4);

	for (uint32_t i = 0; i < files && i < FILES_MAX; i++) {
		char entry_name[NAME_BYTES + 1] = "";

		*bytes = read_number(4);
		*key = (uint16_t)read_number(2);
		read_number(2); /* reserved */
		read_bytes(entry_name, NAME_BYTES);
		if (strcmp(entry_name, name) == 0)
			return 0;
	}
	return -ENOENT;
}

int fwcfg_read(const char *name, char *text, size_t size)
{
	uint16_t key;
	uint32_t bytes;

	text[0] = '\0';
	if (!fwcfg_present())
		return -ENODEV;

	int error = find_file(name, &key, &bytes);

	if (error)
		return error;
	if (bytes >= size)
		return -E2BIG;
	select_item(key);
	read_bytes(text, bytes);
	text[bytes] = '\0';
	if (strlen(text) != bytes) {
		text[0] = '\0';
		return -EINVAL;
	}
	return 0;
}
