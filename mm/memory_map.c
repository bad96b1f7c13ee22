/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/memory_map.h"

const char *memory_type_name(uint32_t type)
{
	switch (type) {
	case MEMORY_TYPE_RAM:
		return "ram";
	case MEMORY_TYPE_RESERVED:
		return "reserved";
	case MEMORY_TYPE_ACPI:
		return "acpi";
	case MEMORY_TYPE_NVS:
		return "nvs";
	case MEMORY_TYPE_BAD:
		return "bad";
	case MEMORY_TYPE_PMEM:
		return "pmem";
	case MEMORY_TYPE_PRAM:
		return "pram";
	case MEMORY_TYPE_UEFI_RESERVED:
		return "uefi-reserved";
	default:
		return "unknown";
	}
}
