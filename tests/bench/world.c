/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE

#include "tests/bench/world.h"

#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include "mm/frame_alloc.h"
#include "mm/host.h"
#include "mm/page.h"
#include "mm/region.h"
#include "tests/bench/bench.h"
#include "tests/host/cpu_number.h"

enum { CPUS_USED = 2 };

/* Tables for 64 GiB that is split take 128 MiB. */
#define DRAM_BYTES     ((size_t)256 << 20)
#define DRAM_START     pfn((4 * GIB) >> PAGE_SHIFT)
#define METADATA_BYTES ((size_t)128 << 20)
/* Several times any last-level cache that one CPU uses. */
#define CHILL_BYTES ((size_t)256 << 20)

static struct region regions[] = {
	{.kind = MEMORY_DRAM, .name = "dram0"},
	{.kind = MEMORY_PERSISTENT, .name = "pmem0", .writable = true},
};

static char *dram;
static char *pmem;
static char *metadata;

/* --- Memory --- */

static size_t memory_bytes;

/* Aligned to 2 MiB; of such pages if the system has them, as soon as somebody touches it. */
static char *reserve(size_t bytes)
{
	char *memory = mmap(NULL, bytes + AREA_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	bench_require(memory != MAP_FAILED, "mmap() of memory for descriptors");
	memory = (char *)align_up((uintptr_t)memory, AREA_SIZE);
	(void)madvise(memory, bytes, MADV_HUGEPAGE);
	return memory;
}

void *world_memory(size_t bytes)
{
	char *memory = reserve(bytes);

	memset(memory, 0, bytes);
	memory_bytes += bytes;
	return memory;
}

size_t world_huge_bytes(size_t *all)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "r");
	size_t kib = 0;
	char line[200];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "AnonHugePages: %zu kB", &kib) == 1)
			break;
	if (file)
		fclose(file);
	*all = memory_bytes;
	return kib << 10;
}

unsigned world_frame_bits(void)
{
	return bench_options.quick ? 18 : 24;
}

unsigned world_area_bits(void)
{
	return world_frame_bits() - (AREA_SHIFT - PAGE_SHIFT);
}

void world_begin(uint64_t pmem_bytes)
{
	size_t map_bytes, alloc_bytes;

	regions[0].start = DRAM_START;
	regions[0].end = pfn_add(DRAM_START, DRAM_BYTES >> PAGE_SHIFT);
	regions[1].start = PMEM_START;
	regions[1].end = pfn_add(PMEM_START, pmem_bytes >> PAGE_SHIFT);
	map_bytes = page_map_size(regions, ARRAY_SIZE(regions));
	alloc_bytes = frame_alloc_size(regions, ARRAY_SIZE(regions));
	if (!metadata) {
		metadata = world_memory(METADATA_BYTES);
		dram = world_memory(DRAM_BYTES);
		pmem = reserve((size_t)PAGE_SIZE << WORLD_BACKED_BITS);
	}
	bench_require(map_bytes + alloc_bytes <= METADATA_BYTES, "room for descriptors");
	memset(metadata, 0, map_bytes + alloc_bytes);
	bench_require(page_map_init(regions, ARRAY_SIZE(regions), metadata) == 0, "page_map_init");
	frame_alloc_init(metadata + map_bytes);
}

void world_begin_usual(void)
{
	world_begin((uint64_t)PAGE_SIZE << world_frame_bits());
}

void world_split_all(void)
{
	for (uint64_t i = 0; i < (uint64_t)1 << world_area_bits(); i++)
		bench_require(page_split(pfn_add(PMEM_START, i * PAGES_PER_AREA)) == 0,
			      "page_split");
}

void world_chill(void)
{
	static char *other;
	size_t bytes = bench_options.quick ? CHILL_BYTES / 32 : CHILL_BYTES;

	if (!other)
		other = world_memory(bytes);
	for (size_t i = 0; i < bytes; i += 64)
		keep((uint64_t)other[i]);
}

/* --- CPUs --- */

static size_t cpu_numbers[CPUS_USED]; /* as Linux counts them */
static unsigned nr_cpus;
static atomic_bool disturbed;

static void run_on(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu_numbers[cpu], &set);
	bench_require(sched_setaffinity(0, sizeof(set), &set) == 0, "sched_setaffinity");
	cpu_number_set(cpu);
}

/* The first two CPUs that the process may use; the main thread stays on the first. */
static void find_cpus(void)
{
	cpu_set_t set;

	bench_require(sched_getaffinity(0, sizeof(set), &set) == 0, "sched_getaffinity");
	for (size_t i = 0; i < CPU_SETSIZE && nr_cpus < CPUS_USED; i++)
		if (CPU_ISSET(i, &set))
			cpu_numbers[nr_cpus++] = i;
	run_on(0);
}

unsigned host_cpus(void)
{
	if (!nr_cpus)
		find_cpus();
	return nr_cpus;
}

static long switches(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nivcsw;
}

bool world_was_disturbed(void)
{
	static long before;
	long now = switches();
	bool was = atomic_exchange(&disturbed, false) || now != before;

	before = now;
	return was;
}

static struct {
	void (*fn)(void *);
	void *arg;
} job;

static void *other_cpu(void *unused)
{
	long before;

	run_on(1);
	before = switches();
	job.fn(job.arg);
	if (switches() != before)
		atomic_store(&disturbed, true);
	return unused;
}

void host_on_each_cpu(void (*fn)(void *), void *arg)
{
	pthread_t thread;

	job.fn = fn;
	job.arg = arg;
	if (nr_cpus > 1)
		bench_require(pthread_create(&thread, NULL, other_cpu, NULL) == 0,
			      "pthread_create");
	fn(arg);
	if (nr_cpus > 1)
		pthread_join(thread, NULL);
}

/* --- The rest of mm/host.h --- */

void *host_virt(phys_t address)
{
	uint64_t pmem_start = pfn_to_phys(PMEM_START).addr;

	if (address.addr >= pmem_start)
		return pmem + (address.addr - pmem_start);
	return dram + (address.addr - pfn_to_phys(DRAM_START).addr);
}

/* Nothing is bad here. */
size_t host_read(void *to, const void *from, size_t bytes)
{
	memcpy(to, from, bytes);
	return bytes;
}

void host_print(const char *line)
{
	puts(line);
}

uint64_t host_nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void host_watch(const char *what, unsigned seconds)
{
	(void)what;
	(void)seconds;
}

void host_panic(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("bench: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	abort();
}
