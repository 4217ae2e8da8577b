"""XFeat as a FeatureMatcher."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from mapper.vision.local_features import LocalFeatures, lifted
from mapper.vision.mutual_neighbours import mutual_neighbours
from mapper.vision.shown_image import placed, shown
from mapper.vision.xfeat.keypoints import best_keypoints, keypoint_scores, sampled
from mapper.vision.xfeat.network import CHANNELS, XFeatNetwork

if TYPE_CHECKING:
    from jaxtyping import Float32, Int, UInt8

MIN_COSINE: Final = 0.82  # of two descriptors that match, as published


class XFeatMatcher:
    """XFeat's keypoints, whose descriptors are unit vectors, float16 (N, 64)."""

    name = "xfeat"

    def __init__(self, weights: Mapping[str, np.ndarray], max_features: int = 1000) -> None:
        """weights: of XFeatNetwork."""
        self._network = XFeatNetwork(weights)
        self._max_features = max_features

    def extract(
        self, image: UInt8[np.ndarray, "h w 3"], pointmap: Float32[np.ndarray, "h w 3"]
    ) -> LocalFeatures:
        """Features of an image uint8 (H, W, 3) and its pointmap float32 (H, W, 3)."""
        gray = cv2.transform(shown(image).astype(np.float32), np.full((1, 3), 1 / 3, np.float32))
        pixels, descriptors = self.described(gray)
        keypoints = placed(pixels, *image.shape[:2])
        return lifted(keypoints, descriptors.astype(np.float16), pointmap)

    def described(
        self, gray: Float32[np.ndarray, "h w"]
    ) -> tuple[Int[np.ndarray, "n 2"], Float32[np.ndarray, "n 64"]]:
        """Keypoints (N, 2), the best first, and descriptors of an image that the network takes."""
        maps, logits, reliability = self._network(gray)
        pixels, _ = best_keypoints(keypoint_scores(logits), reliability, self._max_features)
        maps = maps / np.maximum(np.linalg.norm(maps, axis=0), 1e-12)
        descriptors = sampled(maps, pixels, gray.shape, cubic=True)
        lengths = np.linalg.norm(descriptors, axis=1, keepdims=True)
        return pixels, descriptors / np.maximum(lengths, 1e-12)

    def match(self, a: LocalFeatures, b: LocalFeatures) -> Int[np.ndarray, "m 2"]:
        """Mutual nearest neighbours above MIN_COSINE: int (M, 2), rows (index in a, in b)."""
        if not (self.made(a) and self.made(b)):
            return np.zeros((0, 2), int)
        return mutual_neighbours(a.descriptors, b.descriptors, MIN_COSINE)

    def made(self, features: LocalFeatures) -> bool:
        """Whether features are of this kind."""
        descriptors = features.descriptors
        return descriptors.dtype == np.float16 and descriptors.shape[1] == CHANNELS
