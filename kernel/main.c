/* SPDX-License-Identifier: BSD-2-Clause */
/* The composition root: what happens from the boot loader to the verdict. */
#include "boot/boot_info.h"
#include "drivers/acpi.h"
#include "drivers/btt_disks.h"
#include "drivers/devices.h"
#include "drivers/disks.h"
#include "drivers/flush_table.h"
#include "drivers/inventory.h"
#include "drivers/inventory_print.h"
#include "drivers/nfit_claims.h"
#include "drivers/pci_devices.h"
#include "drivers/permission.h"
#include "drivers/processors.h"
#include "kernel/apic.h"
#include "kernel/bring_up.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/early_memory.h"
#include "kernel/fatal.h"
#include "kernel/fwcfg.h"
#include "kernel/heap.h"
#include "kernel/layout.h"
#include "kernel/machine_check.h"
#include "kernel/options.h"
#include "kernel/paging.h"
#include "kernel/percpu.h"
#include "kernel/power.h"
#include "kernel/registers.h"
#include "kernel/screen.h"
#include "kernel/smp.h"
#include "kernel/time.h"
#include "kernel/traps.h"
#include "kernel/watchdog.h"
#include "kernel/windows.h"
#include "mm/area_move.h"
#include "mm/frame_alloc.h"
#include "mm/host.h"
#include "mm/page.h"
#include "mm/persist.h"
#include "tests/harness/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct boot_info boot;
static struct options options;
static struct acpi_tables acpi;
static struct inventory inventory;

/*
 * Memory that is in use from the start: low memory, the image, and the tables of the firmware.
 * Behind that, RAM that the NFIT claims: early memory keeps off it as well.
 */
enum { USED_MAX = ACPI_TABLES_MAX + 4, CLAIMS_MAX = 64 };
static struct memory_range used[USED_MAX + CLAIMS_MAX];
static size_t nr_used;

/* Below it are the BIOS's own data, and what application processors start from. */
#define LOW_MEMORY_END (1UL << 20)

/* Such a page is looked for above the BIOS's data, and below where old PCs have none. */
#define ENTRY_PAGES_START 0x8000
#define ENTRY_PAGES_END   0xa0000

static void use(phys_t start, uint64_t length)
{
	used[nr_used++] = (struct memory_range){.start = start, .length = length};
}

/* QEMU's options win over those of the boot loader. */
static void read_options(void)
{
	static char text[BOOT_CMDLINE_MAX];

	options_init(&options);
	options_parse(boot.cmdline, &options);

	int error = fwcfg_read("opt/org.bifold/cmdline", text, sizeof(text));

	if (error == 0)
		options_parse(text, &options);
	else if (error == -E2BIG || error == -EINVAL)
		options_complain(&options, "fw_cfg: opt/org.bifold/cmdline is not a text of less "
					   "than 2048 characters");
}

static void find_tables(const void *(*map)(phys_t, size_t))
{
	const struct acpi_sources sources = {
		.option = phys(options.rsdp),
		.loader = boot.rsdp,
		.loader_copy = boot.rsdp_copy_bytes ? boot.rsdp_copy : NULL,
		.loader_copy_bytes = boot.rsdp_copy_bytes,
		.search = true,
		.map = map,
	};

	/* Without tables there is still DRAM to test; the report says what was wrong with them. */
	(void)!acpi_find(&sources, &acpi);
}

/* Tables usually lie in memory that firmware reserved, but nothing makes it do so. */
static void note_used_memory(void)
{
	use(phys(0), LOW_MEMORY_END);
	use(phys((uint64_t)kernel_start - KERNEL_BASE), (uint64_t)(kernel_end - kernel_start));
	use(acpi.rsdp, PAGE_SIZE);
	use(acpi.root.address, acpi.root.length);
	for (size_t i = 0; i < acpi.nr; i++)
		if (!acpi.table[i].fault) /* the length of a broken one is not to be believed */
			use(acpi.table[i].address, acpi.table[i].length);
}

static void start_early_memory(void)
{
	size_t nr_avoid = nr_used;

	if (nfit_claims(acpi_table(&acpi, "NFIT"), boot.map, boot.nr_map, used, &nr_avoid,
			ARRAY_SIZE(used)))
		host_panic("the NFIT says of more than %d parts of RAM that they are persistent",
			   CLAIMS_MAX);
	early_memory_init(boot.map, boot.nr_map, used, nr_avoid);
}

/* The screen shows the same as the serial port, from its first line on. */
static void start_screen(void)
{
	size_t bytes = screen_bytes(&boot.framebuffer);
	void *mapped = bytes ? map_framebuffer(boot.framebuffer.start, bytes) : NULL;

	if (mapped)
		console_add_screen(&boot.framebuffer, mapped);
}

/* Joins what the firmware says into regions. */
static void take_inventory(void)
{
	const struct inventory_sources sources = {
		.nfit = acpi_table(&acpi, "NFIT"),
		.srat = acpi_table(&acpi, "SRAT"),
		.madt = acpi_table(&acpi, "APIC"),
		.mcfg = acpi_table(&acpi, "MCFG"),
		.hpet = acpi_table(&acpi, "HPET"),
		.map = boot.map,
		.nr_map = boot.nr_map,
		.used = used,
		.nr_used = nr_used,
		.physical_bits = cpu_features()->physical_bits,
	};
	size_t bytes = inventory_size(&sources);

	if (options.rsdp && !acpi.source)
		options_complain(&options, "rsdp=%#llx: no ACPI tables are found from there",
				 (unsigned long long)options.rsdp);
	if (inventory_build(&sources, early_alloc(bytes), bytes, &inventory))
		host_panic("the inventory does not fit into %zu bytes", bytes);
}

/* Persistent memory can be read from here on, and written only after permit_writes(). */
static void map_regions(void)
{
	for (size_t i = 0; i < inventory.nr_regions; i++) {
		const struct region *region = &inventory.regions[i];
		bool dram = region->kind == MEMORY_DRAM;
		int error = paging_map_direct(region->start, region->end,
					      dram ? MAPPING_WRITE : MAPPING_READ);

		if (error)
			host_panic("%s, %llu MiB, cannot be mapped: error %d", region->name,
				   (unsigned long long)(region_bytes(region) >> 20), error);
	}
}

static void complain(void *context, const char *text)
{
	options_complain(context, "%s", text);
}

/* What write= names becomes writable, and nothing else. */
static void permit_writes(void)
{
	inventory_read_contents(&inventory, options.timeout);
	host_watch("boot", options.timeout);
	inventory_permit(&inventory, options.write, &(struct complaints){complain, &options});
	for (size_t i = 0; i < inventory.nr_regions; i++) {
		const struct region *region = &inventory.regions[i];
		uintptr_t virt = (uintptr_t)host_virt(pfn_to_phys(region->start));

		if (region->kind == MEMORY_PERSISTENT && region->writable &&
		    paging_protect(virt, region_bytes(region), MAPPING_WRITE))
			host_panic("%s cannot be made writable", region->name);
	}
}

struct bring_up bring_up;

/* areas=medium: the words of areas lie at the start of each region that may be written. */
enum { WORD_MOVES_MAX = 64 };
static struct area_move word_moves[WORD_MOVES_MAX];
static size_t nr_word_moves;

static void reserve_for_words(struct region *region)
{
	pfn_t start = region->start;
	uint64_t frames = region_frames(region), reserved = area_move_of(start, frames).nr;

	if (frames <= reserved || nr_word_moves == WORD_MOVES_MAX) {
		options_complain(&options,
				 "areas=medium: %s has no room for words, or is one of "
				 "more than %d regions",
				 region->name, WORD_MOVES_MAX);
		return;
	}
	region->start = pfn_add(start, reserved);
	word_moves[nr_word_moves] = area_move_of(region->start, frames - reserved);
	word_moves[nr_word_moves++].to = host_virt(pfn_to_phys(start));
}

static void reserve_for_all_words(void)
{
	for (size_t i = 0; i < inventory.nr_regions; i++)
		if (inventory.regions[i].kind == MEMORY_PERSISTENT && inventory.regions[i].writable)
			reserve_for_words(&inventory.regions[i]);
	if (nr_word_moves == 0)
		options_complain(&options,
				 "areas=medium: there is no persistent memory that may be "
				 "written; write= permits it");
}

static void move_words(void)
{
	for (size_t i = 0; i < nr_word_moves; i++)
		area_move_begin(&word_moves[i]);
}

/*
 * Page descriptors for all regions, and the allocator on them. Both lie in early memory, whose own
 * frames are then taken out of the regions: at a boundary of areas, so that the map needs no more
 * than was set aside for it.
 */
static void describe_memory(void)
{
	uint64_t start = rdtsc();
	size_t bytes = page_map_size(inventory.regions, inventory.nr_regions);
	size_t room = bytes + INVENTORY_TAKES_MAX * PAGE_SIZE;
	void *metadata = early_alloc(room);
	uint64_t map_cleared = rdtsc();
	void *allocator = early_alloc(frame_alloc_size(inventory.regions, inventory.nr_regions) +
				      INVENTORY_TAKES_MAX * PAGE_SIZE);
	uint64_t allocator_cleared = rdtsc(), map_begun;
	struct early_run run = early_memory_close();

	if (inventory_take(&inventory, run.start, run.end) ||
	    page_map_size(inventory.regions, inventory.nr_regions) > room ||
	    page_map_init(inventory.regions, inventory.nr_regions, metadata))
		host_panic("the regions cannot be described");
	map_begun = rdtsc();
	frame_alloc_init(allocator);
	bring_up.page_map = map_cleared - start + (map_begun - allocator_cleared);
	bring_up.allocator = allocator_cleared - map_cleared + (rdtsc() - map_begun);
	inventory_publish(&inventory);
}

/* Whoever writes persistent memory from here on knows how to make it durable. */
static void prepare_persistence(void)
{
	const struct flush_range *ranges;
	void *storage = malloc(flush_table_size(&inventory));
	size_t nr;

	if (!storage)
		host_panic("there is no memory for the table of flush hints");
	nr = flush_table_build(&inventory, map_mmio, storage, &ranges);
	flush_hints_use(ranges, nr);
	persist_set_domain(flush_table_domain(&inventory));
}

/* A page of low memory that only the first range of used[], low memory itself, has a part in. */
static pfn_t entry_page(void)
{
	struct early_run run = early_run_find(boot.map, boot.nr_map, used + 1, nr_used - 1,
					      phys(ENTRY_PAGES_START), phys(ENTRY_PAGES_END));

	return pfn_before(run.start, run.end) ? run.start : pfn(0);
}

static void start_cpus(void)
{
	uint32_t apic_ids[HOST_CPUS_MAX - 1];
	size_t nr, left;

	nr = processors_list(acpi_table(&acpi, "APIC"), apic_present() ? apic_id() : 0, apic_ids,
			     ARRAY_SIZE(apic_ids), &left);
	smp_start(apic_ids, nr, left, entry_page());
}

static void print_metadata(void)
{
	struct page_map_usage usage;

	page_map_usage(&usage);
	console_line("# metadata directory=%zu areas=%zu tables=%zu spare-tables=%zu "
		     "tables-at-hand=%zu allocator=%zu "
		     "page-tables=%zu heap=%zu units=bytes medium=dram",
		     usage.directory_bytes, usage.area_bytes, usage.table_bytes,
		     usage.spare_table_bytes, usage.cpu_bytes, frame_alloc_bytes(), paging_bytes(),
		     heap_bytes());
	console_line("# bring-up page-map=%llu allocator=%llu units=ticks",
		     (unsigned long long)bring_up.page_map, (unsigned long long)bring_up.allocator);
	if (usage.area_bytes_elsewhere)
		console_line("# metadata areas=%zu units=bytes medium=persistent",
			     usage.area_bytes_elsewhere);
	console_line("# areas all=%llu split=%llu ragged=%llu", (unsigned long long)usage.areas,
		     (unsigned long long)usage.areas_split, (unsigned long long)usage.areas_ragged);
}

static int make_writable(pfn_t start, pfn_t end)
{
	return paging_protect((uintptr_t)host_virt(pfn_to_phys(start)),
			      pfn_distance(start, end) << PAGE_SHIFT, MAPPING_WRITE);
}

/*
 * PCI functions -> drivers -> disks, within the report, since drivers write lines about what goes
 * wrong. Disks are read-only but for those that write= names, and now all names are known.
 */
static void find_devices(void)
{
	disks_permit(options.write);
	pci_find(acpi_table(&acpi, "MCFG"));
	devices_probe(options.timeout);
	host_watch("boot", options.timeout);
	btt_disks_find(make_writable);
	permission_check(&inventory, options.write, disks_have_name,
			 &(struct complaints){complain, &options});
}

/* What was found, at the head of the report. */
static void describe(void)
{
	const struct cpu_features *cpu = cpu_features();

	for (size_t i = 0; options.help && options_help(i); i++)
		console_line("# %s", options_help(i));
	console_line("# boot loader=%s firmware=%s map-dropped=%zu", boot.loader, boot.firmware,
		     boot.map_dropped);
	console_line("# cpu vendor=%s physical-bits=%u 1gib-pages=%s flush=%s clock=%s tsc-hz=%llu",
		     cpu->vendor, cpu->physical_bits, cpu->pages_1gib ? "yes" : "no",
		     flush_instruction_name(persist_instruction()), time_source_name(time_source()),
		     (unsigned long long)time_tsc_hz());
	smp_print(host_print);
	memory_map_print(boot.map, boot.nr_map, host_print);
	acpi_print(&acpi, host_print);
	inventory_print(&inventory, host_print);
	console_line("# persistence domain=%s flush=%s", persistence_domain_name(persist_domain()),
		     persist_domain() == PERSISTENCE_CPU_CACHE
			     ? "none"
			     : flush_instruction_name(persist_instruction()));
	find_devices();
	devices_print();
	btt_disks_print(host_print);
	print_metadata();
	machine_check_report();
}

/* Between tests, when no line is being written. */
static void report_memory_errors(void)
{
	machine_check_poll();
	machine_check_report();
}

static enum run_result run_suites(void)
{
	enum verdict verdict = run_tests(&(struct test_run){
		.tests = options.tests,
		.seed = options.has_seed ? options.seed : host_nanoseconds(),
		.repeat = options.repeat,
		.timeout = options.timeout,
		.complaints = options.complaints,
		.describe = describe,
		.after_test = report_memory_errors,
	});

	switch (verdict) {
	case VERDICT_PASSED:
		return RUN_PASSED;
	case VERDICT_SKIPPED:
		return RUN_SKIPPED;
	case VERDICT_FAILED:
		break;
	}
	return RUN_FAILED;
}

_Noreturn void kernel_main(uint32_t magic, uint32_t information);

_Noreturn void kernel_main(uint32_t magic, uint32_t information)
{
	percpu_init();        /* this is CPU 0 */
	console_init();       /* from here on there are lines */
	traps_init();         /* ... and crashes are reported */
	cpu_init();           /* features; no page is executable that says it is not */
	machine_check_init(); /* errors of the hardware are, too */
	persist_init();

	int error = boot_info_read(magic, information, &boot);

	if (error)
		host_panic(error == -E2BIG ? "the command line has more than 2047 characters"
					   : "there is no usable boot information");
	read_options();
	fatal_set_exit(options.exit);

	find_tables(boot_memory); /* where they lie, so that nothing overwrites them */
	note_used_memory();
	start_early_memory();
	paging_init();             /* the final page tables; the identity map is gone */
	find_tables(map_firmware); /* ... so they are read through windows from now on */
	time_init();
	watchdog_init(); /* interrupts are on */
	host_watch("boot", options.timeout);
	start_screen();

	take_inventory(); /* firmware tables -> NVDIMMs and regions */
	map_regions();    /* ... all persistent memory read-only */
	permit_writes();  /* ... but for what the user permits */
	if (options.areas_on_medium)
		reserve_for_all_words();
	describe_memory(); /* regions -> page descriptors, and the frame allocator */
	heap_init();       /* malloc */
	prepare_persistence();
	start_cpus(); /* ... which work when host_on_each_cpu() has something for them */
	move_words(); /* ... of areas to the medium, if that is asked for */

	fatal_set_report(run_abort);

	enum run_result result = run_suites(); /* suites -> verdicts -> report */

	devices_shutdown();
	power_exit(options.exit, result);
}
