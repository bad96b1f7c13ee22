/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>

#include "mm/schemes/dynamic_table.h"

int dynamic_repoint(struct scheme *scheme, struct scheme_page *handle, pfn_t to)
{
	struct dynamic *dynamic = dynamic_instance(scheme);
	struct dynamic_page *page = dynamic_behind(handle), *there;
	pfn_t from = dynamic_frame(atomic_load(&page->word));
	bucket_t *buckets[2] = {dynamic_bucket(dynamic, from), dynamic_bucket(dynamic, to)};
	/* All who lock two do it in the order of their addresses. */
	unsigned first = buckets[1] < buckets[0];
	bool same = buckets[0] == buckets[1];
	uint64_t only_mine = dynamic_key(from) | DYNAMIC_ONE_PIN;
	uint32_t heads[2] = {0, 0};
	uint32_t *head_from = &heads[0], *head_to = &heads[same ? 0 : 1];
	int error = 0;

	if (!scheme_has(scheme, to))
		return -ENOENT;
	if (pfn_eq(from, to))
		return 0;
	heads[first] = dynamic_lock(buckets[first]);
	if (!same)
		heads[!first] = dynamic_lock(buckets[!first]);
	there = dynamic_find(dynamic, *head_to, dynamic_key(to));
	if (there) {
		uint64_t idle = dynamic_key(to);

		if (atomic_compare_exchange_strong(&there->word, &idle, DYNAMIC_CLAIMED))
			dynamic_remove(dynamic, head_to, there);
		else
			error = -EEXIST;
	}
	if (!error && !atomic_compare_exchange_strong(&page->word, &only_mine,
						      dynamic_key(to) | DYNAMIC_ONE_PIN))
		error = -EBUSY;
	if (!error) {
		dynamic_remove(dynamic, head_from, page);
		dynamic_push(dynamic, head_to, page);
	}
	dynamic_unlock(buckets[0], heads[0]);
	if (!same)
		dynamic_unlock(buckets[1], heads[1]);
	if (there && error != -EEXIST)
		atomic_store(&there->word, 0);
	return error;
}
