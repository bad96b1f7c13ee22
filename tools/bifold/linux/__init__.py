# SPDX-License-Identifier: BSD-2-Clause
"""The comparison with Linux in the same machine: tools/compare-linux, docs/linux.md."""


class Unusable(Exception):
    """What the comparison needs cannot be had; the text says what, why and what to do."""


class Failed(Exception):
    """A run did not come to figures; the text says which, what was expected and found."""
