/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a scheme of page descriptors does when somebody asks it for what file systems and devices
 * want: each found out by doing it, and not by asking what the scheme claims.
 */
#pragma once

#include "mm/schemes/scheme.h"

struct scheme_shows {
	bool serialises; /* of two users of a frame one gets the lock */
	bool counts;     /* two pins of a frame are two */
	bool dirty;      /* a page that was written is known to be, until the note is taken away */
	bool owners;     /* two owners of a frame are told apart */

	/* Frames pinned one after the other, none of them given back, until that is refused. */
	uint64_t pinned;
	int refused;  /* 0: all of them were pinned; or the error */
	bool goes_on; /* after one was given back another one was pinned */
};

/* Frames that are pinned for it, at most; fewer where the instance has not so many. */
enum { SCHEME_SHOWS_FRAMES = 256 };

/* The instance has no pins and no dirty pages, before and after. */
struct scheme_shows scheme_show(struct scheme *);
