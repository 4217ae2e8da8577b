"""A stored piece as a frame's geometry: sizes, conventions and numbers brought to ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.core.frame import Frame
from mapper.core.geometry import backproject
from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.frontends.predictions.adapter import Conventions, Piece
from mapper.frontends.predictions.conventions import as_matrix, camera_to_world, in_camera
from mapper.frontends.predictions.fitting import Fit, How, Size, fit_of

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64, UInt8

# An intrinsic matrix whose principal point is further from the middle than this share of the size
# is of an image of another size.
OFF_CENTRE: Final = 0.25


@dataclass(frozen=True, slots=True)
class Geometry:
    """pointmap: float32 (h, w, 3), in the camera, 0 = none. confidence: float32 (h, w).
    T_world_camera: (4, 4), NaN where it is not finite; None where no poses are stored."""

    pointmap: Float32[np.ndarray, "h w 3"]
    confidence: Float32[np.ndarray, "h w"]
    T_world_camera: Float64[np.ndarray, "4 4"] | None
    camera: Intrinsics
    image: UInt8[np.ndarray, "h w 3"]


class PieceReader:
    """One for a sequence: all its images have one size, and so have the predictions."""

    def __init__(self, what: str, conventions: Conventions, how: How) -> None:
        """what: the file or folder, for faults."""
        self._what, self._conventions, self._how = what, conventions, how
        self._sizes: tuple[Size, Size] | None = None
        self._fit: Fit | None = None

    def read(self, piece: Piece, frame: Frame, min_confidence: float) -> Geometry:
        """Raises InputError with the frame and what is wrong with it."""
        what = f"{self._what}: frame {frame.index}"
        size = size_of(piece, what)
        own = self._own_image(piece, size, what)
        fit = self._fitted(frame, size, own)
        T = None
        if piece.pose is not None:
            stored = as_matrix(piece.pose, f"{what}: the pose")
            T = camera_to_world(stored, self._conventions)
        camera = camera_of(piece, size, what, frame, fit)
        pointmap = self._pointmap(piece, T, camera)
        confidence = np.ones(size[::-1], np.float32)
        if piece.confidence is not None:
            if piece.confidence.shape != pointmap.shape[:2]:
                raise InputError(
                    f"{what}: confidence {piece.confidence.shape} and depth {size[::-1]} differ"
                )
            confidence = piece.confidence.astype(np.float32)
        pointmap = np.where(fit.used(frame.mask)[..., None], pointmap, np.float32(0))
        counts = pointmap[..., 2] > 0
        counts &= np.isfinite(confidence) & (confidence >= min_confidence)
        image = fit.image(frame.image) if own is None else own
        return Geometry(pointmap, np.where(counts, confidence, np.float32(0)), T, camera, image)

    def _pointmap(self, piece: Piece, T: np.ndarray | None, camera: Intrinsics) -> np.ndarray:
        """float32 (h, w, 3), in the camera; 0 for what is behind it or not finite."""
        if piece.points is None:
            assert piece.depth is not None
            depth = piece.depth.astype(np.float32)
            return backproject(np.where(np.isfinite(depth) & (depth > 0), depth, 0), camera)
        if piece.points_in == "world" and T is None:
            raise InputError(f"{self._what}: points of the world without poses have no camera")
        points = in_camera(piece.points, piece.points_in, T, self._conventions)
        good = np.isfinite(points).all(-1) & (points[..., 2] > 0)
        return np.where(good[..., None], points, 0).astype(np.float32)

    def _own_image(self, piece: Piece, size: Size, what: str) -> np.ndarray | None:
        """The stored image at the size of the maps."""
        if piece.image is None:
            return None
        height, width = piece.image.shape[:2]
        if (width, height) == size:
            return piece.image
        try:
            return fit_of(piece.image, size, "auto").image(piece.image)
        except InputError:
            raise InputError(
                f"{what}: its image is {width}x{height} and its depth {size[0]}x{size[1]}, which "
                "is another shape"
            ) from None

    def _fitted(self, frame: Frame, size: Size, own: np.ndarray | None) -> Fit:
        sizes = (frame.image.shape[1], frame.image.shape[0]), size
        if self._fit is None:
            self._fit, self._sizes = fit_of(frame.image, size, self._how, own), sizes
        if self._sizes != sizes:
            assert self._sizes is not None
            (width, height), (w, h) = sizes
            raise InputError(
                f"{self._what}: frame {frame.index} is {width}x{height} with a prediction of "
                f"{w}x{h}, unlike the frames before it: they must all have one size"
            )
        return self._fit


def size_of(piece: Piece, what: str) -> Size:
    """(width, height) of the maps."""
    shape = () if piece.depth is None else piece.depth.shape
    if piece.points is not None:
        shape = piece.points.shape[:2] if piece.points.shape[2:] == (3,) else ()
    if len(shape) != 2 or min(shape) < 2:
        there = piece.points if piece.points is not None else piece.depth
        found = "missing" if there is None else f"{there.shape}"
        raise InputError(f"{what}: its map is {found}, expected depths (h, w) or points (h, w, 3)")
    return shape[1], shape[0]


def camera_of(
    piece: Piece, size: Size, what: str, frame: Frame | None = None, fit: Fit | None = None
) -> Intrinsics:
    """Of the maps: the stored one, else the sequence's as it became the predictions'."""
    if piece.intrinsics is None:
        if frame is None or frame.intrinsics is None or fit is None:
            raise InputError(
                f"{what}: no intrinsics are stored and the sequence has none: give --calib FILE"
            )
        return fit.intrinsics(frame.intrinsics)
    K = piece.intrinsics
    if K.shape != (3, 3) or not np.isfinite(K).all():
        raise InputError(f"{what}: intrinsics {K.shape} make no camera, expected (3, 3) numbers")
    fx, fy, cx, cy = (float(K[at]) for at in ((0, 0), (1, 1), (0, 2), (1, 2)))
    camera = Intrinsics(fx, fy, cx, cy, *size)
    if _is_centred(camera):
        return camera
    if frame is not None and fit is not None:
        height, width = frame.image.shape[:2]
        of_frame = Intrinsics(fx, fy, cx, cy, width, height)
        if _is_centred(of_frame):
            return fit.intrinsics(of_frame)
    raise InputError(
        f"{what}: the principal point ({camera.cx:.1f}, {camera.cy:.1f}) is not of a map of "
        f"{size[0]}x{size[1]}: the intrinsics are of another size"
    )


def _is_centred(camera: Intrinsics) -> bool:
    across, down = camera.cx / camera.width - 0.5, camera.cy / camera.height - 0.5
    return abs(across) <= OFF_CENTRE and abs(down) <= OFF_CENTRE
