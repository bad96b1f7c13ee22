/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proxies in front of pages, by Dave Hansen and Dan Williams (2018): to pin a frame gives a pointer
 * with bit 0 set to a small object that stands for the frame's canonical page and says for whom.
 *
 *	owner 7, index 100:  proxy ---.
 *	                               +--> canonical page of frame 50
 *	owner 8, index 3:    proxy ---'
 *
 * So a frame that two files share has a proxy for each, with its own mapping and index, while
 * lock, dirty note and count are the canonical page's and hold for all. Canonical pages are a flat
 * array (flat.h), proxies come from a pool; when that is used up a pin is refused by -ENOMEM. Each
 * CPU keeps some free proxies at hand, which others cannot have (slots.h).
 *
 * Old code that knows plain pages only may get hold of a proxy. Bit 0 tells it apart: a plain
 * reference on a proxy is refused and counted instead of changing memory that is no page.
 */
#pragma once

#include "mm/schemes/flat.h"
#include "mm/schemes/scheme.h"

extern const struct scheme_ops proxy_scheme;

/* One more pin on the same proxy, by whoever has one already: scheme_unpin() returns each. -EINVAL:
 * it is no proxy. -EOVERFLOW: too many pins. */
int proxy_pin_again(struct scheme *, struct scheme_page *) must_check;

/*
 * What old code does to a canonical page, as scheme_find() gives it: takes a plain reference, which
 * counts as a pin, and puts it back. -EINVAL: this is a proxy, and nothing was done. -EIO and
 * -EOVERFLOW as scheme_pin().
 */
int plain_page_get(struct scheme *, struct scheme_page *) must_check;
int plain_page_put(struct scheme *, struct scheme_page *) must_check;

/* How often such a call was caught on a proxy. */
uint64_t proxy_caught(struct scheme *);

/* Proxies that nobody has, while nobody pins. */
uint32_t proxy_free(struct scheme *);
