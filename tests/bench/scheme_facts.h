/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of a scheme of page descriptors is counted or tried and not timed, and is the same in every
 * run: instructions, bytes to the medium, features.
 */
#pragma once

#include "mm/schemes/scheme.h"

/* Prints the facts of all schemes, as lines '# R name=...' and in a table. */
void print_scheme_facts(void);
