/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What Linux does for device-dax with pages of 2 MiB, and so the closest peer of two levels: the
 * flat array (flat.h), in which the 512 descriptors of an area are one compound page, a head with
 * all the state and tails that lead to it. Tails are alike, so that few are kept:
 *
 *	scheme         descriptors of an area              kept        of 1 TiB
 *	compound       | head, 63 tails | 64 tails |       8 KiB       4 GiB
 *	compound-hvo   | head, 63 tails |                  4 KiB       2 GiB
 *
 * In Linux page tables let the seven or six frames of descriptors that are not kept be seen as the
 * last that is, and one finds a tail by the frame's number and the head by the tail. Here
 * arithmetic does the same: the head is found by the area's number, which saves the load of a tail.
 * Tails are made and kept for whoever has a frame's number and asks for its descriptor alone.
 *
 * Heads begin frames, as they must where page tables are to share the rest; so all of them are of
 * one set of a CPU's first cache.
 *
 * A pin of any frame is a pin of the head, and a range is one change for every 2 MiB. There are no
 * pages of 4 KiB: a lock is that of 2 MiB, so is a note that something was written, and one bad
 * frame takes 2 MiB out of use, until any of its frames is said to be repaired. The run has to
 * begin and end at multiples of 2 MiB.
 */
#pragma once

#include "mm/schemes/flat.h"

extern const struct scheme_ops compound_scheme;
extern const struct scheme_ops compound_hvo_scheme;

/* The descriptor that is found by a frame's number alone, a head or a tail; and the head of it. */
struct flat_page *compound_page(const struct scheme *, pfn_t);
struct flat_page *compound_head(struct flat_page *);
