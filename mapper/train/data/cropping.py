"""Images cut and resized to the size of a batch, their depth and intrinsics with them.

Section 7.4 of the training specification: what the CUT3R family does to each view.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from PIL import Image

from mapper.errors import InputError
from mapper.train.data.scene import View

LEAST_MARGIN: Final = 0.2  # of a side: how near to an edge the principal point may lie
COVER: Final = 1e-8  # added to the scale, so that the target is covered whatever is rounded


@dataclass(frozen=True, slots=True)
class Crop:
    """size: (W, H) pixels of the result; landscape and portrait are never swapped. margin: up to so
    many pixels less one are added at random to what an image is resized to, 0 or 1 = none."""

    size: tuple[int, int]
    margin: int = 0

    def __call__(self, view: View, rng: np.random.Generator) -> View:
        """The view around its principal point, resized to cover the size, and cut to it.

        Draws once where there is a margin. Raises InputError for a principal point at the edge.
        """
        extra = int(rng.integers(0, self.margin)) if self.margin > 1 else 0
        target = self.size[0] + extra, self.size[1] + extra
        covering = _resized(_centred(view), target)
        height, width = covering.depth.shape
        left = _rounded((width - self.size[0]) / 2)
        top = _rounded((height - self.size[1]) / 2)
        return _cut(covering, left, top, self.size)


def _centred(view: View) -> View:
    """As much as lies evenly about the principal point."""
    height, width = view.depth.shape
    x, y = (_rounded(view.intrinsics[row, 2]) for row in (0, 1))
    to_side, to_top = min(x, width - x), min(y, height - y)
    if to_side <= LEAST_MARGIN * width or to_top <= LEAST_MARGIN * height:
        raise InputError(
            f"the principal point ({x}, {y}) lies at the edge of an image of {width}x{height}: its "
            "intrinsics are of another size"
        )
    return _cut(view, x - to_side, y - to_top, (2 * to_side, 2 * to_top))


def _resized(view: View, target: tuple[int, int]) -> View:
    """As small as covers the target. Depth takes the nearest pixel: a mean of a near and a far
    surface is neither."""
    height, width = view.depth.shape
    scale = max(target[0] / width, target[1] / height) + COVER
    exact = np.array([width * scale, height * scale])
    size = int(exact[0]), int(exact[1])
    how = Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC
    image = np.asarray(Image.fromarray(view.image).resize(size, how))
    depth = cv2.resize(view.depth, size, interpolation=cv2.INTER_NEAREST)
    K = view.intrinsics.copy()
    # With pixel corners at integers a scale is a product; what was rounded off goes to both sides.
    K[:2, 2] += 0.5
    K[:2] *= scale
    K[:2, 2] -= (exact - size) / 2
    K[:2, 2] -= 0.5
    return replace(view, image=image, depth=depth, intrinsics=K)


def _cut(view: View, left: int, top: int, size: tuple[int, int]) -> View:
    rows, columns = slice(top, top + size[1]), slice(left, left + size[0])
    K = view.intrinsics.copy()
    K[:2, 2] -= (left, top)
    return replace(
        view, image=view.image[rows, columns], depth=view.depth[rows, columns], intrinsics=K
    )


def _rounded(value: float) -> int:
    """Half to even, as numpy rounds."""
    return int(np.round(value))
