/* SPDX-License-Identifier: BSD-2-Clause */
/* The composition root: what happens from the boot loader to the verdict. */
#include "boot/boot_info.h"
#include "kernel/console.h"
#include "kernel/fwcfg.h"
#include "kernel/options.h"
#include "kernel/power.h"
#include "kernel/screen.h"

#include <errno.h>

static struct boot_info boot;
static struct options options;

/* QEMU's options win over those of the boot loader. */
static void read_options(void)
{
	static char text[BOOT_CMDLINE_MAX];

	options_init(&options);
	options_parse(boot.cmdline, &options);

	int error = fwcfg_read("opt/org.bifold/cmdline", text, sizeof(text));

	if (error == 0)
		options_parse(text, &options);
	else if (error == -E2BIG || error == -EINVAL)
		options_complain(&options, "fw_cfg: opt/org.bifold/cmdline is not a text of less "
					   "than 2048 characters");
}

_Noreturn void kernel_main(uint32_t magic, uint32_t information);

_Noreturn void kernel_main(uint32_t magic, uint32_t information)
{
	console_init();
	if (boot_info_read(magic, information, &boot) != 0) {
		console_line("Bail out! no usable boot information");
		power_exit(EXIT_AUTO, RUN_FAILED);
	}
	read_options();
	if (screen_bytes(&boot.framebuffer))
		console_add_screen(&boot.framebuffer, (void *)boot.framebuffer.start.addr);
	console_line("# boot loader=%s firmware=%s rsdp=0x%llx rsdp_copy=%zu map=%zu", boot.loader,
		     boot.firmware, (unsigned long long)boot.rsdp.addr, boot.rsdp_copy_bytes,
		     boot.nr_map);
	console_line("# framebuffer type=%d %ux%ux%u", (int)boot.framebuffer.type,
		     boot.framebuffer.width, boot.framebuffer.height,
		     boot.framebuffer.bits_per_pixel);
	for (size_t i = 0; options.complaints[i]; i++)
		console_line("# %s", options.complaints[i]);
	for (size_t i = 0; options.help && options_help(i); i++)
		console_line("# %s", options_help(i));
	power_exit(options.exit, RUN_SKIPPED);
}
