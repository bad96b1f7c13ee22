/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers and memory structures of NVM Express controllers, by the sections of the NVMe Base
 * Specification 1.4. Little-endian. What a controller fills in is copied out before it is believed.
 */
#pragma once

#include <stddef.h>

#include "mm/types.h"

/* --- Registers, 3.1: offsets in BAR 0. Those of 64 bits may be read and written in halves. --- */

enum nvme_register {
	NVME_CAP = 0x00, /* 64 bits */
	NVME_VS = 0x08,
	NVME_INTMS = 0x0c,
	NVME_CC = 0x14,
	NVME_CSTS = 0x1c,
	NVME_AQA = 0x24,
	NVME_ASQ = 0x28, /* 64 bits */
	NVME_ACQ = 0x30, /* 64 bits */
	NVME_DOORBELLS = 0x1000,
};

/* Every register of a function that is gone, or that does not decode memory, reads so. */
#define NVME_GONE UINT32_MAX

/* 3.1.1, CAP. */
static inline unsigned nvme_cap_entries(uint64_t cap) /* the most that a queue may have */
{
	return (unsigned)(cap & 0xffff) + 1;
}

static inline unsigned nvme_cap_timeout_ms(uint64_t cap) /* for CSTS.RDY to follow CC.EN */
{
	return ((unsigned)(cap >> 24) & 0xff) * 500;
}

static inline unsigned nvme_cap_doorbell_stride(uint64_t cap) /* bytes */
{
	return 4u << ((cap >> 32) & 0xf);
}

static inline unsigned nvme_cap_page_shift_min(uint64_t cap)
{
	return 12 + ((unsigned)(cap >> 48) & 0xf);
}

#define NVME_CAP_NVM_COMMANDS (1ULL << 37)
#define NVME_CAP_COMMAND_SETS (1ULL << 43) /* namespaces may have other commands */

#define NVME_VERSION_1_1 0x00010100u
#define NVME_VERSION_1_3 0x00010300u

/* 3.1.5, CC. */
#define NVME_CC_ENABLE          (1u << 0)
#define NVME_CC_SHUTDOWN_NORMAL (1u << 14)
#define NVME_CC_SHUTDOWN        (3u << 14)
#define NVME_CC_SQ_ENTRY_SHIFT  16 /* log2 of an entry's size */
#define NVME_CC_CQ_ENTRY_SHIFT  20

/* 3.1.6, CSTS. */
#define NVME_CSTS_READY         (1u << 0)
#define NVME_CSTS_FATAL         (1u << 1)
#define NVME_CSTS_SHUTDOWN_DONE (2u << 2)
#define NVME_CSTS_SHUTDOWN      (3u << 2)

/* 3.1.8, AQA: both sizes less 1, that of the completion queue in the upper half. */
enum { NVME_AQA_CQ_SHIFT = 16 };

/* --- Queue entries. --- */

/* 4.4, an SGL descriptor. */
struct nvme_sgl_descriptor {
	uint64_t address;
	uint32_t length; /* bytes */
	uint8_t reserved[3];
	uint8_t type; /* enum nvme_sgl_type; the lower half, 0: `address` is one */
};

enum nvme_sgl_type {
	NVME_SGL_DATA = 0x00,
	NVME_SGL_LAST_SEGMENT = 0x30, /* a list of descriptors, with none that points on */
};

_Static_assert(sizeof(struct nvme_sgl_descriptor) == 16, "SGL descriptor");
_Static_assert(offsetof(struct nvme_sgl_descriptor, length) == 8, "SGL descriptor");
_Static_assert(offsetof(struct nvme_sgl_descriptor, type) == 15, "SGL descriptor");

/* 4.2, a data pointer: two PRP entries, or an SGL descriptor when the command's flags say so. */
union nvme_data {
	struct {
		uint64_t prp1;
		uint64_t prp2;
	};
	struct nvme_sgl_descriptor sgl;
};

/* 4.2, a command. Its first 8 bytes, and those that number a block, are one word each as well. */
struct nvme_command {
	union {
		struct {
			uint8_t opcode;
			uint8_t flags;
			uint16_t id;
			uint32_t nsid;
		};
		uint64_t start;
	};
	uint64_t reserved;
	uint64_t metadata;
	union nvme_data data;
	union {
		struct {
			uint32_t dword10;
			uint32_t dword11;
		};
		uint64_t block;
	};
	uint32_t dword12;
	uint32_t dword13;
	uint32_t dword14;
	uint32_t dword15;
};

enum { NVME_COMMAND_SGL = 1 << 6 }; /* flags: PSDT 01b, the data pointer is an SGL descriptor */

/* The first word of a command. */
static inline uint64_t nvme_command_start(unsigned opcode, unsigned flags, unsigned id,
					  uint32_t nsid)
{
	return opcode | flags << 8 | id << 16 | (uint64_t)nsid << 32;
}

_Static_assert(sizeof(struct nvme_command) == 64, "command");
_Static_assert(offsetof(struct nvme_command, id) == 2, "command identifier");
_Static_assert(offsetof(struct nvme_command, nsid) == 4, "namespace identifier");
_Static_assert(offsetof(struct nvme_command, data) == 24, "data pointer");
_Static_assert(offsetof(struct nvme_command, dword10) == 40, "command dword 10");
_Static_assert(offsetof(struct nvme_command, dword15) == 60, "command dword 15");

/* 4.6, a completion. The upper half is one 8-byte word, so that one load sees all of it. */
struct nvme_completion {
	uint32_t result;
	uint32_t reserved;
	uint64_t word;
};

_Static_assert(sizeof(struct nvme_completion) == 16, "completion");
_Static_assert(offsetof(struct nvme_completion, word) == 8, "completion dword 2");

enum { NVME_COMPLETION_SQ_SHIFT = 16 };
#define NVME_COMPLETION_SQ    (0xffffULL << NVME_COMPLETION_SQ_SHIFT)
#define NVME_COMPLETION_PHASE (1ULL << 48)

enum { NVME_COMPLETION_ID_SHIFT = 32 };

static inline unsigned nvme_completion_sq_head(uint64_t word)
{
	return word & 0xffff;
}

static inline unsigned nvme_completion_id(uint64_t word)
{
	return (word >> 32) & 0xffff;
}

/* Status code type and status code, 4.6.1: 0 is success. */
static inline unsigned nvme_completion_status(uint64_t word)
{
	return (word >> 49) & 0x7ff;
}

enum nvme_status {
	NVME_STATUS_INVALID_FIELD = 0x002,
	NVME_STATUS_DATA_TRANSFER = 0x004,
	NVME_STATUS_INTERNAL = 0x006,
	NVME_STATUS_ABORTED = 0x007,
	NVME_STATUS_INVALID_NAMESPACE = 0x00b,
	NVME_STATUS_WRITE_PROTECTED = 0x020,
	NVME_STATUS_LBA_RANGE = 0x080,
	NVME_STATUS_CAPACITY = 0x081,
	NVME_STATUS_NAMESPACE_NOT_READY = 0x082,
	NVME_STATUS_READ_ONLY_RANGE = 0x182,
	NVME_STATUS_WRITE_FAULT = 0x280,
	NVME_STATUS_READ_ERROR = 0x281,
};

/* --- Admin commands, 5. --- */

enum nvme_admin_opcode {
	NVME_CREATE_SQ = 0x01,
	NVME_CREATE_CQ = 0x05,
	NVME_IDENTIFY = 0x06,
	NVME_SET_FEATURES = 0x09,
};

enum {
	NVME_QUEUE_CONTIGUOUS = 1, /* dword 11 of both creations */
	NVME_FEATURE_QUEUES = 7,   /* 5.21.1.7 */
};

/* 5.15.1, what to identify. */
enum nvme_cns {
	NVME_CNS_NAMESPACE = 0,
	NVME_CNS_CONTROLLER = 1,
	NVME_CNS_ACTIVE_NAMESPACES = 2,
	NVME_CNS_DESCRIPTORS = 3,
};

enum { NVME_IDENTIFY_BYTES = 4096, NVME_NAMESPACE_LIST_MAX = 1024 };

/* 5.15.2.2, the fields that somebody asks for. */
struct nvme_identify_controller {
	uint8_t vendor[4];
	char serial[20];
	char model[40];
	char firmware[8];
	uint8_t arbitration[5];
	uint8_t mdts; /* log2 of the largest transfer in pages of CAP.MPSMIN; 0: no limit */
	uint8_t to_sqes[434];
	uint8_t sqes; /* log2 of an entry's size: the least, and the most in the upper half */
	uint8_t cqes;
	uint16_t max_commands;
	uint32_t nr_namespaces; /* the largest identifier */
	uint8_t to_vwc[5];
	uint8_t vwc;
	uint8_t to_sgls[10];
	uint32_t sgls;
	uint8_t rest[3556];
};

enum {
	NVME_VWC_PRESENT = 1 << 0,
	NVME_SGLS_SUPPORT = 3, /* 1: any alignment; 2: of dwords */
};

_Static_assert(sizeof(struct nvme_identify_controller) == NVME_IDENTIFY_BYTES, "controller");
_Static_assert(offsetof(struct nvme_identify_controller, serial) == 4, "serial number");
_Static_assert(offsetof(struct nvme_identify_controller, model) == 24, "model number");
_Static_assert(offsetof(struct nvme_identify_controller, mdts) == 77, "MDTS");
_Static_assert(offsetof(struct nvme_identify_controller, sqes) == 512, "SQES");
_Static_assert(offsetof(struct nvme_identify_controller, nr_namespaces) == 516, "NN");
_Static_assert(offsetof(struct nvme_identify_controller, vwc) == 525, "VWC");
_Static_assert(offsetof(struct nvme_identify_controller, sgls) == 536, "SGLS");

struct nvme_lba_format {
	uint16_t metadata_bytes;
	uint8_t block_shift;
	uint8_t performance;
};

/* 5.15.2.1, likewise. */
struct nvme_identify_namespace {
	uint64_t blocks;
	uint64_t capacity;
	uint64_t use;
	uint8_t features;
	uint8_t last_format; /* of formats[] */
	uint8_t format;      /* the index is the lower 4 bits */
	uint8_t metadata_capabilities;
	uint8_t protection_capabilities;
	uint8_t protection;
	uint8_t to_attributes[69];
	uint8_t attributes;
	uint8_t to_nguid[4];
	uint8_t nguid[16]; /* zeros: none */
	uint8_t eui64[8];  /* likewise */
	struct nvme_lba_format formats[16];
	uint8_t rest[3904];
};

enum { NVME_FORMAT_INDEX = 0xf, NVME_NAMESPACE_WRITE_PROTECTED = 1 << 0 };

_Static_assert(sizeof(struct nvme_identify_namespace) == NVME_IDENTIFY_BYTES, "namespace");
_Static_assert(offsetof(struct nvme_identify_namespace, last_format) == 25, "NLBAF");
_Static_assert(offsetof(struct nvme_identify_namespace, format) == 26, "FLBAS");
_Static_assert(offsetof(struct nvme_identify_namespace, attributes) == 99, "NSATTR");
_Static_assert(offsetof(struct nvme_identify_namespace, nguid) == 104, "NGUID");
_Static_assert(offsetof(struct nvme_identify_namespace, eui64) == 120, "EUI64");
_Static_assert(offsetof(struct nvme_identify_namespace, formats) == 128, "LBAF0");

/* 5.15.2.3, one of a namespace's descriptors; its value follows, and then the next one. */
struct nvme_namespace_descriptor {
	uint8_t type;
	uint8_t length; /* of the value; 0: the list is over */
	uint8_t reserved[2];
};

enum {
	NVME_DESCRIPTOR_UUID = 3,        /* 16 bytes */
	NVME_DESCRIPTOR_COMMAND_SET = 4, /* NVMe 2.0, 5.17.2.3: one byte */
	NVME_COMMAND_SET_NVM = 0,
};

_Static_assert(sizeof(struct nvme_namespace_descriptor) == 4, "namespace descriptor");

/* --- I/O commands, 6. --- */

enum nvme_io_opcode {
	NVME_FLUSH = 0x00,
	NVME_WRITE = 0x01,
	NVME_READ = 0x02,
};

enum { NVME_BLOCKS_MAX = 1 << 16 };

#define NVME_FUA (1u << 30) /* dword 12, beside the number of blocks less 1 */
