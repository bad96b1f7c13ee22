/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of what a process does not survive, or what would be in the way of other tests. */
#pragma once

/* Runs fn() in a copy of the process, which must end in a panic whose report has this text. */
void expect_panic_apart(void (*fn)(void), const char *text);

/* Runs fn() in a copy of the process, where it may expect() and must return. */
void expect_good_apart(void (*fn)(void));
