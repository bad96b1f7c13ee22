/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/pmem_io.h"

#include <errno.h>

#include "drivers/block.h"
#include "mm/bad_lines.h"
#include "mm/host.h"
#include "mm/page.h"
#include "mm/persist.h"

enum { LINES_PER_SECTOR = SECTOR_SIZE / CACHE_LINE };

static int (*repair)(phys_t start, size_t bytes);
static size_t repair_unit = CACHE_LINE;

void pmem_set_repair(int (*function)(phys_t start, size_t bytes), size_t unit)
{
	repair = function;
	repair_unit = function ? unit : CACHE_LINE;
}

/* All lines of the aligned runs of `run` lines, a power of two, that have one of these. */
static lines_t round_out(lines_t lines, size_t run)
{
	const lines_t all = LINES_ALL >> (LINES_PER_PAGE - run);
	lines_t result = 0;

	for (size_t first = 0; first < LINES_PER_PAGE; first += run)
		if (lines & all << first)
			result |= all << first;
	return result;
}

/* What lies in one frame of [at, at + bytes). */
static size_t part_in_frame(phys_t at, size_t bytes)
{
	size_t rest = PAGE_SIZE - at.addr % PAGE_SIZE;

	return bytes < rest ? bytes : rest;
}

static size_t part_in_page(const struct page *page, phys_t at, size_t bytes)
{
	size_t rest = page_size(page) - at.addr % page_size(page);

	return bytes < rest ? bytes : rest;
}

/*
 * A page that cannot be pinned, since it is out of use, needs no pin either: nobody splits,
 * collapses or hands out what has a bad frame. Else somebody holds all pins that it can have.
 */
static bool is_out_of_use(phys_t at)
{
	struct page_info info;

	return page_look(phys_to_pfn(at), &info) == 0 && info.poisoned;
}

bool pmem_find_bad(phys_t start, size_t bytes, phys_t *first)
{
	for (size_t done = 0, part; done < bytes; done += part) {
		phys_t at = phys_add(start, done);
		size_t offset = at.addr % PAGE_SIZE;
		lines_t bad = round_out(bad_lines_of(phys_to_pfn(at)), LINES_PER_SECTOR);

		part = part_in_frame(at, bytes - done);
		bad &= lines_holding(offset, part);
		if (bad) {
			size_t line = (size_t)__builtin_ctzll(bad) * CACHE_LINE;

			*first = phys_add(at, line > offset ? line - offset : 0);
			return true;
		}
	}
	return false;
}

static int read_part(phys_t from, void *to, size_t bytes)
{
	return host_read(to, host_virt(from), bytes) == bytes ? 0 : -EIO;
}

/* Of a frame that is out of use. */
static int read_around_bad(phys_t from, void *to, size_t bytes)
{
	phys_t bad;

	if (!is_out_of_use(from) || pmem_find_bad(from, bytes, &bad))
		return -EIO;
	return read_part(from, to, bytes);
}

int pmem_read(phys_t from, void *to, size_t bytes)
{
	int error = 0;

	for (size_t done = 0, part; done < bytes && !error; done += part) {
		phys_t at = phys_add(from, done);
		struct page *page = page_pin(phys_to_pfn(at));
		void *target = (char *)to + done;

		if (page) {
			part = part_in_page(page, at, bytes - done);
			error = read_part(at, target, part);
			page_unpin(page);
		} else {
			part = part_in_frame(at, bytes - done);
			error = read_around_bad(at, target, part);
		}
	}
	return error;
}

struct copy {
	void *to;
	const void *from;
	size_t bytes;
};

static void run_copy(void *arg)
{
	const struct copy *copy = arg;

	persist_copy(copy->to, copy->from, copy->bytes);
}

/* What is read may be a page of anybody's, and bad. */
static int copy_to(phys_t to, const void *from, size_t bytes)
{
	struct copy copy = {host_virt(to), from, bytes};

	return host_contain(run_copy, &copy, from, bytes) ? -EFAULT : 0;
}

/* Whether what was stored to these lines of a frame can be read. */
static bool can_be_read(pfn_t frame, lines_t lines)
{
	persist_drain(host_virt(pfn_to_phys(frame)));
	for (; lines; lines &= lines - 1) {
		size_t offset = (size_t)__builtin_ctzll(lines) * CACHE_LINE;
		char line[CACHE_LINE];

		if (read_part(phys_add(pfn_to_phys(frame), offset), line, sizeof(line)))
			return false;
	}
	return true;
}

/* Has firmware repair these lines of a frame, which are whole units. */
static int repair_lines(pfn_t frame, lines_t lines)
{
	int error = 0;

	while (lines && !error) {
		size_t offset =
			align_down((size_t)__builtin_ctzll(lines) * CACHE_LINE, repair_unit);

		error = repair(phys_add(pfn_to_phys(frame), offset), repair_unit);
		lines &= ~lines_holding(offset, repair_unit);
	}
	return error;
}

/* Lines of a frame of which no byte lies outside of [offset, offset + bytes). */
static lines_t lines_within(size_t offset, size_t bytes)
{
	size_t start = align_up(offset, (size_t)CACHE_LINE);
	size_t end = align_down(offset + bytes, (size_t)CACHE_LINE);

	return start < end ? lines_holding(start, end - start) : 0;
}

/*
 * Within one frame that is out of use. Where firmware repairs, the data is stored before as well:
 * if the repair keeps what is there, a power failure behind it leaves the new data, not the old.
 */
static int write_around_bad(phys_t to, const void *from, size_t bytes)
{
	pfn_t frame = phys_to_pfn(to);
	size_t offset = to.addr % PAGE_SIZE;
	lines_t units = round_out(bad_lines_of(frame) & lines_holding(offset, bytes),
				  repair_unit / CACHE_LINE);
	int error;

	if (!is_out_of_use(to) || (units & ~lines_within(offset, bytes)))
		return -EIO;
	error = copy_to(to, from, bytes);
	if (!error && units && repair) {
		persist_drain(host_virt(to));
		if (repair_lines(frame, units))
			return -EIO;
		error = copy_to(to, from, bytes);
	}
	if (error || !units)
		return error;
	return can_be_read(frame, units) && bad_lines_remove(frame, units) == 0 ? 0 : -EIO;
}

int pmem_write(phys_t to, const void *from, size_t bytes)
{
	int error = 0;

	for (size_t done = 0, part; done < bytes && !error; done += part) {
		phys_t at = phys_add(to, done);
		struct page *page = page_pin(phys_to_pfn(at));
		const void *source = (const char *)from + done;

		if (page) {
			part = part_in_page(page, at, bytes - done);
			error = copy_to(at, source, part);
			page_unpin(page);
		} else {
			part = part_in_frame(at, bytes - done);
			error = write_around_bad(at, source, part);
		}
	}
	return error;
}
