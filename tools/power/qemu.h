/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the recorder uses of QEMU 7.2: of its plugin interface, version 1 (for which Debian has no
 * header), and of QEMU itself, whose program exports its functions. The latter belong to no
 * interface and are right for 7.2 alone; they are weak, so that the recorder is loaded by another
 * QEMU as well and can say that it does not fit.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- The plugin interface, version 1. --- */

typedef uint64_t qemu_plugin_id_t;
typedef uint32_t qemu_plugin_meminfo_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;

/* The beginning of it: all that is asked for. */
struct qemu_plugin_info {
	const char *target_name;
	struct {
		int min;
		int cur;
	} version;
	bool system_emulation;
};

/* What 7.2 has behind this opaque type; `host` is where a store to RAM went. */
struct qemu_plugin_hwaddr {
	bool is_io;
	bool is_store;
	void *host;
};

enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
enum qemu_plugin_mem_rw { QEMU_PLUGIN_MEM_RW = 3 };
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };

typedef void (*qemu_plugin_mem_cb_t)(unsigned vcpu, qemu_plugin_meminfo_t, uint64_t vaddr, void *);

void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t,
					   void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, void (*)(unsigned, void *),
					    enum qemu_plugin_cb_flags, void *);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, enum qemu_plugin_op,
						void *counter, uint64_t);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *, qemu_plugin_mem_cb_t,
				      enum qemu_plugin_cb_flags, enum qemu_plugin_mem_rw, void *);
bool qemu_plugin_mem_is_store(qemu_plugin_meminfo_t);
unsigned qemu_plugin_mem_size_shift(qemu_plugin_meminfo_t);
struct qemu_plugin_hwaddr *qemu_plugin_get_hwaddr(qemu_plugin_meminfo_t, uint64_t vaddr);

/* --- QEMU 7.2 itself. --- */

struct cpu;           /* CPUState */
struct address_space; /* AddressSpace */

/* GByteArray, of the library that QEMU is linked with. */
struct byte_array {
	uint8_t *data;
	unsigned length;
};

#define OF_QEMU_7_2 __attribute__((weak))

OF_QEMU_7_2 extern int singlestep; /* one instruction per translation block */
OF_QEMU_7_2 extern struct address_space address_space_memory;
OF_QEMU_7_2 struct cpu *qemu_get_cpu(int vcpu);
/* Ends its turn before its next translation block. */
OF_QEMU_7_2 void cpu_exit(struct cpu *);
/* Appends a register: 0 to 15 are rax rbx rcx rdx rsi rdi rbp rsp r8 ... r15. */
OF_QEMU_7_2 int x86_cpu_gdb_read_register(struct cpu *, struct byte_array *, int number);
/* UINT64_MAX: not mapped. *attributes is one word. */
OF_QEMU_7_2 uint64_t cpu_get_phys_page_attrs_debug(struct cpu *, uint64_t vaddr,
						   uint32_t *attributes);
/* Where QEMU has guest memory, until it is unmapped; *length may become less. */
OF_QEMU_7_2 void *address_space_map(struct address_space *, uint64_t physical, uint64_t *length,
				    bool is_write, uint32_t attributes);
OF_QEMU_7_2 void address_space_unmap(struct address_space *, void *, uint64_t length, bool is_write,
				     uint64_t accessed);
OF_QEMU_7_2 struct byte_array *g_byte_array_new(void);
OF_QEMU_7_2 struct byte_array *g_byte_array_set_size(struct byte_array *, unsigned);
