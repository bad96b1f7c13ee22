/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/harness/no_scheme.h"

static int pin(struct scheme *scheme, pfn_t frame, struct scheme_page **page)
{
	(void)scheme;
	(void)frame;
	*page = NULL;
	return 0;
}

static void unpin(struct scheme *scheme, struct scheme_page *page, enum scheme_written written)
{
	(void)scheme;
	(void)page;
	(void)written;
}

static int pin_range(struct scheme *scheme, struct scheme_range *range)
{
	(void)scheme;
	(void)range;
	return 0;
}

static void unpin_range(struct scheme *scheme, const struct scheme_range *range,
			enum scheme_written written)
{
	(void)scheme;
	(void)range;
	(void)written;
}

static struct scheme_page *find(struct scheme *scheme, pfn_t frame)
{
	(void)scheme;
	(void)frame;
	return NULL;
}

static pfn_t no_page_to_pfn(struct scheme *scheme, const struct scheme_page *page)
{
	(void)scheme;
	(void)page;
	return pfn(0);
}

static int change(struct scheme *scheme, struct scheme_page *page)
{
	(void)scheme;
	(void)page;
	return 0;
}

const struct scheme_ops no_scheme = {
	.name = "interface",
	.pin = pin,
	.unpin = unpin,
	.pin_range = pin_range,
	.unpin_range = unpin_range,
	.find = find,
	.page_to_pfn = no_page_to_pfn,
	.trylock = change,
	.unlock = change,
};
