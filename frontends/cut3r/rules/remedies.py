"""What can be put on top of any update rule: a brake, a gate a frame, chunks that are spared."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from mapper.frontends.cut3r.update_rules import Change, Gate, UpdateRule
from mapper.frontends.layers.attention import LogitObserver


@dataclass(frozen=True, slots=True)
class OnTop:
    """A rule whose gate is multiplied by a factor. Memory: that of the factor, then the rule's."""

    remembers: ClassVar = True
    rule: UpdateRule

    def observer(self) -> LogitObserver | None:
        """That of the rule underneath."""
        return self.rule.observer()

    def initial(self, change: Change) -> tuple[Tensor, ...]:
        """Of the factor, then of the rule underneath."""
        return (*self.first(change), *self.rule.initial(change))

    def gate(self, change: Change) -> Gate:
        """The product."""
        memory = change.memory or self.initial(change)
        own = len(self.first(change))
        below = self.rule.gate(replace(change, memory=memory[own:]))
        factor, noted = self.factor(change, memory[:own])
        return Gate(below.coefficient * factor, below.parts, (*noted, *below.memory))

    def first(self, change: Change) -> tuple[Tensor, ...]:
        """What the factor remembers before the first frame."""
        return ()

    def factor(
        self, change: Change, memory: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """(B, S or 1, 1), and what the factor remembers from here on."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Brake(OnTop):
    """share * sigmoid(-sharpness * cos), cos between a candidate's last two changes.

    A token whose candidates keep drifting one way is held back; one that comes back is not.
    Memory: the last change (B, S, C).
    """

    share: float
    sharpness: float

    def first(self, change: Change) -> tuple[Tensor, ...]:
        """No change: the cosine to it is 0."""
        return (torch.zeros_like(change.candidate, dtype=torch.float32),)

    def factor(
        self, change: Change, memory: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """(B, S, 1), and the change of this frame."""
        moved = (change.candidate - change.previous_candidate).float()
        along = functional.cosine_similarity(moved, memory[0], dim=-1)[..., None]
        return self.share * (-self.sharpness * along).sigmoid(), (moved,)


@dataclass(frozen=True, slots=True)
class FrameGate(OnTop):
    """One number a frame, from 0 where it shows what was written already to 1 where it is new.

    It compares the frame's features with those that were written, which follow them as the state
    does: a standing camera stops writing, and a slow one writes as soon as it has got anywhere.
    change_of_a_frame: one minus the mean cosine at which a frame is written fully.
    Memory: the features that were written (B, n, C_enc).
    After the description of a gate a frame for recurrent reconstruction, 2026, whose formula is
    another.
    """

    change_of_a_frame: float

    def first(self, change: Change) -> tuple[Tensor, ...]:
        """Those of the frame itself, which the first one writes anyway."""
        return (change.features.float(),)

    def factor(
        self, change: Change, memory: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """(B, 1, 1), and the features from here on."""
        written, features = memory[0], change.features.float()
        if written.shape != features.shape:
            raise ValueError("the frame gate needs frames of one size")
        new = 1 - functional.cosine_similarity(features, written, dim=-1).mean(-1)
        factor = (new / self.change_of_a_frame).clamp(0, 1)[:, None, None]
        return factor, (torch.lerp(written, features, factor * change.permission),)


@dataclass(frozen=True, slots=True)
class Chunks(OnTop):
    """Of the state's chunks only those are written whose candidates agree least with the image.

    chunks: into which the tokens are cut, in order; the first is the anchor, which the first frame
    alone writes. written: how many a frame writes. Agreement: the product of a chunk's mean
    candidate with the mean image token. No memory.
    After the description of MeMix, 2026; its numbers of chunks are not known.
    """

    chunks: int
    written: int

    def factor(
        self, change: Change, memory: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """(B, S, 1) of zeros and ones."""
        candidate = change.candidate.float()
        image = change.image_tokens.float().mean(1)[..., None]  # (B, C, 1)
        agreement = torch.bmm(candidate, image)[..., 0]
        parts = agreement.tensor_split(self.chunks, 1)
        of_chunks = torch.stack([part.mean(1) for part in parts[1:]], 1)
        least = of_chunks.topk(self.written, 1, largest=False).indices + 1
        chunk = torch.cat(
            [torch.full_like(part, number) for number, part in enumerate(parts)], 1
        )  # (B, S)
        return (chunk[..., None] == least[:, None]).any(-1, keepdim=True).to(candidate), ()
