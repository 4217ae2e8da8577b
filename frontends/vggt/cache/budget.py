"""How much memory the cache may take."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Final

import torch

from mapper.errors import ConfigError

SHARE_OF_FREE: Final = 0.6  # the rest is for activations, heads and the map
MEMINFO: Final = Path("/proc/meminfo")
CGROUP: Final = Path("/sys/fs/cgroup")  # what a container may take; see free_in_container
FALLBACK_BYTES: Final = 4 * 10**9  # where the system does not tell what is free
SLOW_FRAMES: Final = 3  # in a row, after which the cache grows no more
SMALLEST_CAPACITY: Final = 2  # the anchor and the frame that is being computed


def default_budget(device: torch.device) -> int:
    """A share of the memory that is free now, once the network is loaded."""
    return int(SHARE_OF_FREE * free_bytes(device))


def free_bytes(device: torch.device) -> int:
    """Memory that a program could still take on the device."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return free + held
    match = None
    if MEMINFO.exists():
        match = re.search(r"MemAvailable:\s+(\d+) kB", MEMINFO.read_text(encoding="ascii"))
    free = int(match[1]) * 1024 if match else FALLBACK_BYTES
    return min(free, free_in_container(CGROUP) or free)


def free_in_container(group: Path) -> int | None:
    """What Linux's control group lets its programs take, beyond which it ends them; None: no limit.

    Pages of files count as free: they are given back.
    """
    limit, stat = group / "memory.max", group / "memory.stat"
    if not limit.exists() or not stat.exists():
        return None
    most = limit.read_text(encoding="ascii").strip()
    taken = re.search(r"^anon (\d+)$", stat.read_text(encoding="ascii"), re.MULTILINE)
    return int(most) - int(taken[1]) if most.isdigit() and taken else None


def capacity(budget: int, bytes_per_frame: int) -> int:
    """Frames that a budget holds; ConfigError where there is no room to work at all."""
    frames = budget // bytes_per_frame
    if frames < SMALLEST_CAPACITY:
        raise ConfigError(
            f"kv_budget of {budget:,} bytes is too small: at this image size a frame takes "
            f"{bytes_per_frame:,}, and at least {SMALLEST_CAPACITY} must fit; give more, a smaller "
            "image_size, or mode=window"
        )
    return frames


class TimeBudget:
    """Whether frames take longer than they may: the more a cache holds, the longer each takes.

    milliseconds: of a frame; 0 = any. A few in a row must be slow, so that a hitch is none.
    """

    def __init__(self, milliseconds: float) -> None:
        self._seconds = milliseconds / 1e3 or math.inf
        self._slow = 0

    def is_spent(self, seconds: float) -> bool:
        """After a frame that took so long."""
        self._slow = self._slow + 1 if seconds > self._seconds else 0
        return self._slow >= SLOW_FRAMES
