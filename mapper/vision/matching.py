"""What finds the same things in two images: whoever needs matches is given one of these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from mapper.vision.local_features import LocalFeatures

if TYPE_CHECKING:
    from jaxtyping import Float32, Int, UInt8


class FeatureMatcher(Protocol):
    """Features of images, and which of two images' features are of one place.

    name: as the settings call it.
    """

    name: str

    def extract(
        self, image: UInt8[np.ndarray, "h w 3"], pointmap: Float32[np.ndarray, "h w 3"]
    ) -> LocalFeatures:
        """Features of an image uint8 (H, W, 3), RGB, and its pointmap float32 (H, W, 3)."""

    def match(self, a: LocalFeatures, b: LocalFeatures) -> Int[np.ndarray, "m 2"]:
        """Pairs int (M, 2), rows (index in a, index in b); none of another matcher's features."""

    def made(self, features: LocalFeatures) -> bool:
        """Whether features are of the kind that this one extracts."""
