/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PC's legacy interrupt controllers (two 8259). All their lines are masked; they are moved off
 * the vectors of the CPU's exceptions first, since even a masked one may raise its line 7.
 */
#pragma once

#include "mm/compiler.h"

void pic_mask_all(void);

/* Lets line 0, the PIT's, through to VECTOR_PIC. */
void pic_unmask_timer(void);
void pic_acknowledge_timer(void);
