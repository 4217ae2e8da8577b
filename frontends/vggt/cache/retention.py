"""Which frame a full cache forgets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from mapper.errors import ConfigError

# Besides the anchor, the last frames always stay: the next ones overlap them most.
RECENT: Final = 2
MEMORY: Final = 0.9  # of the running mean of the attention that a frame receives


@dataclass(frozen=True, slots=True, eq=False)
class KeptFrame:
    """A frame in the cache.

    descriptor: (d,), of its image. attention: its share of the attention of the frames after it,
    as a running mean in units of an even share; 1 until there was another frame.
    """

    frame: int
    descriptor: Tensor
    attention: float = 1.0

    def after(self, share: float) -> KeptFrame:
        """With one more observation of its share."""
        mean = MEMORY * self.attention + (1 - MEMORY) * share
        return KeptFrame(self.frame, self.descriptor, mean)


# All frames in the cache, and those of them that may go; returns the one that goes.
Policy = Callable[[Sequence[KeptFrame], Sequence[KeptFrame]], int]


def victim(kept: Mapping[int, KeptFrame], policy: str) -> int:
    """The frame that goes: never the anchor (the first), nor, where there are enough, the last."""
    frames = [kept[number] for number in sorted(kept)]
    if len(frames) < 2:
        raise ConfigError("a cache of one frame has nothing to drop")
    recent = min(RECENT, len(frames) - 2)
    return policy_of(policy)(frames, frames[1 : len(frames) - recent])


def policy_of(name: str) -> Policy:
    """By name; ConfigError for an unknown one."""
    if name not in POLICIES:
        raise ConfigError(f"kv_policy {name!r}: expected one of {', '.join(POLICIES)}")
    return POLICIES[name]


def oldest(_: Sequence[KeptFrame], candidates: Sequence[KeptFrame]) -> int:
    """Anchor and the last frames stay: a window as long as the budget."""
    return candidates[0].frame


def most_redundant(kept: Sequence[KeptFrame], candidates: Sequence[KeptFrame]) -> int:
    """The frame whose view another kept one shows best; what stays are keyframes, well spread."""
    descriptors = torch.stack([frame.descriptor for frame in kept])
    descriptors = torch.nn.functional.normalize(descriptors - descriptors.mean(0), dim=1)
    similarity = (descriptors @ descriptors.T).fill_diagonal_(-1)
    closest = dict(zip((f.frame for f in kept), similarity.amax(1).tolist(), strict=True))
    return max(candidates, key=lambda frame: (closest[frame.frame], -frame.frame)).frame


def least_attended(_: Sequence[KeptFrame], candidates: Sequence[KeptFrame]) -> int:
    """The frame that the later ones looked at least."""
    return min(candidates, key=lambda frame: (frame.attention, frame.frame)).frame


POLICIES: Final[Mapping[str, Policy]] = {
    "overlap": most_redundant,
    "attention": least_attended,
    "recency": oldest,
}
