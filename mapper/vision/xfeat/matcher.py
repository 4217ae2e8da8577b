"""XFeat as a FeatureMatcher."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from mapper.vision.image_sizes import smallness
from mapper.vision.local_features import LocalFeatures, lifted
from mapper.vision.mutual_neighbours import mutual_neighbours
from mapper.vision.xfeat.keypoints import best_keypoints, keypoint_scores, sampled
from mapper.vision.xfeat.network import CHANNELS, STRIDE, XFeatNetwork

if TYPE_CHECKING:
    from jaxtyping import Float32, Int, UInt8

MAX_PIXELS: Final = 640 * 480  # of the image that the network sees; larger ones are reduced
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
        height, width = image.shape[:2]
        pixels, descriptors = self.described(_seen(image))
        rows, columns = seen_size(height, width)
        share = np.array([width / columns, height / rows])
        placed = ((pixels + 0.5) * share - 0.5).astype(np.float32)
        return lifted(placed, descriptors.astype(np.float16), pointmap)

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


def seen_size(height: int, width: int) -> tuple[int, int]:
    """(height, width) of the image that the network is shown: neither small nor large."""
    scale = smallness(width, height) * min(1.0, np.sqrt(MAX_PIXELS / (height * width)))
    rows, columns = (max(STRIDE, int(scale * side) // STRIDE * STRIDE) for side in (height, width))
    return rows, columns


def _seen(image: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w"]:
    height, width = image.shape[:2]
    rows, columns = seen_size(height, width)
    if (rows, columns) != (height, width):
        smaller = rows * columns < height * width
        how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        image = cv2.resize(image, (columns, rows), interpolation=how).astype(np.uint8)
    return cv2.transform(image.astype(np.float32), np.full((1, 3), 1 / 3, np.float32))
