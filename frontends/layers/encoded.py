"""What an encoder made of the patches of one frame."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """features: (B, n, C_enc) of one frame. grid: (h, w), n = h * w."""

    features: Tensor
    grid: tuple[int, int]

    @property
    def global_feature(self) -> Tensor:
        """(B, 1, C_enc)."""
        return self.features.mean(1, keepdim=True)
