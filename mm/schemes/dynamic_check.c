/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/schemes/dynamic_table.h"

uint32_t dynamic_bound(struct scheme *scheme)
{
	struct dynamic *dynamic = dynamic_instance(scheme);
	uint32_t bound = 0;

	for (uint32_t i = 0; i < dynamic->nr_pages; i++)
		bound += (atomic_load(&dynamic->pages[i].word) & DYNAMIC_BOUND) != 0;
	return bound;
}

/* How many pages are in a chain that belong there; each is the one that its frame leads to. */
static const char *check_chain(struct dynamic *dynamic, bucket_t *bucket, uint32_t *found)
{
	uint32_t head = atomic_load(bucket);

	for (struct dynamic_page *page = dynamic_at(dynamic, head); page;
	     page = dynamic_next(dynamic, page)) {
		uint64_t word = atomic_load(&page->word);

		if ((word & (DYNAMIC_BOUND | DYNAMIC_CLAIMED)) != DYNAMIC_BOUND)
			return "dynamic pages: a page in a chain is not bound";
		if (dynamic_bucket(dynamic, dynamic_frame(word)) != bucket)
			return "dynamic pages: a page is in the chain of another frame";
		if (dynamic_find(dynamic, head, dynamic_key(dynamic_frame(word))) != page)
			return "dynamic pages: two are bound to one frame";
		if (++*found > dynamic->nr_pages)
			return "dynamic pages: a chain leads back to itself";
	}
	return NULL;
}

const char *dynamic_check(struct scheme *scheme)
{
	struct dynamic *dynamic = dynamic_instance(scheme);
	uint32_t found = 0;

	for (size_t i = 0; i <= dynamic->bucket_mask; i++) {
		const char *broken = check_chain(dynamic, &dynamic->buckets[i], &found);

		if (broken)
			return broken;
	}
	for (uint32_t i = 0; i < dynamic->nr_pages; i++)
		if (atomic_load(&dynamic->pages[i].word) & DYNAMIC_CLAIMED)
			return "dynamic pages: one was claimed and neither bound nor left";
	return found == dynamic_bound(scheme) ? NULL
					      : "dynamic pages: one that is bound is in no chain";
}
