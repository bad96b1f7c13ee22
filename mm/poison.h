/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of poisoning, for mm/ alone. mm/page.h has the calls for everybody. */
#pragma once

#include "mm/page_map.h"

/* After the last pin of a poisoned whole area: it is split, so that only the bad frames are lost.
 */
void poison_settle(pfn_t area);

/* After a poisoned area was split: pages whose frame is not bad come into use again. */
void poison_sort(pfn_t area);
