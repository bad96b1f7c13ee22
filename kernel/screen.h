/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text on the boot loader's framebuffer: pixels of 24 or 32 bits, or the 80x25 text of old PCs.
 * What stands on the screen is kept in ordinary memory too, since reading a framebuffer is slow.
 * When the screen is full it moves up by half: redrawing for every line would be slow as well.
 */
#pragma once

#include "mm/framebuffer.h"
#include "mm/types.h"

/* Bytes of the framebuffer that want to be mapped; 0: there is none, or not one that we can use. */
size_t screen_bytes(const struct framebuffer *);

/* Clears it. `mapped` is where the CPU sees it, screen_bytes() long, from now on. */
void screen_init(const struct framebuffer *, void *mapped);

/* "\n" ends a line; what is not printable ASCII shows as "?". Does nothing without a screen. */
void screen_write(const char *text, size_t length);
