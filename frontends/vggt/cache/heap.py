"""How the C library treats the memory that tensors on a CPU give back."""

from __future__ import annotations

from typing import Final

import torch

LARGEST_THRESHOLD: Final = 31 * 2**20  # glibc does not follow beyond 32 MiB


def keep_freed_memory() -> None:
    """Reuse what tensors free instead of asking the system for every large one anew.

    glibc maps a block above a threshold by itself, which costs a fault a page at its first use: a
    tenth of the time of a frame in a small network. The threshold follows the largest block that
    was ever freed, and twice as much is then kept at hand. Without effect elsewhere.
    """
    torch.empty(LARGEST_THRESHOLD, dtype=torch.uint8)
