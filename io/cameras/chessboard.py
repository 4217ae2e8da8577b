"""The calibration of a camera from pictures of a chessboard.

Source: Zhang, "A flexible new technique for camera calibration", 2000, as OpenCV has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError

MIN_VIEWS: Final = 5
MAX_VIEWS: Final = 40  # OpenCV's solver takes minutes with hundreds
NEW_VIEW: Final = 0.04  # of the image's diagonal that the corners must have moved by, on average
STRAY_FACTOR: Final = 3.0  # of the median error: a view beyond it was found wrongly, or blurred
CELLS: Final = 4  # by which the corners' spread over the image is judged, on each side


@dataclass(frozen=True, slots=True)
class Board:
    """columns, rows: inner corners. square: side of a square, metres."""

    columns: int
    rows: int
    square: float

    @property
    def points(self) -> np.ndarray:
        """float32 (N, 3): the corners on the board, metres."""
        grid = np.mgrid[: self.columns, : self.rows].T.reshape(-1, 2) * self.square
        return np.column_stack([grid, np.zeros(len(grid))]).astype(np.float32)


@dataclass(frozen=True, slots=True)
class ChessboardCalibration:
    """distortion: OpenCV's k1 k2 p1 p2 k3. rmse: of the corners, pixels.

    views: pictures used. seen: pictures with a board. coverage: share of the image in which
    corners were seen.
    """

    intrinsics: Intrinsics
    distortion: tuple[float, ...]
    rmse: float
    views: int
    seen: int
    coverage: float


def calibrate(
    images: Iterable[np.ndarray], board: Board, progress: Callable[[int, int], None] | None = None
) -> ChessboardCalibration:
    """Intrinsics and distortion from images uint8 (H, W, 3), RGB, of one size.

    Of pictures that look alike one is used. progress: told the pictures looked at and the boards
    found. Raises InputError with too few boards.
    """
    views: list[np.ndarray] = []
    size: tuple[int, int] | None = None
    seen = 0
    for count, image in enumerate(images, 1):
        size = size or (image.shape[1], image.shape[0])
        if (image.shape[1], image.shape[0]) != size:
            raise InputError(f"picture {count} differs in size from the first, {size[0]}x{size[1]}")
        corners = find_corners(image, board)
        seen += corners is not None
        if corners is not None and is_new(corners, views, size):
            views.append(corners)
        if progress is not None:
            progress(count, seen)
    if size is None or len(views) < MIN_VIEWS:
        raise InputError(
            f"{len(views)} different views of a {board.columns}x{board.rows} board were found; "
            f"{MIN_VIEWS} are needed: does --pattern count the inner corners, and is the whole "
            "board in the picture, at various angles and distances?"
        )
    return solve(spread(views), board, size, seen)


def find_corners(image: np.ndarray, board: Board) -> np.ndarray | None:
    """float32 (N, 2): pixels of the inner corners, row by row; None without a whole board."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    flags = cv2.CALIB_CB_ACCURACY | cv2.CALIB_CB_EXHAUSTIVE
    found, corners = cv2.findChessboardCornersSB(grey, (board.columns, board.rows), flags=flags)
    return corners.reshape(-1, 2).astype(np.float32) if found else None


def is_new(corners: np.ndarray, views: list[np.ndarray], size: tuple[int, int]) -> bool:
    """Whether corners are elsewhere in the image, (width, height), than in all views."""
    limit = NEW_VIEW * float(np.hypot(*size))
    return all(np.linalg.norm(corners - view, axis=1).mean() > limit for view in views)


def spread(views: list[np.ndarray]) -> list[np.ndarray]:
    """At most MAX_VIEWS of them, evenly."""
    chosen = np.linspace(0, len(views) - 1, min(len(views), MAX_VIEWS)).round().astype(int)
    return [views[i] for i in chosen]


def solve(
    views: list[np.ndarray], board: Board, size: tuple[int, int], seen: int
) -> ChessboardCalibration:
    """Solved twice: the second time without the views that fit badly."""
    errors = _calibrated(views, board, size)[3]
    good = [
        view
        for view, error in zip(views, errors, strict=True)
        if error <= STRAY_FACTOR * np.median(errors)
    ]
    rmse, K, distortion, _ = _calibrated(good, board, size)
    intrinsics = Intrinsics(K[0, 0], K[1, 1], K[0, 2], K[1, 2], *size)
    return ChessboardCalibration(
        intrinsics, tuple(distortion.tolist()), rmse, len(good), seen, _coverage(good, size)
    )


def _calibrated(
    views: list[np.ndarray], board: Board, size: tuple[int, int]
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """RMSE (pixels), K (3, 3), distortion (5,), and each view's RMSE (V,)."""
    points = [board.points] * len(views)
    answer = cv2.calibrateCameraExtended(points, views, size, np.eye(3), np.zeros(5))
    rmse, K, distortion, errors = answer[0], answer[1], answer[2], answer[-1]
    return float(rmse), K, distortion.ravel()[:5], np.asarray(errors).ravel()


def _coverage(views: list[np.ndarray], size: tuple[int, int]) -> float:
    cells = np.floor(np.concatenate(views) / np.array(size) * CELLS).astype(int)
    return len(np.unique(np.clip(cells, 0, CELLS - 1), axis=0)) / CELLS**2
