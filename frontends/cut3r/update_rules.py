"""How far the recurrent state moves towards what the state decoder proposes.

Here are the published rules that need no memory of their own; `rules/` has those that do, and what
can be put on top of any rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from mapper.frontends.layers.attention import LogitObserver

TEMPORAL_OFFSET: Final = 1.5


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What a gate may look at.

    permission: (B, 1, 1), 1 where the frame may write. candidate: (B, S, C) proposed now,
    previous_candidate: by the frame before. features: (B, n, C_enc) encoder tokens now,
    previous_features: of the frame before. image_tokens: (B, n, C), the same as the decoder takes
    them in. observer: what the rule's observer has gathered. memory: what the rule left with the
    frame before; empty before the first frame.
    """

    permission: Tensor
    candidate: Tensor
    previous_candidate: Tensor
    features: Tensor
    previous_features: Tensor
    image_tokens: Tensor
    observer: LogitObserver | None
    memory: tuple[Tensor, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Gate:
    """coefficient: (B, S or 1, 1), share of the candidate. parts: what it was made of. memory: what
    the rule wants to be shown with the next frame, each (B, ...)."""

    coefficient: Tensor
    parts: Mapping[str, Tensor] = field(default_factory=dict)
    memory: tuple[Tensor, ...] = ()


class UpdateRule(Protocol):
    """Chooses the gate of every frame but those where the state is simply replaced.

    A rule itself never changes: what it must remember is part of the state (`Cut3rState.rule`).
    remembers: whether it remembers anything; then it is asked about those frames, too.
    """

    @property
    def remembers(self) -> bool:
        """Whether its gates have a memory."""
        ...

    def initial(self, change: Change) -> tuple[Tensor, ...]:
        """What it remembers before a sequence's first frame, each (B, ...)."""
        ...

    def observer(self) -> LogitObserver | None:
        """A fresh observer of this frame's state-to-image logits, if the rule needs one."""
        ...

    def gate(self, change: Change) -> Gate:
        """How far each token of the state follows the change."""


class Forgetful:
    """What the rules without a memory have in common."""

    __slots__ = ()
    remembers: ClassVar = False

    def initial(self, change: Change) -> tuple[Tensor, ...]:
        """Nothing."""
        return ()


@dataclass(frozen=True, slots=True)
class ReplaceRule(Forgetful):
    """CUT3R: every permitted frame replaces the state."""

    def observer(self) -> None:
        """None: the attention is not looked at."""
        return None

    def gate(self, change: Change) -> Gate:
        """All the way, wherever an update is permitted."""
        return Gate(change.permission)


@dataclass(frozen=True, slots=True)
class DampedRule(Forgetful):
    """A constant step: slow and steady on very long sequences."""

    step: float = 0.5

    def observer(self) -> None:
        """None: the attention is not looked at."""
        return None

    def gate(self, change: Change) -> Gate:
        """The same share of the way for every token."""
        return Gate(change.permission * self.step)


class MeanLogit:
    """Mean logit of a state token over layers, heads and image-side tokens, the pose token too.

    The mean over keys is linear: a head's share is its query times its mean key, O(S C) a layer.
    """

    def __init__(self) -> None:
        self._sum: Tensor | None = None
        self._terms = 0

    def add(self, query: Tensor, key: Tensor) -> None:
        """Take in one layer of cross-attention, query (B, s, h, d) and key (B, n, h, d)."""
        heads, width = key.shape[2:]
        mean_key = key.float().mean(1).flatten(1)[..., None] * width**-0.5  # (B, heads * d, 1)
        share = torch.bmm(query.float().flatten(2), mean_key)[..., 0]
        self._sum = share if self._sum is None else self._sum + share
        self._terms += heads

    def mean(self) -> Tensor:
        """(B, S)."""
        assert self._sum is not None
        return self._sum / self._terms


@dataclass(frozen=True, slots=True)
class AttentionRule(Forgetful):
    """TTT3R: a state token moves the more, the better it matches the frame on average."""

    def observer(self) -> MeanLogit:
        """The mean logit of each token of the state."""
        return MeanLogit()

    def gate(self, change: Change) -> Gate:
        """The sigmoid of the mean logit of each token."""
        assert isinstance(change.observer, MeanLogit)
        mean = change.observer.mean()
        rate = mean.sigmoid()
        parts = {"ttt_logit_mean": mean, "ttt_lr": rate}
        return Gate(change.permission * rate[..., None], parts)


class MeanLogitMap:
    """Mean logit over layers and heads for every state and image token, without the pose token.

    Heads laid side by side make their sum one matrix product a layer, added into one buffer.
    """

    def __init__(self) -> None:
        self._sum: Tensor | None = None
        self._terms = 0

    def add(self, query: Tensor, key: Tensor) -> None:
        """Take in one layer of cross-attention, query (B, s, h, d) and key (B, n, h, d)."""
        heads, width = key.shape[2:]
        rows = query.float().flatten(2)
        columns = key[:, 1:].float().flatten(2).transpose(1, 2)
        if self._sum is None:
            self._sum = rows.new_zeros(len(rows), rows.shape[1], columns.shape[2])
        self._sum.baddbmm_(rows, columns, alpha=width**-0.5)
        self._terms += heads

    def mean(self) -> Tensor:
        """(B, S, n)."""
        assert self._sum is not None
        return self._sum / self._terms


@dataclass(frozen=True, slots=True)
class TemporalSpatialRule(Forgetful):
    """TTSA3R: a state token moves where it changes much, towards image tokens that are new.

    As published, the gate knows nothing of the permission: frames with update off and frames
    without an image move the state as well (the memory still respects both).
    """

    def observer(self) -> MeanLogitMap:
        """The mean logit of each token of the state and each patch."""
        return MeanLogitMap()

    def gate(self, change: Change) -> Gate:
        """The product of how much a token changes in time and in space."""
        assert isinstance(change.observer, MeanLogitMap)
        state_change = (change.candidate - change.previous_candidate).float().norm(dim=-1)
        mean_change = state_change.mean(-1, keepdim=True)
        temporal = (state_change / mean_change - TEMPORAL_OFFSET).sigmoid()
        dissimilarity = self._dissimilarity(change)
        magnitude = change.observer.mean().abs()
        signal = (magnitude * dissimilarity[:, None]).amax(-1)
        spatial = signal.sigmoid()
        parts = {
            "state_change": state_change,
            "temporal": temporal,
            "feat_dissimilarity": dissimilarity,
            "attn_magnitude": magnitude,
            "spatial_signal": signal,
            "spatial": spatial,
        }
        return Gate((temporal * spatial)[..., None], parts)

    def _dissimilarity(self, change: Change) -> Tensor:
        """(B, n): one minus the cosine of each grid cell's encoder tokens, now and before."""
        if change.features.shape != change.previous_features.shape:
            raise ValueError("the TTSA3R rule needs consecutive frames of one size")
        now = functional.normalize(change.features.float(), dim=-1, eps=0)
        before = functional.normalize(change.previous_features.float(), dim=-1, eps=0)
        return 1 - (now * before).sum(-1)
