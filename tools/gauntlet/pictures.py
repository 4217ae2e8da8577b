"""A picture of the worst frame of a sequence: what it saw, and the way from above."""

from __future__ import annotations

import base64
from typing import Final

import cv2
import numpy as np

from mapper.core.geometry import inverse
from mapper.io.sequences.bounded import BoundedSequence
from mapper.slam.result import MappingResult

HEIGHT: Final = 200  # pixels
TRUE_COLOR: Final = (150, 150, 150)
COLOR: Final = (200, 90, 30)  # BGR
WRONG_COLOR: Final = (40, 40, 230)


def worst_picture(
    sequence: BoundedSequence, truth: np.ndarray, result: MappingResult, wrong: list[int]
) -> str:
    """JPEG, base64: the frame before the first wrong one, that one, its depth, and the plan."""
    first = wrong[0]
    placed = result.frame_indices
    before = placed[max(int(np.searchsorted(placed, first)) - 1, 0)]
    tiles = [_sized(sequence[int(index)].image[..., ::-1]) for index in (before, first)]
    depth = sequence[first].depth
    assert depth is not None
    shades = (np.clip(depth / 6.0, 0, 1) * 255).astype(np.uint8)
    tiles.append(_sized(cv2.applyColorMap(shades, cv2.COLORMAP_TURBO)))
    tiles.append(_plan(truth, result, set(wrong)))
    jpeg = cv2.imencode(".jpg", np.hstack(tiles), [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    return base64.b64encode(jpeg.tobytes()).decode()


def _sized(image: np.ndarray) -> np.ndarray:
    width = round(image.shape[1] * HEIGHT / image.shape[0])
    return cv2.resize(np.ascontiguousarray(image), (width, HEIGHT), interpolation=cv2.INTER_AREA)


def _plan(truth: np.ndarray, result: MappingResult, wrong: set[int]) -> np.ndarray:
    """The true way (grey), the mapped one laid on it at its first frame, wrong frames red.

    Seen along the axis in which the true way is flattest.
    """
    frames = result.frame_indices
    known = np.isfinite(truth[:, 0, 0])
    start = next(row for row, frame in enumerate(frames) if known[frame])
    T = truth[frames[start]] @ inverse(result.trajectory.T_world_camera[start])
    ways = [truth[known][:, :3, 3], (T @ result.trajectory.T_world_camera)[:, :3, 3]]
    middle = ways[0].mean(0)
    axes = np.linalg.svd(ways[0] - middle, full_matrices=True)[2][:2]
    flat = [(way - middle) @ axes.T for way in ways]
    both = np.concatenate(flat)
    extent = max(float(np.ptp(both, axis=0).max()), 0.2)
    canvas = np.full((HEIGHT, HEIGHT, 3), 255, np.uint8)
    pixels = [((way - both.min(0)) / extent * (HEIGHT - 20) + 10).astype(np.int32) for way in flat]
    for way, color in zip(pixels, (TRUE_COLOR, COLOR), strict=True):
        cv2.polylines(canvas, [way.reshape(-1, 1, 2)], False, color, 1, cv2.LINE_AA)
    for row, frame in enumerate(frames):
        if int(frame) in wrong:
            cv2.circle(canvas, [int(value) for value in pixels[1][row]], 2, WRONG_COLOR, -1)
    cv2.putText(
        canvas, f"{extent:.1f} m", (6, HEIGHT - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0)
    )
    return canvas
