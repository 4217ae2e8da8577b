"""Whole sequences at once: which frames see which, without a mask over tokens.

A dense mask would have (frames * tokens)^2 entries; here every frame's queries meet just the keys
of the frames that it may see.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

from mapper.errors import ConfigError
from mapper.frontends.layers.attention import attend

FrameMask = Literal["full", "causal", "window"]
WINDOW = 5  # frames besides the anchor that a frame sees in a batch, itself included


def visible(mode: FrameMask, frame: int, count: int) -> Sequence[int]:
    """The frames, of `count`, that a frame sees; the first, the anchor, always."""
    if mode == "full":
        return range(count)
    if mode == "causal" or frame < WINDOW:
        return range(frame + 1)
    return [0, *range(frame - WINDOW + 1, frame + 1)]


class BatchMixer:
    """Attention across the frames of a batch of sequences."""

    def __init__(self, mode: FrameMask, frames: int) -> None:
        if mode not in get_args(FrameMask):
            raise ConfigError(f"mode {mode!r}: expected one of {', '.join(get_args(FrameMask))}")
        self.mode, self.frames = mode, frames

    def __call__(self, _layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """(B, frames * tokens, heads, d) each; returns (B, frames * tokens, heads * d)."""
        if self.mode == "full" or self.frames == 1:
            return attend(query, key, value)
        tokens = query.shape[1] // self.frames
        queries = query.split(tokens, 1)
        return torch.cat(
            [
                attend(queries[i], self._seen(key, i, tokens), self._seen(value, i, tokens))
                for i in range(self.frames)
            ],
            1,
        )

    def of_cameras(
        self, _iteration: int, _block: int, query: Tensor, key: Tensor, value: Tensor
    ) -> Tensor:
        """The same predicate with one token a frame."""
        return self(0, query, key, value)

    def _seen(self, entries: Tensor, frame: int, tokens: int) -> Tensor:
        """The keys or values that a frame sees; a view where they lie side by side."""
        frames = visible(self.mode, frame, self.frames)
        if frames[-1] - frames[0] + 1 == len(frames):
            return entries[:, frames[0] * tokens : (frames[-1] + 1) * tokens]
        recent = entries[:, frames[1] * tokens : (frames[-1] + 1) * tokens]
        return torch.cat([entries[:, :tokens], recent], 1)
