/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/host/damage.h"

#include "mm/bad_lines.h"
#include "mm/host.h"
#include "mm/persist.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

enum { DAMAGED_BYTE = 0xdb };

static struct {
	phys_t line;
	enum damage how;
} damaged[DAMAGED_LINES_MAX];
static size_t nr_damaged;
static atomic_uint met;
static struct {
	phys_t at;
	void (*fn)(void);
} meanwhile;

void damage(phys_t line, enum damage how)
{
	if (nr_damaged == DAMAGED_LINES_MAX)
		host_panic("more than %d damaged lines", DAMAGED_LINES_MAX);
	memset(host_virt(line), DAMAGED_BYTE, CACHE_LINE);
	damaged[nr_damaged].line = line;
	damaged[nr_damaged++].how = how;
}

int damage_repair(phys_t start, size_t bytes)
{
	memset(host_virt(start), 0, bytes);
	for (size_t i = nr_damaged; i-- > 0;)
		if (damaged[i].line.addr - start.addr < bytes)
			damaged[i] = damaged[--nr_damaged];
	return 0;
}

void damage_meanwhile(phys_t at, void (*fn)(void))
{
	meanwhile.at = at;
	meanwhile.fn = fn;
}

unsigned damage_met(void)
{
	return atomic_load(&met);
}

void damage_end(void)
{
	nr_damaged = 0;
	meanwhile.fn = NULL;
	atomic_store(&met, 0);
}

static bool is_bad(size_t number)
{
	const unsigned char *bytes = host_virt(damaged[number].line);

	if (damaged[number].how == DAMAGE_UNTIL_REPAIRED)
		return true;
	for (size_t i = 0; i < CACHE_LINE; i++)
		if (bytes[i] != DAMAGED_BYTE)
			return false;
	return true;
}

/* The first damaged byte of [start, end), which is noted; or `end`. */
static const char *find_damage(const char *start, const char *end)
{
	const char *first = end;
	phys_t line = phys(0);

	for (size_t i = 0; i < nr_damaged; i++) {
		const char *at = host_virt(damaged[i].line);

		if (at < first && at + CACHE_LINE > start && is_bad(i)) {
			first = at;
			line = damaged[i].line;
		}
	}
	if (first == end)
		return end;
	atomic_fetch_add(&met, 1);
	if (bad_lines_add(line, CACHE_LINE))
		host_panic("a damaged line is in no region");
	return first < start ? start : first;
}

static void look_away(const char *start, size_t bytes)
{
	void (*fn)(void) = meanwhile.fn;
	const char *at = host_virt(meanwhile.at);

	if (!fn || at < start || at >= start + bytes)
		return;
	meanwhile.fn = NULL;
	fn();
}

size_t host_read(void *to, const void *from, size_t bytes)
{
	const char *start = from;
	size_t good = (size_t)(find_damage(start, start + bytes) - start);

	look_away(start, bytes);
	memcpy(to, from, good);
	return good;
}

/* Damage anywhere in what it reads is met before it begins. */
int host_contain(void (*fn)(void *), void *arg, const void *start, size_t bytes)
{
	const char *from = start;

	if (find_damage(from, from + bytes) != from + bytes)
		return -EIO;
	fn(arg);
	return 0;
}

int host_load(uint32_t *to, const uint32_t *from)
{
	const char *start = (const char *)from;

	if (find_damage(start, start + sizeof(*from)) == start)
		return -EIO;
	*to = __atomic_load_n(from, __ATOMIC_SEQ_CST);
	return 0;
}
