/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/btt_fault.h"

#include <stdio.h>

#define COPY_HELPS "the other info block can replace it"
#define NO_REPAIR  "nothing here can repair it: copy what can be read, and make a new BTT"

static const struct {
	const char *name;
	const char *what;
	const char *remedy;
} faults[BTT_FAULTS] = {
	[BTT_FAULT_NONE] = {"none", "nothing is wrong", "nothing is to be done"},
	[BTT_FAULT_RANGE] = {"range", "the memory cannot hold a BTT: its bytes",
			     "give frames of one persistent region, enough for an arena"},
	[BTT_FAULT_READ_ONLY] = {"read-only", "the memory may not be written", "write= permits it"},
	[BTT_FAULT_UNREADABLE] = {"unreadable", "the medium cannot be read",
				  "write the sector anew, or the info block from the other one"},
	[BTT_FAULT_INFO_SIGNATURE] = {"info-signature", "no info block is here", COPY_HELPS},
	[BTT_FAULT_INFO_CHECKSUM] = {"info-checksum", "the info block's checksum", COPY_HELPS},
	[BTT_FAULT_INFO_VERSION] = {"info-version", "the version is not 1.1 at 0x1000 or 2.0 at 0",
				    "read it with what wrote it"},
	[BTT_FAULT_INFO_FIELD] = {"info-field", "an info block cannot have", COPY_HELPS},
	[BTT_FAULT_INFO_FOREIGN] = {"info-foreign", "the arena does not belong to the first one by",
				    NO_REPAIR},
	[BTT_FAULT_INFO_DIFFERS] = {"info-differs", "the two info blocks are not the same",
				    "the first one counts and can replace the second"},
	[BTT_FAULT_TOO_MANY_ARENAS] = {"too-many-arenas",
				       "there are more arenas than are supported",
				       "make several namespaces of it"},
	[BTT_FAULT_LOG_LAYOUT] = {"log-layout",
				  "the log uses other entries than 0 and 1, or 0 and 2", NO_REPAIR},
	[BTT_FAULT_LOG_SEQUENCE] = {"log-sequence", "no entry of the lane is the newer one",
				    NO_REPAIR},
	[BTT_FAULT_LOG_SECTOR] = {"log-sector", "the log names a sector past the end", NO_REPAIR},
	[BTT_FAULT_LOG_BLOCK] = {"log-block", "the log names a block past the end", NO_REPAIR},
	[BTT_FAULT_LOG_PENDING] = {"log-pending", "a write needs its map entry yet",
				   "opening it for writing does that"},
	[BTT_FAULT_MAP_BLOCK] = {"map-block", "the map names a block past the end", NO_REPAIR},
	[BTT_FAULT_BLOCK_TWICE] = {"block-twice", "a block is in use twice", NO_REPAIR},
	[BTT_FAULT_BLOCK_LOST] = {"block-lost", "a block is used by no sector and no lane",
				  NO_REPAIR},
};

const char *btt_fault_name(enum btt_fault_kind kind)
{
	return faults[kind].name;
}

void btt_fault_text(const struct btt_fault *fault, char text[BTT_FAULT_TEXT_MAX])
{
	snprintf(text, BTT_FAULT_TEXT_MAX,
		 "arena %u at %#llx: %s: %s%s%s: found %#llx, expected %#llx; %s", fault->arena,
		 (unsigned long long)fault->at, faults[fault->kind].name, faults[fault->kind].what,
		 fault->field ? " " : "", fault->field ? fault->field : "",
		 (unsigned long long)fault->found, (unsigned long long)fault->expected,
		 faults[fault->kind].remedy);
}
