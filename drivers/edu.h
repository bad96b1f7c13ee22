/* SPDX-License-Identifier: BSD-2-Clause */
/* QEMU's educational device: the smallest engine for DMA there is. */
#pragma once

#include "drivers/devices.h"

extern const struct pci_driver edu_driver;
