"""The calibration of two cameras from pictures of a chessboard that both took at once.

Each camera is calibrated by its own views first, then how the two stand by the views of both.
Source: Zhang, "A flexible new technique for camera calibration", 2000, as OpenCV has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from mapper.errors import InputError
from mapper.io.cameras.camera import Camera
from mapper.io.cameras.chessboard import (
    MIN_VIEWS,
    STRAY_FACTOR,
    Board,
    ChessboardCalibration,
    find_corners,
    is_new,
    solve,
    spread,
)
from mapper.io.sequences.stereo.rectification import StereoCameras

AT_ONCE: Final = 5.0  # times each camera's own error, and pixels: more is no pair of one moment
LEAST_PIXELS: Final = 1.5
Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class StereoCalibration:
    """left, right: each camera by itself. rmse: of the corners of both, pixels. views: pairs used.
    seen: pairs with a board in both."""

    cameras: StereoCameras
    left: ChessboardCalibration
    right: ChessboardCalibration
    rmse: float
    views: int
    seen: int


def calibrate_stereo(
    pairs: Iterable[tuple[np.ndarray, np.ndarray]],
    board: Board,
    progress: Callable[[int, int], None] | None = None,
) -> StereoCalibration:
    """From images uint8 (H, W, 3), RGB, of the left and the right camera, all of one size.

    progress: told the pairs looked at and those with a board. Raises InputError with too few
    boards, swapped cameras, or pictures that were not taken at once.
    """
    views: list[tuple[np.ndarray, np.ndarray]] = []
    size: Size | None = None
    seen = 0
    for count, images in enumerate(pairs, 1):
        size = size or _size(images[0])
        if {_size(image) for image in images} != {size}:
            raise InputError(f"pair {count} differs in size from the first picture, {size}")
        corners = _corners(images, board)
        seen += corners is not None
        if corners is not None and is_new(corners[0], [left for left, _ in views], size):
            views.append(corners)
        if progress is not None:
            progress(count, seen)
    if size is None or len(views) < MIN_VIEWS:
        raise InputError(
            f"{len(views)} different views of a {board.columns}x{board.rows} board were found in "
            f"both pictures of a pair; {MIN_VIEWS} are needed: does --pattern count the inner "
            "corners, and do both cameras see the whole board?"
        )
    left, right = (solve(spread([view[k] for view in views]), board, size, seen) for k in (0, 1))
    T_right_left, rmse, used = _standing(views, board, size, (left, right))
    _refuse_moved(rmse, left, right)
    cameras = _cameras(left, right, T_right_left)
    return StereoCalibration(cameras, left, right, rmse, used, seen)


def _corners(
    images: tuple[np.ndarray, np.ndarray], board: Board
) -> tuple[np.ndarray, np.ndarray] | None:
    """Of both, in one order: a board has two ends, and either may be taken for the first."""
    left = find_corners(images[0], board)
    right = None if left is None else find_corners(images[1], board)
    if left is None or right is None:
        return None
    along = (left[-1] - left[0]) @ (right[-1] - right[0])
    return left, right if along > 0 else np.ascontiguousarray(right[::-1])


def _standing(
    views: list[tuple[np.ndarray, np.ndarray]],
    board: Board,
    size: Size,
    cameras: tuple[ChessboardCalibration, ChessboardCalibration],
) -> tuple[np.ndarray, float, int]:
    """T_right_left (4, 4), the corners' RMSE in pixels, and the pairs used: without those that fit
    badly."""
    T, _, errors = _solved(views, board, size, cameras)
    good = [v for v, e in zip(views, errors, strict=True) if e <= STRAY_FACTOR * np.median(errors)]
    T, rmse, _ = _solved(good, board, size, cameras)
    return T, rmse, len(good)


def _solved(
    views: list[tuple[np.ndarray, np.ndarray]],
    board: Board,
    size: Size,
    cameras: tuple[ChessboardCalibration, ChessboardCalibration],
) -> tuple[np.ndarray, float, np.ndarray]:
    """T_right_left, RMSE, and each pair's RMSE (V,)."""
    (left, right), numbers = cameras, [np.array(camera.distortion) for camera in cameras]
    answer = cv2.stereoCalibrateExtended(
        [board.points] * len(views),
        [left for left, _ in views],
        [right for _, right in views],
        left.intrinsics.matrix,
        numbers[0],
        right.intrinsics.matrix,
        numbers[1],
        size,
        np.eye(3),
        np.zeros(3),
        flags=cv2.CALIB_FIX_INTRINSIC,
    )
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = answer[5], np.asarray(answer[6]).ravel()
    return T, float(answer[0]), np.asarray(answer[-1]).max(axis=1)


def _refuse_moved(rmse: float, left: ChessboardCalibration, right: ChessboardCalibration) -> None:
    alone = max(left.rmse, right.rmse)
    if rmse > max(AT_ONCE * alone, LEAST_PIXELS):
        raise InputError(
            f"the two cameras fit together to {rmse:.1f} pixels, each by itself to {alone:.2f}: "
            "the pictures of a pair were not taken at the same moment, or are paired wrongly"
        )


def _cameras(
    left: ChessboardCalibration, right: ChessboardCalibration, T_right_left: np.ndarray
) -> StereoCameras:
    """Raises InputError where they are swapped, or do not stand side by side."""
    if T_right_left[0, 3] > np.abs(T_right_left[1:3, 3]).max():
        raise InputError(
            "the pictures are swapped: those given as the left camera's were taken "
            f"{100 * T_right_left[0, 3]:.3g} cm to the right of the others; exchange the two"
        )
    cameras = [Camera(each.intrinsics, each.distortion) for each in (left, right)]
    return StereoCameras(cameras[0], cameras[1], T_right_left)


def _size(image: np.ndarray) -> Size:
    return image.shape[1], image.shape[0]
