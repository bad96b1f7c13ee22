# SPDX-License-Identifier: BSD-2-Clause
"""What the host-side tools share: descriptions of machines, running them, judging their reports."""
