/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/schemes/scheme.h"

#include <errno.h>

#include "mm/schemes/altmap.h"
#include "mm/schemes/compound.h"
#include "mm/schemes/dynamic.h"
#include "mm/schemes/flat.h"
#include "mm/schemes/page_less.h"
#include "mm/schemes/proxy.h"
#include "mm/schemes/two_level.h"
#include "mm/schemes/two_level_medium.h"
#include "mm/schemes/two_level_wear.h"

const struct scheme_ops *const schemes[] = {
	&flat_scheme,           &compound_scheme,  &compound_hvo_scheme,
	&altmap_scheme,         &page_less_scheme, &dynamic_scheme,
	&proxy_scheme,          &two_level_scheme, &two_level_medium_scheme,
	&two_level_wear_scheme,
};

const size_t nr_schemes = ARRAY_SIZE(schemes);

const char *scheme_feature_name(enum scheme_feature feature)
{
	static const char *const names[SCHEME_FEATURES] = {
		[SCHEME_FIND] = "find",
		[SCHEME_COUNTS] = "count",
		[SCHEME_LOCKS] = "lock",
		[SCHEME_DIRTY] = "dirty",
		[SCHEME_SMALL_PAGES] = "small-pages",
		[SCHEME_BAD_FRAMES] = "bad-frames",
		[SCHEME_OWNERS] = "owners",
		[SCHEME_DEVICES] = "devices",
	};

	return names[feature];
}

int scheme_range_check(const struct scheme *scheme, const struct scheme_range *range)
{
	if (range->frames == 0)
		return -EINVAL;
	if (!scheme_has(scheme, range->start) ||
	    range->frames > scheme->frames - pfn_distance(scheme->start, range->start))
		return -ENOENT;
	return 0;
}

int scheme_range_append(struct scheme_range *range)
{
	return segment_append(range->segments, &range->nr_segments, range->max_segments,
			      pfn_to_phys(range->start), range->frames << PAGE_SHIFT)
		       ? 0
		       : -ENOSPC;
}

int scheme_refuses_page(struct scheme *scheme, struct scheme_page *page)
{
	(void)scheme;
	(void)page;
	return -EOPNOTSUPP;
}

int scheme_refuses_frame(struct scheme *scheme, pfn_t frame)
{
	(void)scheme;
	(void)frame;
	return -EOPNOTSUPP;
}

int scheme_refuses_owner(struct scheme *scheme, pfn_t frame, struct scheme_owner owner,
			 struct scheme_page **page)
{
	(void)scheme;
	(void)frame;
	(void)owner;
	(void)page;
	return -EOPNOTSUPP;
}

int scheme_refuses_to_tell(struct scheme *scheme, const struct scheme_page *page,
			   struct scheme_owner *owner)
{
	(void)scheme;
	(void)page;
	(void)owner;
	return -EOPNOTSUPP;
}
