/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plugin for QEMU that records what the guest does to persistent memory: every store to it, every
 * flush of it, every fence, and the markers that say what is promised by then. What a power failure
 * could leave is worked out from the record afterwards (tools/bifold/power/), so one run serves for
 * all failures.
 *
 *	-plugin build/power-cut.so,trace=FILE,medium=FILE[,medium=FILE...] -singlestep -icount ...
 *
 * `medium` is the backing file, shared, of an NVDIMM. What devices store by DMA is not seen.
 *
 * A flush does nothing in QEMU and has no operand there: its address is computed from registers,
 * which are where they can be read only at the start of a translation block. Hence -singlestep. And
 * all CPUs must take turns in one thread, as they do with -icount: a record is made after its
 * store.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/power/instruction.h"
#include "tools/power/qemu.h"
#include "tools/power/trace.h"

enum { MEDIA_MAX = 64, PAGE_BYTES = 4096, RECORDS_PER_TURN = 8 };

int qemu_plugin_version = 1;

int qemu_plugin_install(qemu_plugin_id_t, const struct qemu_plugin_info *, int argc, char **argv);

/* Where QEMU has the bytes of a medium. */
struct medium {
	const char *path;
	const uint8_t *start;
	size_t length;
};

static struct medium media[MEDIA_MAX];
static unsigned nr_media;
static bool media_found;
static FILE *trace;
static uint64_t executed;
static struct byte_array *register_bytes;

static void give_up(const char *what, const char *why)
{
	fprintf(stderr, "power-cut: %s%s\n", what, why);
	_exit(2);
}

static void put(struct record record)
{
	if (fwrite(&record, sizeof(record), 1, trace) != 1)
		give_up("cannot write the trace", "");
}

/* Of what a CPU does to a medium; turns have RECORDS_PER_TURN such records on average. */
static void put_and_take_turns(unsigned vcpu, struct record record)
{
	static uint64_t state = 1;

	put(record);
	/* xorshift64, by Marsaglia. */
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	if (state % RECORDS_PER_TURN == 0)
		cpu_exit(qemu_get_cpu((int)vcpu));
}

/* --- From QEMU's memory to a place on a medium. --- */

/* A backing file is one mapping; QEMU's other copies of it, if any, are private. */
static void find_medium(struct medium *medium)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char *path = realpath(medium->path, NULL);
	char line[4096 + 128];

	while (maps && path && fgets(line, sizeof(line), maps)) {
		unsigned long start, end;
		char shared;
		int name = 0;

		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "%lx-%lx %*c%*c%*c%c %*s %*s %*s %n", &start, &end, &shared,
			   &name) != 3 ||
		    name == 0 || shared != 's' || strcmp(line + name, path) != 0)
			continue;
		medium->start = (const uint8_t *)start;
		medium->length = end - start;
	}
	if (maps)
		fclose(maps);
	free(path);
	if (!medium->start)
		give_up("QEMU has no shared mapping of ", medium->path);
}

/* When the guest runs, the machine is complete. */
static void find_media(void)
{
	for (unsigned i = 0; i < nr_media; i++)
		find_medium(&media[i]);
	media_found = true;
}

/* False: the byte is on none of them. */
static bool place(const void *host, struct record *record)
{
	for (unsigned i = 0; i < nr_media; i++) {
		size_t offset = (size_t)((const uint8_t *)host - media[i].start);

		if ((const uint8_t *)host >= media[i].start && offset < media[i].length) {
			record->medium = (uint8_t)i;
			record->where = offset;
			return true;
		}
	}
	return false;
}

/* --- Registers and addresses of the guest. --- */

/* From the number in an instruction to the debugger's, which has rbx second. */
static const int debugger_number[16] = {0, 2, 3, 1, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15};

static uint64_t register_value(unsigned vcpu, int number)
{
	uint64_t value;

	g_byte_array_set_size(register_bytes, 0);
	if (x86_cpu_gdb_read_register(qemu_get_cpu((int)vcpu), register_bytes,
				      debugger_number[number]) != sizeof(value))
		give_up("QEMU gives no register of 64 bits", "");
	memcpy(&value, register_bytes->data, sizeof(value));
	return value;
}

/* An instruction that is called back for; lives as long as QEMU, which may translate it again. */
struct site {
	struct instruction instruction;
	uint64_t pc;
	uint64_t next;
};

static uint64_t operand_address(unsigned vcpu, const struct site *site)
{
	const struct instruction *it = &site->instruction;
	uint64_t address = (uint64_t)it->displacement;

	if (it->base == REGISTER_RIP)
		address += site->next;
	else if (it->base != NO_REGISTER)
		address += register_value(vcpu, it->base);
	if (it->index != NO_REGISTER)
		address += register_value(vcpu, it->index) << it->scale;
	return address;
}

/* False: nothing recorded lies there. */
static bool place_of_address(unsigned vcpu, uint64_t address, struct record *record)
{
	uint32_t attributes = 0;
	uint64_t physical = cpu_get_phys_page_attrs_debug(
		qemu_get_cpu((int)vcpu), address & -(uint64_t)PAGE_BYTES, &attributes);
	uint64_t length = 1;
	bool found;
	void *host;

	if (physical == UINT64_MAX)
		return false;
	physical += address % PAGE_BYTES;
	host = address_space_map(&address_space_memory, physical, &length, false, attributes);
	if (!host)
		return false;
	found = place(host, record);
	address_space_unmap(&address_space_memory, host, length, false, 0);
	return found;
}

/* --- What the guest does. --- */

static void on_flush(unsigned vcpu, void *context)
{
	const struct site *site = context;
	struct record record = {.cpu = (uint8_t)vcpu, .pc = site->pc};

	record.kind = site->instruction.kind == INSTRUCTION_CLFLUSH ? RECORD_CLFLUSH : RECORD_FLUSH;
	if (site->instruction.unclear)
		record.kind = RECORD_FLUSH_UNCLEAR;
	else if (!place_of_address(vcpu, operand_address(vcpu, site), &record))
		return;
	put_and_take_turns(vcpu, record);
}

static void on_fence(unsigned vcpu, void *context)
{
	const struct site *site = context;

	put_and_take_turns(
		vcpu, (struct record){.kind = RECORD_FENCE, .cpu = (uint8_t)vcpu, .pc = site->pc});
}

static void on_marker(unsigned vcpu, void *context)
{
	const struct site *site = context;

	put((struct record){
		.kind = RECORD_MARKER,
		.cpu = (uint8_t)vcpu,
		.code = site->instruction.code,
		.pc = site->pc,
		.where = register_value(vcpu, 0),
		.data = executed,
	});
}

/*
 * The context of a store is its pc, less the uppermost bit, which repeats the one below, and
 * whether it goes around the caches.
 */
static void *store_context(uint64_t pc, bool around)
{
	return (void *)(pc << 1 | around);
}

static void on_access(unsigned vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *context)
{
	struct record record = {
		.kind = (uintptr_t)context & 1 ? RECORD_STORE_AROUND : RECORD_STORE,
		.cpu = (uint8_t)vcpu,
		.pc = (uint64_t)((int64_t)(uintptr_t)context >> 1),
	};
	struct qemu_plugin_hwaddr *address;
	size_t size, left;

	if (!qemu_plugin_mem_is_store(info))
		return;
	address = qemu_plugin_get_hwaddr(info, vaddr);
	if (!address || address->is_io || !place(address->host, &record))
		return;
	size = (size_t)1 << qemu_plugin_mem_size_shift(info);
	left = media[record.medium].length - record.where;
	size = size < left ? size : left;
	for (size_t done = 0; done < size; done += record.size) {
		record.size = (uint8_t)(size - done < sizeof(record.data) ? size - done
									  : sizeof(record.data));
		record.data = 0;
		memcpy(&record.data, (const uint8_t *)address->host + done, record.size);
		put_and_take_turns(vcpu, record);
		record.where += record.size;
	}
}

static void watch(struct qemu_plugin_insn *insn, void (*call)(unsigned, void *),
		  struct instruction instruction)
{
	struct site *site = malloc(sizeof(*site));

	if (!site)
		give_up("out of memory", "");
	site->instruction = instruction;
	site->pc = qemu_plugin_insn_vaddr(insn);
	site->next = site->pc + qemu_plugin_insn_size(insn);
	qemu_plugin_register_vcpu_insn_exec_cb(insn, call, QEMU_PLUGIN_CB_NO_REGS, site);
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	if (!media_found)
		find_media();
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		struct instruction it = instruction_decode(qemu_plugin_insn_data(insn),
							   qemu_plugin_insn_size(insn));

		switch (it.kind) {
		case INSTRUCTION_CLFLUSH:
		case INSTRUCTION_CLFLUSHOPT:
		case INSTRUCTION_CLWB:
			watch(insn, on_flush, it);
			break;
		case INSTRUCTION_SFENCE:
		case INSTRUCTION_MFENCE:
			watch(insn, on_fence, it);
			break;
		case INSTRUCTION_MARKER:
			watch(insn, on_marker, it);
			break;
		case INSTRUCTION_MOVNTI:
		case INSTRUCTION_OTHER:
			break;
		}
		/* Asked for stores alone, 7.2 leaves some out. */
		qemu_plugin_register_vcpu_mem_cb(
			insn, on_access, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW,
			store_context(qemu_plugin_insn_vaddr(insn), it.kind == INSTRUCTION_MOVNTI));
		qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64,
							   &executed, 1);
	}
}

static void on_exit_of_qemu(qemu_plugin_id_t id, void *unused)
{
	(void)id;
	(void)unused;
	put((struct record){.kind = RECORD_END});
	if (fclose(trace))
		give_up("cannot write the trace", "");
}

/* NULL, or what this QEMU lacks. */
static const char *what_is_missing(const struct qemu_plugin_info *info)
{
	if (strcmp(info->target_name, "x86_64") != 0 || !info->system_emulation)
		return "a machine of x86-64";
	/* 8.2 came with version 2. */
	if (info->version.min > 1 || info->version.cur != 1)
		return "version 1 of the plugin interface";
	if (!&address_space_memory || !qemu_get_cpu || !x86_cpu_gdb_read_register ||
	    !cpu_get_phys_page_attrs_debug || !address_space_map || !address_space_unmap ||
	    !g_byte_array_new || !cpu_exit || !g_byte_array_set_size)
		return "the functions of QEMU 7.2";
	/* 8.1 made it a property of the accelerator. */
	if (!&singlestep)
		return "the variable `singlestep` of QEMU 7.2";
	return NULL;
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_plugin_info *info, int argc,
			char **argv)
{
	const char *missing = what_is_missing(info);

	if (missing)
		give_up("made for QEMU 7.2; this one lacks ", missing);
	if (!singlestep)
		give_up("QEMU must run with -singlestep", "");
	for (int i = 0; i < argc; i++) {
		if (strncmp(argv[i], "trace=", 6) == 0)
			trace = fopen(argv[i] + 6, "wb");
		else if (strncmp(argv[i], "medium=", 7) == 0 && nr_media < MEDIA_MAX)
			media[nr_media++].path = strdup(argv[i] + 7);
		else
			give_up("expected trace=FILE and medium=FILE, found ", argv[i]);
	}
	if (!trace || nr_media == 0)
		give_up("expected a trace=FILE that can be written, and a medium=FILE", "");
	if (fwrite(TRACE_MAGIC, strlen(TRACE_MAGIC), 1, trace) != 1)
		give_up("cannot write the trace", "");
	register_bytes = g_byte_array_new();
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
	qemu_plugin_register_atexit_cb(id, on_exit_of_qemu, NULL);
	return 0;
}
