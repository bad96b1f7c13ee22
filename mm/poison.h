/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of poisoning, for mm/ alone. mm/page.h has the calls for everybody.
 *
 * The mark on a page takes it out of use. The mark on the word of a split area says that somebody
 * poisons a page of it: a collapse takes it away when it begins, and fails if it is there again
 * when it would end.
 */
#pragma once

#include "mm/page_map.h"

/* Forgets all bad frames, and the listener. */
void poison_init(void);

/*
 * Calls healed(frame) when a page came into use again: that of the frame, or, after an area was
 * split, pages of the frame's area. From any context, a machine check included.
 */
void poison_set_listener(void (*healed)(pfn_t));

/* After the last pin of a poisoned whole area: it is split, so that only the bad frames are lost.
 */
void poison_settle(pfn_t area);

/* After a poisoned area was split: pages whose frame is not bad come into use again. */
void poison_sort(pfn_t area);
