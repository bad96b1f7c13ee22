# SPDX-License-Identifier: BSD-2-Clause
"""Power failures, enumerated: recorded runs, a model of the CPUs' caches, and what can be left."""
