/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/harness/fake_ahci.h"

#include "mm/host.h"
#include "tests/harness/memory.h"
#include "tests/harness/pci_space.h"
#include "tests/test.h"

#include <string.h>

enum { SPEED = 0x123, STATUS_READY = 0x50, STATUS_ERROR = 0x51, ERROR_UNCORRECTABLE = 0x40 };
enum { WAIT_MS = 5 };

struct fake_ahci fake_ahci;

static struct pci_space space;
static struct fake_function *fake;
static struct pci_function function;
static bool is_open;

bool fake_ahci_dma(void)
{
	return fake->header.command & PCI_COMMAND_BUS_MASTER;
}

/* --- Commands. --- */

/* Memory that it is sent to. NULL, and the test fails: it must not reach that. */
static void *reach(uint64_t address, size_t bytes)
{
	struct page_info info;

	if (fake_ahci_dma() && page_look(phys_to_pfn(phys(address)), &info) == 0 && info.pins > 0 &&
	    address % info.size + bytes <= info.size)
		return host_virt(phys(address));
	fail("it is sent to %#llx without a pin or bus mastering", (unsigned long long)address);
	return NULL;
}

static void move(void *memory, unsigned char *device, size_t bytes, bool write)
{
	if (write)
		memcpy(device, memory, bytes);
	else
		memcpy(memory, device, bytes);
}

/* Moves up to `room` bytes by the command's list. Returns how many. */
static size_t move_all(const struct ahci_command_header *header, const struct ahci_table *table,
		       unsigned char *device, size_t room)
{
	size_t moved = 0;

	for (unsigned i = 0; i < header->nr_prdt && i < BLOCK_SEGMENTS_MAX; i++) {
		size_t bytes = (table->prdt[i].last & (AHCI_ENTRY_MAX - 1)) + 1;
		void *memory;

		expect_eq(table->prdt[i].start % 2, 0);
		if (bytes > room - moved)
			bytes = room - moved;
		memory = reach(table->prdt[i].start, bytes);
		if (memory && bytes)
			move(memory, device + moved, bytes, header->flags & AHCI_HEADER_WRITE);
		moved += bytes;
	}
	return moved;
}

static size_t do_data(const struct ahci_command_header *header, const struct ahci_table *table)
{
	const struct ahci_command_fis *fis = &table->fis;
	uint64_t low = fis->lba0 | (uint64_t)fis->lba1 << 8 | (uint64_t)fis->lba2 << 16;
	uint64_t high = fis->lba3 | (uint64_t)fis->lba4 << 8 | (uint64_t)fis->lba5 << 16;
	uint64_t lba = high << 24 | low;
	uint64_t lbas = fis->count ? fis->count : ATA_SECTORS_MAX;

	expect_eq(fis->command == ATA_WRITE_DMA_EXT, (header->flags & AHCI_HEADER_WRITE) != 0);
	if (lba + lbas > FAKE_AHCI_SECTORS) {
		fail("sectors %llu to %llu are not on the disk", (unsigned long long)lba,
		     (unsigned long long)(lba + lbas));
		return 0;
	}
	if (fake_ahci.fault == FAKE_AHCI_SHORT)
		lbas--;
	return move_all(header, table, fake_ahci.medium + lba * SECTOR_SIZE, lbas * SECTOR_SIZE);
}

static size_t do_identify(const struct ahci_command_header *header, const struct ahci_table *table)
{
	uint16_t words[ATA_IDENTIFY_BYTES / 2];

	memcpy(words, fake_ahci.identity, sizeof(words));
	if (fake_ahci.fault == FAKE_AHCI_OTHER_DISK)
		words[10] ^= 1;
	if (fake_ahci.fault == FAKE_AHCI_SMALLER_DISK)
		words[100]--;
	return move_all(header, table, (unsigned char *)words, sizeof(words));
}

static void do_command(struct ahci_command_header *header)
{
	const struct ahci_table *table = reach(header->table, sizeof(*table));
	size_t moved = 0;

	if (!table)
		return;
	expect_eq(header->flags & 0x1f, sizeof(table->fis) / sizeof(uint32_t));
	switch (table->fis.command) {
	case ATA_IDENTIFY_DEVICE:
		moved = do_identify(header, table);
		break;
	case ATA_READ_DMA_EXT:
	case ATA_WRITE_DMA_EXT:
		moved = do_data(header, table);
		break;
	case ATA_FLUSH_CACHE_EXT:
		break;
	default:
		fail("command %#x is not known", table->fis.command);
	}
	if (table->fis.command != ATA_IDENTIFY_DEVICE)
		fake_ahci.commands++;
	fake_ahci.last = (enum ata_command)table->fis.command;
	header->transferred = (uint32_t)moved + (fake_ahci.fault == FAKE_AHCI_LONG);
}

static void issue(uint32_t slots)
{
	struct ahci_port_registers *r = &fake_ahci.registers;
	struct ahci_command_header *list =
		reach((uint64_t)r->clbu << 32 | r->clb, sizeof(*list) * AHCI_SLOTS_MAX);

	expect(r->cmd & AHCI_CMD_START && r->cmd & AHCI_CMD_FIS_ENABLE);
	expect_eq(slots & (slots - 1), 0); /* one at a time */
	expect_eq(r->ci, 0);
	r->ci |= slots;
	if (!list || fake_ahci.fault == FAKE_AHCI_SILENT)
		return;
	if (fake_ahci.fault == FAKE_AHCI_ERROR) {
		r->is |= AHCI_IS_TASK_FILE;
		r->tfd = ERROR_UNCORRECTABLE << 8 | STATUS_ERROR;
		return;
	}
	do_command(&list[__builtin_ctz(slots)]);
	r->ci &= ~slots;
}

/* --- Registers. --- */

static bool is_at(const volatile uint32_t *at, const uint32_t *of)
{
	return at == of;
}

static uint32_t read_register(const volatile uint32_t *at)
{
	const struct ahci_port_registers *r = &fake_ahci.registers;

	switch (fake_ahci.fault) {
	case FAKE_AHCI_GONE:
		return UINT32_MAX;
	case FAKE_AHCI_ZEROS:
		return 0;
	case FAKE_AHCI_BUSY:
		return is_at(at, &r->tfd) ? 0x80 | *at : *at;
	case FAKE_AHCI_LINK_DOWN:
		return is_at(at, &r->ssts) ? 1 : *at;
	default:
		return *at;
	}
}

/* Engines run while they are switched on: 3.3.7. */
static void command(uint32_t value)
{
	struct ahci_port_registers *r = &fake_ahci.registers;
	uint32_t running = r->cmd & (AHCI_CMD_LIST_RUNNING | AHCI_CMD_FIS_RUNNING);

	if (value & AHCI_CMD_START)
		expect(!(r->tfd & AHCI_TFD_BUSY) && !(r->is & AHCI_IS_ERRORS));
	else
		r->ci = 0;
	if (fake_ahci.fault != FAKE_AHCI_NO_STOP)
		running &= ~AHCI_CMD_LIST_RUNNING;
	if (fake_ahci.fault != FAKE_AHCI_NO_FIS_STOP)
		running &= ~AHCI_CMD_FIS_RUNNING;
	if (value & AHCI_CMD_START)
		running |= AHCI_CMD_LIST_RUNNING;
	if (value & AHCI_CMD_FIS_ENABLE)
		running |= AHCI_CMD_FIS_RUNNING;
	r->cmd = (value & ~(AHCI_CMD_LIST_RUNNING | AHCI_CMD_FIS_RUNNING)) | running;
}

/* A reset of the link: 10.4.2. */
static void control(uint32_t value)
{
	struct ahci_port_registers *r = &fake_ahci.registers;

	if (AHCI_SSTS_DET(r->sctl) == AHCI_DET_RESET && AHCI_SSTS_DET(value) == 0) {
		fake_ahci.resets++;
		r->tfd = STATUS_READY;
		r->ssts = SPEED;
	} else if (AHCI_SSTS_DET(value) == AHCI_DET_RESET) {
		expect(!(r->cmd & AHCI_CMD_START));
		r->ssts = 0;
	}
	r->sctl = value;
}

static void write_register(volatile uint32_t *at, uint32_t value)
{
	struct ahci_port_registers *r = &fake_ahci.registers;

	if (fake_ahci.fault == FAKE_AHCI_GONE || fake_ahci.fault == FAKE_AHCI_ZEROS)
		return;
	if (is_at(at, &r->cmd))
		command(value);
	else if (is_at(at, &r->sctl))
		control(value);
	else if (is_at(at, &r->ci))
		issue(value);
	else if (is_at(at, &r->is) || is_at(at, &r->serr))
		*at &= ~value; /* ones clear */
	else
		*at = value;
}

static const struct ahci_access access = {
	.read = read_register, .write = write_register, .wait_ms = WAIT_MS};

/* --- What the header promises. --- */

static void end(void *unused)
{
	(void)unused;
	fake_ahci_close();
}

void fake_ahci_create(void)
{
	struct pci_table table = {.functions = &function, .max = 1};
	uint16_t *words = fake_ahci.identity;

	pci_space_begin(&space);
	fake = pci_space_add(&space, 0, 3, 0);
	pci_enumerate(&space.access, &table);
	require(table.nr == 1);
	pci_enable(&function);
	memset(&fake_ahci, 0, sizeof(fake_ahci));
	fake_ahci.adapter = (struct ahci_adapter){
		.function = &function, .access = &access, .slots = FAKE_AHCI_SLOTS};
	memcpy(fake_ahci.port.name, "sdx", 4);
	fake_ahci.registers.sig = AHCI_SIG_DISK;
	fake_ahci.registers.ssts = SPEED;
	fake_ahci.registers.tfd = STATUS_READY;
	memcpy(&words[10], "1A2B                ", 20);
	memcpy(&words[27], "AFEKD SI K                              ", 40);
	words[49] = 1 << 8;
	words[83] = 1 << 14 | 1 << 10;
	words[85] = 1 << 5;
	words[100] = FAKE_AHCI_SECTORS;
}

const char *fake_ahci_open(void)
{
	const char *fault =
		ahci_port_open(&fake_ahci.port, &fake_ahci.adapter, &fake_ahci.registers);

	if (!fault) {
		is_open = true;
		test_cleanup(end, NULL);
	}
	return fault;
}

void fake_ahci_close(void)
{
	if (!is_open)
		return;
	is_open = false;
	fake_ahci.fault = FAKE_AHCI_SOUND;
	ahci_port_close(&fake_ahci.port);
}
