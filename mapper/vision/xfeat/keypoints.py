"""From the maps that XFeat's network makes of an image to its keypoints and their descriptors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from mapper.vision.xfeat.network import CELL

if TYPE_CHECKING:
    from jaxtyping import Float32, Int

WINDOW: Final = 5  # pixels a side, in which a keypoint is above all others
BORDER: Final = WINDOW // 2
MIN_SCORE: Final = 0.05  # as published
CUBIC: Final = -0.75  # Keys's coefficient, as PyTorch and OpenCV have it


def keypoint_scores(logits: Float32[np.ndarray, "65 h w"]) -> Float32[np.ndarray, "h8 w8"]:
    """How likely each pixel is a keypoint, (8 h, 8 w): its share within its cell."""
    shares = np.exp(logits - logits.max(axis=0))
    shares = shares[:-1] / shares.sum(axis=0)
    _, rows, columns = shares.shape
    cells = shares.reshape(CELL, CELL, rows, columns)  # pixel's row and column, cell's
    return cells.transpose(2, 0, 3, 1).reshape(rows * CELL, columns * CELL)


def best_keypoints(
    scores: Float32[np.ndarray, "h8 w8"], reliability: Float32[np.ndarray, "h w"], count: int
) -> tuple[Int[np.ndarray, "n 2"], Float32[np.ndarray, " n"]]:
    """(pixels (N, 2), u v; what each is worth (N,), falling): at most `count` of them.

    A keypoint is above all others around it; what it is worth is its score times how reliable the
    descriptor there is.
    """
    others = np.ones((WINDOW, WINDOW), np.uint8)
    others[BORDER, BORDER] = 0
    peaks = (scores > cv2.dilate(scores, others)) & (scores > MIN_SCORE)
    peaks[:BORDER] = peaks[-BORDER:] = False
    peaks[:, :BORDER] = peaks[:, -BORDER:] = False
    rows, columns = np.nonzero(peaks)
    pixels = np.column_stack([columns, rows])
    worth = scores[rows, columns] * sampled(reliability[None], pixels, scores.shape, False)[:, 0]
    best = np.argsort(-worth, kind="stable")[:count]
    return pixels[best], worth[best]


def sampled(
    maps: Float32[np.ndarray, "c h w"],
    pixels: Int[np.ndarray, "n 2"],
    size: tuple[int, int],
    cubic: bool,
) -> Float32[np.ndarray, "n c"]:
    """What the maps of an image say at its pixels (N, 2), u v; 0 beyond the border.

    size: (height, width) of the image. Where a pixel lies in the maps is as XFeat was trained: the
    first and the last are at their outer borders. cubic: Keys's interpolation; else bilinear.
    """
    channels, rows, columns = maps.shape
    u = pixels[:, 0] * (columns / (size[1] - 1)) - 0.5
    v = pixels[:, 1] * (rows / (size[0] - 1)) - 0.5
    around = np.arange(-1, 3) if cubic else np.arange(2)
    weigh = _cubic_weights if cubic else _linear_weights
    at_u = np.floor(u).astype(int)[:, None] + around
    at_v = np.floor(v).astype(int)[:, None] + around
    weight_u = weigh(u - np.floor(u)) * ((at_u >= 0) & (at_u < columns))
    weight_v = weigh(v - np.floor(v)) * ((at_v >= 0) & (at_v < rows))
    cell = np.clip(at_v, 0, rows - 1)[:, :, None] * columns + np.clip(at_u, 0, columns - 1)[:, None]
    weight = (weight_v[:, :, None] * weight_u[:, None]).astype(np.float32)
    taps = around.size**2
    values = np.ascontiguousarray(maps.reshape(channels, -1).T)[cell.reshape(-1, taps)]
    return np.matmul(weight.reshape(-1, 1, taps), values)[:, 0]


def _linear_weights(t: np.ndarray) -> np.ndarray:
    """(N, 2) of the neighbours of a place t in [0, 1) between two of them."""
    return np.column_stack([1 - t, t])


def _cubic_weights(t: np.ndarray) -> np.ndarray:
    """(N, 4) of the neighbours of a place t in [0, 1) between the middle two of them.

    Source: Keys, "Cubic convolution interpolation for digital image processing", 1981.
    """

    def near(x: np.ndarray) -> np.ndarray:
        return ((CUBIC + 2) * x - (CUBIC + 3)) * x * x + 1

    def far(x: np.ndarray) -> np.ndarray:
        return ((CUBIC * x - 5 * CUBIC) * x + 8 * CUBIC) * x - 4 * CUBIC

    return np.column_stack([far(t + 1), near(t), near(1 - t), far(2 - t)])
