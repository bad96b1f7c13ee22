/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading and writing persistent memory by copying, as whoever keeps data on it does: the raw disk,
 * a BTT. Each page is pinned while it is copied, as far as it can be.
 *
 * Bad memory (mm/bad_lines.h) counts in sectors of 512 bytes: one that has a bad line cannot be
 * read, and is not touched. The good ones of a frame that is out of use can be read and written.
 * Memory that turns out to be bad while it is read fails in the same way, and is noted.
 *
 * What is written over a bad line repairs it, as far as whole units of the medium are overwritten:
 * those that firmware can clear, or lines where it cannot. A part of a bad unit is not written.
 * Whether a store makes a line good is the platform's affair. Firmware's own function does
 * (ACPI 6.5, 9.20.7, function 4); without it the line is stored in whole, past the caches, which
 * memory controllers usually take for a repair but only MOVDIR64B promises to them as one access.
 * So the line is read again, and is good only if that works.
 *
 * Any CPU, nothing waits but for another CPU that repairs, too. Addresses and lengths need no
 * alignment; a range may cross pages, and its frames belong to a region. The other side of a copy
 * may not overlap it.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/types.h"

/* 0, or -EIO: a sector of the range is bad. What is before it may be copied. */
int pmem_read(phys_t from, void *to, size_t bytes) must_check;

/*
 * The same into a region that may be written, but that sectors are repaired. Durable after
 * persist_drain(). -EIO: there is a bad unit that the range has a part of, or that stays bad.
 * -EFAULT: memory of `from` is bad. A part of the range may be written then.
 */
int pmem_write(phys_t to, const void *from, size_t bytes) must_check;

/* Whether a sector of the range is bad; *first is then the first such byte of the range. */
bool pmem_find_bad(phys_t start, size_t bytes, phys_t *first);

/*
 * Firmware's way to make units of `unit` bytes of the medium good, whose content is lost: 0 or a
 * negative errno. A power of two, CACHE_LINE ... PAGE_SIZE; the range is made of whole units. NULL:
 * there is none, as in the beginning. Not while others read or write.
 */
void pmem_set_repair(int (*repair)(phys_t start, size_t bytes), size_t unit);
