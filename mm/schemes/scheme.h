/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One narrow interface for every way to describe the frames of a large memory to those who do I/O
 * on it: pin a range, get segments, lock, unlock, mark dirty, unpin, count. The schemes behind it
 * are rivals of mm/page.h (which is one of them, two_level.h), each as good as its idea allows, so
 * that the same tests and the same measurements run over all.
 *
 * An instance describes one run of frames and lives in the DRAM that its caller gives it; there may
 * be any number of instances. What a scheme keeps inside the memory that it describes, on the
 * medium, it takes from the start of the run, and `start` and `frames` tell what is left for data.
 *
 * A page, `struct scheme_page *`, is what describes a pinned frame. Each scheme gives it a meaning
 * of its own; for everybody else it is opaque. It is good while it is pinned.
 *
 * What a scheme cannot do it refuses by -EOPNOTSUPP, and scheme_refusal() says why. A call that a
 * test makes succeed by looking the other way would hide what the scheme costs.
 *
 * A call is one indirect jump, the same for all. What is called belongs to one source file of the
 * scheme's own, compiled with the same flags: nothing of one scheme is inlined into its user while
 * something of another is not.
 *
 * begin() and end() are CPU 0's, outside of host_on_each_cpu(); all other calls may be made on any
 * CPU at any time. A scheme in which one CPU may wait for another says so in its header. Errors are
 * negative errno values.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/segment.h"
#include "mm/types.h"

struct scheme;
struct scheme_page; /* never defined */

/* What one would like to do with a frame, and not every scheme can. */
enum scheme_feature {
	SCHEME_FIND,        /* find the page of a frame that somebody has pinned */
	SCHEME_COUNTS,      /* say how many pins there are */
	SCHEME_LOCKS,       /* let two users of one page work one after the other */
	SCHEME_DIRTY,       /* remember that it was written */
	SCHEME_SMALL_PAGES, /* lock, note or take out of use 4 KiB and not what is beside them */
	SCHEME_BAD_FRAMES,  /* keep a frame with a memory error out of use */
	SCHEME_OWNERS,      /* tell several owners of one frame apart, each with its own index */
	SCHEME_DEVICES, /* let a device work on it: who frees a frame can see that it is in use */
	SCHEME_FEATURES,
};

const char *scheme_feature_name(enum scheme_feature);

/* What an instance is made for. */
struct scheme_setup {
	pfn_t start;
	uint64_t frames;
	uint32_t pool; /* descriptors, for schemes that have fewer than frames; others ignore it */
};

/* What it takes: bytes of metadata by medium. */
struct scheme_needs {
	size_t dram_bytes;  /* from the beginning */
	size_t given_bytes; /* of them, by begin()'s caller: all, or the page map has the rest */
	size_t dram_bytes_most; /* with every descriptor that it can come to have */
	size_t medium_bytes;    /* reserved at the start of the run */
};

/* What it has taken so far. */
struct scheme_usage {
	size_t dram_bytes;
	size_t medium_bytes;
	/* Wear, if every store reached the medium: a cache may join several of them to one. */
	uint64_t medium_stores;
	uint64_t medium_written; /* bytes, those of begin() included */
};

/* Pins of a range. All but what is noted is the caller's to fill in. */
struct scheme_range {
	pfn_t start;
	uint64_t frames;
	struct segment *segments; /* as in mm/segment.h */
	size_t nr_segments, max_segments;
	struct scheme_page **pages; /* room for one of each frame: the scheme's own notes */
};

/* Who owns a frame, and where in what it owns the frame is. */
struct scheme_owner {
	uint64_t mapping;
	uint64_t index;
};

/* Whether an unpinned page was written meanwhile. */
enum scheme_written { SCHEME_CLEAN, SCHEME_WRITTEN };

struct scheme_ops {
	const char *name;
	const char *refusals[SCHEME_FEATURES]; /* NULL: it can */

	void (*needs)(const struct scheme_setup *, struct scheme_needs *);
	struct scheme *(*begin)(const struct scheme_setup *, void *dram);
	void (*end)(struct scheme *); /* NULL: nothing to do */
	void (*usage)(struct scheme *, struct scheme_usage *);

	int (*pin)(struct scheme *, pfn_t, struct scheme_page **);
	void (*unpin)(struct scheme *, struct scheme_page *, enum scheme_written);
	int (*pin_range)(struct scheme *, struct scheme_range *);
	void (*unpin_range)(struct scheme *, const struct scheme_range *, enum scheme_written);

	struct scheme_page *(*find)(struct scheme *, pfn_t);
	pfn_t (*page_to_pfn)(struct scheme *, const struct scheme_page *);
	size_t (*page_size)(struct scheme *, const struct scheme_page *);

	int (*trylock)(struct scheme *, struct scheme_page *);
	int (*unlock)(struct scheme *, struct scheme_page *);
	int (*mark_dirty)(struct scheme *, struct scheme_page *);
	int (*clear_dirty)(struct scheme *, struct scheme_page *);
	int (*pins)(struct scheme *, pfn_t);
	int (*poison)(struct scheme *, pfn_t);
	int (*unpoison)(struct scheme *, pfn_t);

	int (*pin_as)(struct scheme *, pfn_t, struct scheme_owner, struct scheme_page **);
	int (*owner)(struct scheme *, const struct scheme_page *, struct scheme_owner *);
};

/* What every instance begins with. */
struct scheme {
	const struct scheme_ops *ops;
	pfn_t start;     /* the first frame for data */
	uint64_t frames; /* for data */
};

/* All schemes that there are. */
extern const struct scheme_ops *const schemes[];
extern const size_t nr_schemes;

/* NULL: the scheme has the feature; or why it has not, in a few words. */
static inline const char *scheme_refusal(const struct scheme *scheme, enum scheme_feature feature)
{
	return scheme->ops->refusals[feature];
}

/* --- An instance --- */

/* What an instance for this would need; nothing is made, so the run may be one that is not there.
 */
static inline void scheme_needs(const struct scheme_ops *ops, const struct scheme_setup *setup,
				struct scheme_needs *needs)
{
	needs->given_bytes = 0;
	ops->needs(setup, needs);
	if (needs->given_bytes == 0)
		needs->given_bytes = needs->dram_bytes;
}

/*
 * Makes an instance in `dram`, page aligned, zeroed and the given_bytes of scheme_needs(); both
 * are the instance's until scheme_end(). NULL: the run is too short for what the scheme
 * would keep in it, or it is not one that this scheme can describe.
 */
static inline struct scheme *scheme_begin(const struct scheme_ops *ops,
					  const struct scheme_setup *setup, void *dram)
{
	return ops->begin(setup, dram);
}

/*
 * Gives an instance back of which nothing is pinned any more: what the scheme kept elsewhere is
 * where it was before, and the memory is the caller's again.
 */
static inline void scheme_end(struct scheme *scheme)
{
	if (scheme->ops->end)
		scheme->ops->end(scheme);
}

/* While nobody changes anything. */
static inline void scheme_usage(struct scheme *scheme, struct scheme_usage *usage)
{
	scheme->ops->usage(scheme, usage);
}

/* Whether the frame is one of the instance's, for data. */
static inline bool scheme_has(const struct scheme *scheme, pfn_t frame)
{
	return frame.n - scheme->start.n < scheme->frames;
}

/* --- Hold --- */

/*
 * Pins what describes a frame. -ENOENT: the frame is not the instance's. -EIO: it is out of use.
 * -ENOMEM: no descriptor is left; pins that are returned make room. -EOVERFLOW: too many pins.
 */
must_check static inline int scheme_pin(struct scheme *scheme, pfn_t frame,
					struct scheme_page **page)
{
	return scheme->ops->pin(scheme, frame, page);
}

static inline void scheme_unpin(struct scheme *scheme, struct scheme_page *page,
				enum scheme_written written)
{
	scheme->ops->unpin(scheme, page, written);
}

/*
 * Pins all that describes the frames of a range, at least one frame, and adds them to the segments.
 * Errors are those of scheme_pin(), and -ENOSPC: no room for the segments; -EINVAL: no frames.
 * After an error nothing is pinned and no segment was added.
 */
must_check static inline int scheme_pin_range(struct scheme *scheme, struct scheme_range *range)
{
	return scheme->ops->pin_range(scheme, range);
}

/* Takes the pins of such a range back: of the same structure, or a copy with the same pages. */
static inline void scheme_unpin_range(struct scheme *scheme, const struct scheme_range *range,
				      enum scheme_written written)
{
	scheme->ops->unpin_range(scheme, range, written);
}

/* --- Look --- */

/*
 * SCHEME_FIND: what describes the frame, and it is good as long as somebody has it pinned. NULL:
 * nothing does now, or the scheme has not the feature.
 */
static inline struct scheme_page *scheme_find(struct scheme *scheme, pfn_t frame)
{
	return scheme->ops->find(scheme, frame);
}

/* The first frame of a pinned page and its bytes. */
static inline pfn_t scheme_page_to_pfn(struct scheme *scheme, const struct scheme_page *page)
{
	return scheme->ops->page_to_pfn(scheme, page);
}

static inline size_t scheme_page_size(struct scheme *scheme, const struct scheme_page *page)
{
	return scheme->ops->page_size(scheme, page);
}

/* SCHEME_COUNTS: the pins of the page that describes the frame. -ENOENT: not the instance's. */
static inline int scheme_pins(struct scheme *scheme, pfn_t frame)
{
	return scheme->ops->pins(scheme, frame);
}

/* --- For whoever has the page pinned --- */

/* SCHEME_LOCKS. -EBUSY: somebody else has it. */
must_check static inline int scheme_trylock(struct scheme *scheme, struct scheme_page *page)
{
	return scheme->ops->trylock(scheme, page);
}

/* By whoever locked it. */
static inline int scheme_unlock(struct scheme *scheme, struct scheme_page *page)
{
	return scheme->ops->unlock(scheme, page);
}

/* SCHEME_DIRTY: notes that the page was written; takes the note away: 1 if it was there, else 0. */
static inline int scheme_mark_dirty(struct scheme *scheme, struct scheme_page *page)
{
	return scheme->ops->mark_dirty(scheme, page);
}

static inline int scheme_clear_dirty(struct scheme *scheme, struct scheme_page *page)
{
	return scheme->ops->clear_dirty(scheme, page);
}

/* --- Errors of the memory --- */

/* SCHEME_BAD_FRAMES: takes a frame out of use, pinned or not, and into use again. -ENOENT. */
static inline int scheme_poison(struct scheme *scheme, pfn_t frame)
{
	return scheme->ops->poison(scheme, frame);
}

static inline int scheme_unpoison(struct scheme *scheme, pfn_t frame)
{
	return scheme->ops->unpoison(scheme, frame);
}

/* --- Owners --- */

/* SCHEME_OWNERS: scheme_pin() for an owner, and whom a pinned page was pinned for. */
must_check static inline int scheme_pin_as(struct scheme *scheme, pfn_t frame,
					   struct scheme_owner owner, struct scheme_page **page)
{
	return scheme->ops->pin_as(scheme, frame, owner, page);
}

static inline int scheme_owner(struct scheme *scheme, const struct scheme_page *page,
			       struct scheme_owner *owner)
{
	return scheme->ops->owner(scheme, page, owner);
}

/* --- What schemes have in common --- */

/* What scheme_pin_range() begins with and ends with: -EINVAL and -ENOENT, and -ENOSPC. */
int scheme_range_check(const struct scheme *, const struct scheme_range *) must_check;
int scheme_range_append(struct scheme_range *) must_check;

/* Ask for what the scheme has not: -EOPNOTSUPP. */
int scheme_refuses_page(struct scheme *, struct scheme_page *);
int scheme_refuses_frame(struct scheme *, pfn_t);
int scheme_refuses_owner(struct scheme *, pfn_t, struct scheme_owner, struct scheme_page **);
int scheme_refuses_to_tell(struct scheme *, const struct scheme_page *, struct scheme_owner *);
