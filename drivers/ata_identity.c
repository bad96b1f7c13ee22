/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/ata_identity.h"

#include "drivers/ahci_regs.h"

#include <string.h>

/* Numbers of 16-bit words. */
enum {
	WORD_SERIAL = 10,
	WORD_MODEL = 27,
	WORD_CAPABILITIES = 49, /* 8: DMA */
	WORD_COMMANDS = 83,     /* 15:14 are 01; 10: 48-bit addresses; 13: FLUSH CACHE EXT */
	WORD_ENABLED = 85,      /* 5: volatile write cache */
	WORD_LBAS = 100,        /* four words */
	WORD_SECTOR = 106,      /* 15:14 are 01; 12: other than 256 words */
	WORD_SECTOR_WORDS = 117,
	WORD_CHECKSUM = 255, /* low byte 0xa5: all bytes add up to 0 */
	WORDS = 256,

	SERIAL_BYTES = 20,
	MODEL_BYTES = 40,
};

#define LBAS_MAX (1ull << 48)

static bool is_valid(uint16_t word)
{
	return word >> 14 == 1;
}

static bool adds_up(const uint8_t *bytes, uint16_t checksum)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < ATA_IDENTIFY_BYTES; i++)
		sum = (uint8_t)(sum + bytes[i]);
	return (checksum & 0xff) != 0xa5 || sum == 0;
}

/* Texts come with the two bytes of each word exchanged. */
static void read_text(char text[DISK_TEXT_MAX], const uint16_t *words, size_t bytes)
{
	char straight[MODEL_BYTES];

	for (size_t i = 0; i < bytes; i += 2) {
		straight[i] = (char)(words[i / 2] >> 8);
		straight[i + 1] = (char)words[i / 2];
	}
	disk_text(text, straight, bytes);
}

static uint32_t read_lba_bytes(const uint16_t *words)
{
	uint32_t sector_words;

	if (!is_valid(words[WORD_SECTOR]) || !(words[WORD_SECTOR] & 1 << 12))
		return 512;
	sector_words = words[WORD_SECTOR_WORDS] | (uint32_t)words[WORD_SECTOR_WORDS + 1] << 16;
	return sector_words > 2048 ? 0 : sector_words * 2;
}

const char *ata_identify(const void *bytes, struct ata_identity *identity)
{
	uint16_t words[WORDS];

	memcpy(words, bytes, sizeof(words));
	if (!adds_up(bytes, words[WORD_CHECKSUM]))
		return "the checksum of its identity is wrong";
	if (!(words[WORD_CAPABILITIES] & 1 << 8))
		return "it has no DMA";
	if (!is_valid(words[WORD_COMMANDS]) || !(words[WORD_COMMANDS] & 1 << 10))
		return "it has no 48-bit addresses";
	*identity = (struct ata_identity){
		.lbas = words[WORD_LBAS] | (uint64_t)words[WORD_LBAS + 1] << 16 |
			(uint64_t)words[WORD_LBAS + 2] << 32 | (uint64_t)words[WORD_LBAS + 3] << 48,
		.lba_bytes = read_lba_bytes(words),
		.caches_writes = words[WORD_ENABLED] & 1 << 5,
	};
	if (identity->lbas == 0 || identity->lbas > LBAS_MAX)
		return "its number of sectors makes no sense";
	if (identity->lba_bytes < 512 || (identity->lba_bytes & (identity->lba_bytes - 1)) != 0)
		return "its size of sectors makes no sense";
	read_text(identity->model, &words[WORD_MODEL], MODEL_BYTES);
	read_text(identity->serial, &words[WORD_SERIAL], SERIAL_BYTES);
	return NULL;
}
