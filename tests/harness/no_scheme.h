/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A scheme of page descriptors that does nothing, to measure what the interface itself costs: what
 * a figure of any other is above its figure, that scheme does. It describes nothing and is not
 * among `schemes`.
 */
#pragma once

#include "mm/schemes/scheme.h"

/* It has what measurements call; the rest is NULL. */
extern const struct scheme_ops no_scheme;
