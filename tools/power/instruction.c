/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/power/instruction.h"

#include <string.h>

enum {
	PREFIX_OPERAND_SIZE = 0x66,
	PREFIX_ADDRESS_SIZE = 0x67,
	PREFIX_FS = 0x64,
	PREFIX_GS = 0x65,
	ESCAPE = 0x0f,
	OPCODE_NOP = 0x1f,
	OPCODE_GROUP_15 = 0xae,
	OPCODE_MOVNTI = 0xc3,
};

/* Fields of REX, ModRM and SIB. */
enum { REX_MASK = 0xf0, REX = 0x40, REX_B = 1, REX_X = 2 };
enum { MOD_DISP8 = 1, MOD_DISP32 = 2, MOD_REGISTER = 3 };
enum { RM_SIB = 4, RM_DISP32 = 5, NO_INDEX = 4 };

static bool read_displacement(const uint8_t *bytes, size_t left, size_t size, int64_t *value)
{
	int32_t word;

	if (left < size)
		return false;
	*value = size == 1 ? (int8_t)bytes[0] : 0;
	if (size == sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		*value = word;
	}
	return true;
}

/* The operand in memory that begins with the ModRM byte. */
static bool decode_address(const uint8_t *bytes, size_t length, uint8_t rex, struct instruction *it)
{
	unsigned mod = bytes[0] >> 6, rm = bytes[0] & 7;
	size_t size = mod == MOD_DISP8 ? 1 : mod == MOD_DISP32 ? 4 : 0;
	size_t at = 1;

	it->base = (int)(rm | (rex & REX_B ? 8 : 0));
	if (rm == RM_SIB) {
		unsigned index, base;

		if (length < 2)
			return false;
		at = 2;
		it->scale = bytes[1] >> 6;
		index = (bytes[1] >> 3 & 7) | (rex & REX_X ? 8 : 0);
		base = bytes[1] & 7;
		it->index = index == NO_INDEX ? NO_REGISTER : (int)index;
		it->base = (int)(base | (rex & REX_B ? 8 : 0));
		if (mod == 0 && base == RM_DISP32) {
			it->base = NO_REGISTER;
			size = 4;
		}
	} else if (mod == 0 && rm == RM_DISP32) {
		it->base = REGISTER_RIP;
		size = 4;
	}
	return read_displacement(bytes + at, length - at, size, &it->displacement);
}

static enum instruction_kind group_15(uint8_t modrm, bool operand_size)
{
	unsigned operation = modrm >> 3 & 7;

	if (modrm >> 6 == MOD_REGISTER)
		return operation == 7   ? INSTRUCTION_SFENCE
		       : operation == 6 ? INSTRUCTION_MFENCE
					: INSTRUCTION_OTHER;
	if (operation == 7)
		return operand_size ? INSTRUCTION_CLFLUSHOPT : INSTRUCTION_CLFLUSH;
	return operation == 6 && operand_size ? INSTRUCTION_CLWB : INSTRUCTION_OTHER;
}

static enum instruction_kind kind_of(uint8_t opcode, uint8_t modrm, bool operand_size)
{
	switch (opcode) {
	case OPCODE_GROUP_15:
		return group_15(modrm, operand_size);
	case OPCODE_MOVNTI:
		return INSTRUCTION_MOVNTI;
	case OPCODE_NOP:
		return modrm == (MOD_DISP32 << 6) ? INSTRUCTION_MARKER : INSTRUCTION_OTHER;
	default:
		return INSTRUCTION_OTHER;
	}
}

struct instruction instruction_decode(const uint8_t *bytes, size_t length)
{
	static const struct instruction other = {.base = NO_REGISTER, .index = NO_REGISTER};
	struct instruction it = other;
	bool operand_size = false;
	uint8_t rex = 0;
	size_t at = 0;

	for (; at < length; at++) {
		if (bytes[at] == PREFIX_OPERAND_SIZE)
			operand_size = true;
		else if (bytes[at] == PREFIX_FS || bytes[at] == PREFIX_GS ||
			 bytes[at] == PREFIX_ADDRESS_SIZE)
			it.unclear = true;
		else
			break;
	}
	if (at < length && (bytes[at] & REX_MASK) == REX)
		rex = bytes[at++];
	if (length - at < 3 || bytes[at] != ESCAPE)
		return other;
	it.kind = kind_of(bytes[at + 1], bytes[at + 2], operand_size);
	if (it.kind == INSTRUCTION_OTHER)
		return other;
	if (it.kind == INSTRUCTION_SFENCE || it.kind == INSTRUCTION_MFENCE)
		return it;
	if (!decode_address(bytes + at + 2, length - at - 2, rex, &it))
		return other;
	if (it.kind == INSTRUCTION_MARKER) {
		it.code = (uint16_t)it.displacement;
		if ((uint32_t)it.displacement >> 16 != MARKER)
			return other;
	}
	return it;
}
