"""ORB: binary features that need no weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from mapper.vision.image_sizes import smallness
from mapper.vision.local_features import LocalFeatures, lifted

if TYPE_CHECKING:
    from jaxtyping import Float32, Int, UInt8

MAX_HAMMING = 64  # of 256 bits; unrelated ORB descriptors differ in about 100 and more
BYTES = 32


class OrbMatcher:
    """ORB features (Rublee et al., ICCV 2011), lifted to 3D with the depth under them.

    ORB leaves out 31 pixels along each border and describes patches of 31, which is most of a
    small image: that is enlarged first.
    """

    name = "orb"

    def __init__(self, max_features: int = 1000, fast_threshold: int = 10) -> None:
        self._orb = cv2.ORB.create(nfeatures=max_features, fastThreshold=fast_threshold)

    def extract(
        self, image: UInt8[np.ndarray, "h w 3"], pointmap: Float32[np.ndarray, "h w 3"]
    ) -> LocalFeatures:
        """Features of an image uint8 (H, W, 3) and its pointmap float32 (H, W, 3)."""
        gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        height, width = gray.shape
        enlargement = smallness(width, height)
        if enlargement > 1:
            size = round(enlargement * width), round(enlargement * height)
            gray = cv2.resize(gray, size, interpolation=cv2.INTER_CUBIC)
        keypoints, descriptors = self._orb.detectAndCompute(gray, None)
        if descriptors is None:
            return lifted(np.zeros((0, 2), np.float32), np.zeros((0, BYTES), np.uint8), pointmap)
        pixels = np.array(cv2.KeyPoint.convert(keypoints), np.float32).reshape(-1, 2)
        if enlargement > 1:
            share = np.array([width / gray.shape[1], height / gray.shape[0]], np.float32)
            pixels = (pixels + np.float32(0.5)) * share - np.float32(0.5)
        return lifted(pixels, descriptors, pointmap)

    def match(self, a: LocalFeatures, b: LocalFeatures) -> Int[np.ndarray, "m 2"]:
        """Mutual nearest neighbours within MAX_HAMMING: int (M, 2), rows (index in a, in b)."""
        if len(a) == 0 or len(b) == 0 or not (self.made(a) and self.made(b)):
            return np.zeros((0, 2), int)
        matcher = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True)
        matches = matcher.match(a.descriptors, b.descriptors)
        pairs = [(m.queryIdx, m.trainIdx) for m in matches if m.distance <= MAX_HAMMING]
        return np.array(pairs, int).reshape(-1, 2)

    def made(self, features: LocalFeatures) -> bool:
        """Whether features have ORB's descriptors, uint8 (N, 32)."""
        return features.descriptors.dtype == np.uint8
