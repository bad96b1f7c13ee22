/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two levels (two_level.h) on a medium that wears. What is volatile, pins and locks and the note
 * that a page was written, which speaks of work under way, is in the words of the page map in DRAM,
 * 4 MiB for 1 TiB, and never reaches the medium. What lasts is there: which frames are bad
 * (bad_record.h), in one frame at the start of the run, written only when it changes, and durable.
 * begin() takes the frames out of use that it finds there.
 *
 *	| record | data .................................................. |
 *	 start    scheme.start
 *
 * Who owns a frame lasts as well, but is not here: a file system knows it, and keeps it with its
 * own metadata.
 *
 * Nothing of a pin is another than in two_level.h. Poison takes the frame out of use first and is
 * written down then; a repaired frame is in use again before it is taken off the list. So after a
 * power failure a frame may be in the list that need not be, but was bad until then; and one that
 * is missing was not yet said to be bad. A CPU that poisons or repairs waits for another one that
 * does, until that one's store is durable, so a machine check cannot do it: it marks the frame in
 * DRAM (mm/page.h), and somebody calls scheme_poison() later.
 *
 * scheme_poison() may return -ENOSPC as well: the frame is out of use, but no slot of the record is
 * left, and a later start will not know.
 *
 * begin() wants memory that may be written, of a single region, with a good first frame, and
 * refuses a record with damage; whoever overwrites the run's first frame with zeros gives up what
 * it says. Frames that the record names beyond the end of the run stay there and are left alone.
 */
#pragma once

#include "mm/schemes/scheme.h"

extern const struct scheme_ops two_level_wear_scheme;
