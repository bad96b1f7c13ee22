# SPDX-License-Identifier: BSD-2-Clause
#
# `make help` lists the targets, `make V=1` shows the commands. Sources are found by wildcard: a new
# .c file needs no change here.

BUILD := build
CC := gcc
LD := ld
Q := $(if $(V),,@)
step = @printf '  %-8s %s\n' $(1) $(2)

.DEFAULT_GOAL := kernel
.DELETE_ON_ERROR:
.SUFFIXES:

WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wmissing-prototypes -Werror
COMMON_FLAGS := -std=gnu11 $(WARNINGS) -g -I. -ffile-prefix-map=$(CURDIR)=.

# --- The kernel -----------------------------------------------------------------------------------

NEWLIB := .cache/newlib
NEWLIB_LIBC := $(NEWLIB)/x86_64-elf/lib/libc.a
KERNEL := $(BUILD)/bifold.elf
POWER_CUT := $(BUILD)/power-cut.so

KERNEL_SOURCES := $(wildcard boot/*.[cS] kernel/*.[cS] mm/*.c mm/schemes/*.c drivers/*.c \
	tests/*.c tests/harness/*.c)
KERNEL_OBJECTS := $(KERNEL_SOURCES:%=$(BUILD)/kernel/%.o)

# No vector registers, since nothing saves them; no red zone, since interrupts would overwrite it.
KERNEL_FLAGS := $(COMMON_FLAGS) -O2 -ffreestanding -mgeneral-regs-only -mno-red-zone -mcmodel=kernel \
	-fno-pic -fno-pie -fno-stack-protector -fcf-protection=none -fno-omit-frame-pointer \
	-fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections

# newlib's headers come before the compiler's own, for newlib's inttypes.h wants newlib's stdint.h. The
# compiler is asked for its place when a recipe runs, since there may be none before tools/setup has run.
KERNEL_INCLUDES = -nostdinc -isystem $(NEWLIB)/x86_64-elf/include \
	-isystem "$$($(CC) -print-file-name=include)"

KERNEL_LDFLAGS := -T linker.ld -nostdlib -static -z max-page-size=4096 -z noexecstack \
	--gc-sections --build-id=none --fatal-warnings

kernel: $(KERNEL) $(POWER_CUT) $(BUILD)/rules ## build/bifold.elf (the default)

# The plugin for QEMU that records what the kernel stores to persistent memory and flushes.
$(POWER_CUT): $(wildcard tools/power/*.[ch]) Makefile
	$(call step,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(COMMON_FLAGS) -O2 -shared -fPIC -o $@ $(filter %.c,$^)

# What no compiler checks: who includes whom, that each header stands alone, the format. Looked at
# again when a source changed.
$(BUILD)/rules: $(wildcard .clang-format $(foreach layer,boot drivers kernel mm tests tests/* tools/*, \
		$(layer)/*.[chS])) tools/check-layers tools/check-format tools/check-headers $(NEWLIB_LIBC)
	$(call step,RULES,'layers and format and headers')
	@mkdir -p $(@D)
	$(Q)tools/check-layers
	$(Q)tools/check-format
	$(Q)tools/check-headers
	@touch $@

# The kernel holds a table of its own functions for backtraces. A first link with an empty table says
# where they are; the second must not have moved them.
LINKED := $(KERNEL_OBJECTS) $(NEWLIB_LIBC) linker.ld $(BUILD)/sources

$(KERNEL): $(BUILD)/symbols-all.S.o $(LINKED)
	$(call step,LD,$@)
	$(Q)$(LD) $(KERNEL_LDFLAGS) -Map $(BUILD)/bifold.map -o $@ $(KERNEL_OBJECTS) $< $(NEWLIB_LIBC)
	$(Q)tools/make-symbols $@ | cmp - $(BUILD)/symbols-all.S
	$(Q)tools/check-binary $@

$(BUILD)/first.elf: $(BUILD)/symbols-none.S.o $(LINKED)
	$(Q)$(LD) $(KERNEL_LDFLAGS) -o $@ $(KERNEL_OBJECTS) $< $(NEWLIB_LIBC)

$(BUILD)/symbols-all.S: $(BUILD)/first.elf tools/make-symbols
	$(call step,SYMBOLS,$@)
	$(Q)tools/make-symbols $< >$@

$(BUILD)/symbols-none.S: tools/make-symbols
	@mkdir -p $(@D)
	$(Q)tools/make-symbols >$@

$(BUILD)/symbols-%.S.o: $(BUILD)/symbols-%.S
	$(Q)$(CC) -c -o $@ $<

$(BUILD)/kernel/%.c.o: %.c Makefile $(NEWLIB_LIBC)
	$(call step,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(KERNEL_FLAGS) $(KERNEL_INCLUDES) -MMD -MP -c -o $@ $<

$(BUILD)/kernel/%.S.o: %.S Makefile
	$(call step,AS,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -g -I. -Wa,-I,$(BUILD) -MMD -MP -c -o $@ $<

FONT := /usr/share/consolefonts/Lat15-VGA16.psf.gz
$(BUILD)/kernel/kernel/font.S.o: $(BUILD)/font.psf
$(BUILD)/font.psf: Makefile
	@mkdir -p $(@D)
	$(Q)gzip -dc $(FONT) >$@

$(NEWLIB_LIBC): tools/build-newlib
	$(call step,NEWLIB,'$(NEWLIB) (about a minute, once)')
	$(Q)tools/build-newlib $(NEWLIB)

# --- The boot image -------------------------------------------------------------------------------

ISO := $(BUILD)/bifold.iso
# The partition maps that nobody needs here: grub-mkrescue's own configuration asks for each and
# would complain on the screen.
GRUB_MODULES := normal multiboot2 serial terminal iso9660 fat search search_fs_file configfile boot \
	all_video part_gpt part_msdos part_acorn part_amiga part_apple part_bsd part_dfly part_dvh \
	part_plan part_sun part_sunpc

iso: $(ISO) $(BUILD)/rules ## build/bifold.iso: CD, USB stick and disk, for BIOS and UEFI

$(ISO): $(KERNEL) boot/grub.cfg
	$(call step,ISO,$@)
	@rm -rf $(BUILD)/iso && mkdir -p $(BUILD)/iso/boot/grub
	$(Q)objcopy --strip-debug $(KERNEL) $(BUILD)/iso/boot/bifold.elf
	$(Q)cp boot/grub.cfg $(BUILD)/iso/boot/grub/
	$(Q)grub-mkrescue -o $@ --fonts= --locales= --themes= --compress=xz \
		--install-modules="$(GRUB_MODULES)" $(BUILD)/iso >$(BUILD)/iso.log 2>&1 || \
		{ cat $(BUILD)/iso.log; exit 1; }

# --- The same code in a process, under sanitizers -------------------------------------------------

# What includes nothing of kernel/ is portable; so are the parsers of options and of boot information,
# and drivers that touch registers: a fake device's lie in memory.
PORTABLE_SOURCES := kernel/options.c \
	$(shell grep -LP '^\#include "kernel/(?!(options|mmio)\.h")' $(wildcard mm/*.c mm/schemes/*.c drivers/*.c tests/*.c))
HOST_SOURCES := $(PORTABLE_SOURCES) $(wildcard boot/*.c tests/harness/*.c tests/host/*.c)
HOST_FLAGS := $(COMMON_FLAGS) -O1 -fno-sanitize-recover=all -fno-omit-frame-pointer
STEP_SOURCES := $(wildcard tests/host/step/*.c)
HOST_BUILDS := gcc clang tsan step

host: $(HOST_BUILDS:%=$(BUILD)/host-%/bifold-tests) ## the hosted tests: by gcc, by clang, for races, step by step

# $(1) is the name of the build, $(2) its compiler, $(3) its flags, $(4) sources of its own.
define HOST_RULES
$(BUILD)/host-$(1)/bifold-tests: $(HOST_SOURCES:%=$(BUILD)/host-$(1)/%.o) \
		$(4:%=$(BUILD)/host-$(1)/%.o) $(BUILD)/sources
	$$(call step,LD,$$@)
	$$(Q)$(2) $$(HOST_FLAGS) $(3) -o $$@ $$(filter %.o,$$^)

$(BUILD)/host-$(1)/%.c.o: %.c Makefile
	$$(call step,CC,$$@)
	@mkdir -p $$(@D)
	$$(Q)$(2) $$(HOST_FLAGS) $(3) -MMD -MP -c -o $$@ $$<
endef
comma := ,
address := -fsanitize=address,undefined
$(eval $(call HOST_RULES,gcc,gcc,$(address)))
$(eval $(call HOST_RULES,clang,clang,$(address)))
# A race is one only where several threads run, so that only their suites are worth the time.
$(eval $(call HOST_RULES,tsan,clang,-fsanitize=thread))
# tests/host/interrupt.c has the reason.
$(BUILD)/host-tsan/mm/%.o $(BUILD)/host-tsan/drivers/btt.c.o: HOST_FLAGS += -fsanitize-coverage=trace-pc
# What is counted must be as it was written, so nothing is optimised. tests/host/step/ answers the
# calls that come with every access to memory.
$(eval $(call HOST_RULES,step,gcc,-O0 --coverage -Wl$(comma)--undefined=__gcov_dump,$(STEP_SOURCES)))
$(BUILD)/host-step/mm/%.o: HOST_FLAGS += -fsanitize=thread --param tsan-instrument-func-entry-exit=0 \
	--param tsan-distinguish-volatile=0

# --- The benchmark of the core, in a process and without sanitizers --------------------------------

# What is measured is compiled as for the kernel, and so are the references that it is compared with.
BENCH := $(BUILD)/bench/bench
BENCH_SOURCES := $(wildcard mm/*.c mm/schemes/*.c tests/bench/*.c) \
	tests/harness/no_scheme.c tests/harness/scheme_shows.c tests/host/single_step.c
BENCH_FLAGS := $(filter-out -ffreestanding -mcmodel=kernel -mgeneral-regs-only,$(KERNEL_FLAGS))
$(BUILD)/bench/mm/%.o $(BUILD)/bench/tests/bench/flat.c.o \
	$(BUILD)/bench/tests/harness/no_scheme.c.o: BENCH_FLAGS += -mgeneral-regs-only

bench: $(BENCH) ## time the core in a process, pinned to CPUs: docs/performance.md
	$(Q)$<

compare: $(BENCH) ## one table of all schemes of page descriptors: docs/schemes.md
	$(Q)$< --compare

compare-linux: ## boot Debian's Linux and Bifold in the same machine, and compare: docs/linux.md
	$(SETUP)
	$(SETUP) linux
	$(AGAIN) $(KERNEL)
	@tools/compare-linux

$(BENCH): $(BENCH_SOURCES:%=$(BUILD)/bench/%.o) $(BUILD)/sources
	$(call step,LD,$@)
	$(Q)$(CC) -no-pie -pthread -o $@ $(filter %.o,$^) -lm

$(BUILD)/bench/%.c.o: %.c Makefile
	$(call step,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(BENCH_FLAGS) -MMD -MP -c -o $@ $<

# Fuzzing of what reads the firmware's tables and the metadata of media: none of them is to be trusted.
# A fuzzer begins with what lies in the folder of its name in tests/, if there is one.
FUZZ_SECONDS := 20
FUZZERS := $(patsubst tests/host/fuzz/%.c,%,$(wildcard tests/host/fuzz/*.c))
FUZZ_SOURCES := $(filter-out tests/host/main.c tests/host/interrupt.c,$(HOST_SOURCES))
FUZZ_FLAGS := $(COMMON_FLAGS) -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all

fuzz: $(FUZZERS:%=fuzz-%) ## fuzz what reads firmware's tables and media, each for FUZZ_SECONDS=20

fuzz-%: $(BUILD)/fuzz/%
	@mkdir -p $(BUILD)/fuzz/corpus-$*
	$(Q)cd $(BUILD)/fuzz && ./$* -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=5 \
		-print_final_stats=1 corpus-$* $(wildcard $(CURDIR)/tests/$*)

$(FUZZERS:%=$(BUILD)/fuzz/%): $(BUILD)/fuzz/%: $(FUZZ_SOURCES:%=$(BUILD)/fuzz/%.o) \
		$(BUILD)/fuzz/tests/host/fuzz/%.c.o
	$(call step,LD,$@)
	$(Q)clang $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $^

$(BUILD)/fuzz/%.c.o: %.c Makefile
	$(call step,CC,$@)
	@mkdir -p $(@D)
	$(Q)clang $(FUZZ_FLAGS) -MMD -MP -c -o $@ $<

# --- Proofs (docs/proofs.md) ----------------------------------------------------------------------

model: ## search every state of the model of split, collapse, pins and poison (minutes)
	$(SETUP)
	@tests/proofs/model.py

prove: ## prove the transitions of a page's word with Frama-C; installs nothing
	@tests/proofs/prove.py

prove-mutants: ## prove them with one mistake at a time: each must be found
	@tests/proofs/prove.py --mutants

# Changes when a source comes or goes: what was linked with one that is gone must be linked again.
$(BUILD)/sources: FORCE
	@mkdir -p $(@D)
	@echo $(sort $(KERNEL_SOURCES) $(HOST_SOURCES) $(STEP_SOURCES) $(BENCH_SOURCES)) | cmp -s - $@ || \
		echo $(sort $(KERNEL_SOURCES) $(HOST_SOURCES) $(STEP_SOURCES) $(BENCH_SOURCES)) >$@

-include $(BENCH_SOURCES:%=$(BUILD)/bench/%.d)
-include $(KERNEL_OBJECTS:.o=.d) $(FUZZ_SOURCES:%=$(BUILD)/fuzz/%.d) \
	$(FUZZERS:%=$(BUILD)/fuzz/tests/host/fuzz/%.c.d)
-include $(foreach build,$(HOST_BUILDS),$(HOST_SOURCES:%=$(BUILD)/host-$(build)/%.d))
-include $(STEP_SOURCES:%=$(BUILD)/host-step/%.d)

# --- For people -----------------------------------------------------------------------------------

# The first step of a newcomer's first command: nothing before it may need a compiler.
SETUP = @tools/setup
# The rest needs what setup installed, so a new make looks at the tree again; on all CPUs, unless the
# caller said how many.
AGAIN = @+$(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

run: ## boot the image in QEMU with two NVDIMMs and show the report
	$(SETUP)
	$(AGAIN) iso
	@tools/run-machine --live tests/machines/run.ini

test: ## every test; the last line counts them
	$(SETUP)
	$(AGAIN) kernel iso host $(BENCH)
	@tools/test

coverage: $(BUILD)/host-step/bifold-tests ## what tests reach of mm/: lines, branches, and what they do not
	@tools/check-coverage

check: kernel iso $(BUILD)/host-step/bifold-tests ## the gates: layers, headers, format, license, coverage ...
	@tools/test 'gates/*'

format: ## clang-format all C files
	clang-format -i $$(find boot drivers kernel mm tests tools -name '*.[ch]')

setup: ## install the Debian packages that are missing
	$(SETUP)

clean: ## remove build/
	rm -rf build

distclean: clean ## remove .cache/ as well: newlib is built again
	rm -rf .cache

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1	\2/p' Makefile | expand -t 20

# For tools/check-headers.
show-kernel-flags:
	@echo $(KERNEL_FLAGS) $(KERNEL_INCLUDES)

show-host-flags:
	@echo $(COMMON_FLAGS)

.PHONY: kernel iso host bench compare compare-linux fuzz model prove prove-mutants run test coverage check format setup clean distclean help
.PHONY: show-kernel-flags show-host-flags FORCE
