/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/permission.h"
#include "drivers/content.h"
#include "mm/host.h"

#include <stdio.h>
#include <string.h>

enum { COMPLAINT_LENGTH = 200 };

void inventory_read_contents(struct inventory *inventory, unsigned timeout)
{
	for (size_t i = 0; i < inventory->nr_regions; i++) {
		const struct region *region = &inventory->regions[i];

		if (region->kind != MEMORY_PERSISTENT)
			continue;
		host_watch(region->name, timeout);
		inventory->contents[i] =
			content_of(host_virt(pfn_to_phys(region->start)), region_bytes(region));
	}
}

/* One name of a list, [at, at + length). */
struct word {
	const char *at;
	size_t length;
};

/* Steps to the next word; begin with {list, 0} and `first`. False: there is none. */
static bool next_word(struct word *word, bool first)
{
	if (!first) {
		if (word->at[word->length] == '\0')
			return false;
		word->at += word->length + 1;
	}
	word->length = strcspn(word->at, ",");
	return true;
}

static bool word_is(struct word word, const char *name)
{
	return strlen(name) == word.length && memcmp(word.at, name, word.length) == 0;
}

bool permission_names(const char *write, const char *name)
{
	struct word word = {write, 0};

	for (bool more = next_word(&word, true); more; more = next_word(&word, false)) {
		if (word_is(word, name))
			return true;
	}
	return false;
}

static const struct nvdimm *nvdimm_of(const struct inventory *inventory,
				      const struct interleave_set *set, size_t mapping)
{
	return &inventory->nvdimms[inventory->mappings[set->first_mapping + mapping].nvdimm];
}

/* How many of the NVDIMMs of a region the list names. */
static size_t nvdimms_named(const struct inventory *inventory, const struct region *region,
			    const char *write)
{
	const struct interleave_set *set = &inventory->sets[region->set];
	size_t named = 0;

	for (size_t i = 0; i < set->nr_mappings; i++)
		named += permission_names(write, nvdimm_of(inventory, set, i)->name);
	return named;
}

static void complain_partial(const struct inventory *inventory, const struct region *region,
			     const char *write, const struct complaints *complaints)
{
	const struct interleave_set *set = &inventory->sets[region->set];
	char text[COMPLAINT_LENGTH];
	size_t used = (size_t)snprintf(
		text, sizeof(text),
		"write=: %s is interleaved and needs more NVDIMMs named:", region->name);

	for (size_t i = 0; i < set->nr_mappings && used < sizeof(text); i++) {
		const char *name = nvdimm_of(inventory, set, i)->name;

		if (!permission_names(write, name))
			used += (size_t)snprintf(text + used, sizeof(text) - used, " %s", name);
	}
	complaints->complain(complaints->context, text);
}

/* `all` stands for what nobody can be sorry about. */
static bool all_covers(struct inventory *inventory, size_t index)
{
	const struct region *region = &inventory->regions[index];
	struct refusal refusal = {.what = "region",
				  .start = pfn_to_phys(region->start),
				  .length = region_bytes(region)};

	if (!region->armed) {
		refusal.reason = REFUSED_NOT_ARMED;
	} else if (inventory->contents[index]) {
		refusal.reason = REFUSED_CONTENT;
		refusal.text = inventory->contents[index];
	} else {
		return true;
	}
	inventory_refuse(inventory, &refusal);
	return false;
}

static void permit_region(struct inventory *inventory, size_t index, const char *write,
			  const struct complaints *complaints)
{
	struct region *region = &inventory->regions[index];
	size_t nr = inventory->sets[region->set].nr_mappings;
	size_t named = nvdimms_named(inventory, region, write);

	if (permission_names(write, region->name) || (nr > 0 && named == nr))
		region->writable = true;
	else if (permission_names(write, "all"))
		region->writable = all_covers(inventory, index);
	else if (named > 0)
		complain_partial(inventory, region, write, complaints);
}

static bool is_region_name(const struct inventory *inventory, struct word word)
{
	for (size_t i = 0; i < inventory->nr_regions; i++) {
		if (inventory->regions[i].kind == MEMORY_PERSISTENT &&
		    word_is(word, inventory->regions[i].name))
			return true;
	}
	return false;
}

static bool has_region(const struct inventory *inventory, size_t nvdimm)
{
	for (size_t i = 0; i < inventory->nr_regions; i++) {
		const struct region *region = &inventory->regions[i];
		const struct interleave_set *set = &inventory->sets[region->set];

		for (size_t j = 0; region->kind == MEMORY_PERSISTENT && j < set->nr_mappings; j++) {
			if (inventory->mappings[set->first_mapping + j].nvdimm == nvdimm)
				return true;
		}
	}
	return false;
}

/* NULL: this word means something here. */
static const char *word_fault(const struct inventory *inventory, struct word word,
			      bool (*is_other)(const char *name, size_t length))
{
	if (word.length == 0)
		return "an empty name";
	if (word_is(word, "all") || is_region_name(inventory, word) ||
	    is_other(word.at, word.length))
		return NULL;
	for (size_t i = 0; i < inventory->nr_nvdimms; i++) {
		if (word_is(word, inventory->nvdimms[i].name))
			return has_region(inventory, i) ? NULL : "no region lies on this NVDIMM";
	}
	return "this machine has no persistent region, NVDIMM or disk of this name";
}

void permission_check(const struct inventory *inventory, const char *write,
		      bool (*is_other)(const char *name, size_t length),
		      const struct complaints *complaints)
{
	struct word word = {write, 0};

	if (*write == '\0')
		return;
	for (bool more = next_word(&word, true); more; more = next_word(&word, false)) {
		const char *fault = word_fault(inventory, word, is_other);
		char text[COMPLAINT_LENGTH];

		if (!fault)
			continue;
		snprintf(text, sizeof(text), "write=%.*s: %s", (int)word.length, word.at, fault);
		complaints->complain(complaints->context, text);
	}
}

void inventory_permit(struct inventory *inventory, const char *write,
		      const struct complaints *complaints)
{
	if (*write == '\0')
		return;
	for (size_t i = 0; i < inventory->nr_regions; i++) {
		if (inventory->regions[i].kind == MEMORY_PERSISTENT)
			permit_region(inventory, i, write, complaints);
	}
}
