"""Images that lie in memory as a sequence, checked before anything is mapped."""

from __future__ import annotations

from collections.abc import Sequence as Items
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.core.camera_kinds import CameraKind
from mapper.core.frame import Frame
from mapper.core.intrinsics import Intrinsics
from mapper.core.trajectory import Trajectory
from mapper.errors import InputError
from mapper.io.sequences.sequence import NumberedFrames

if TYPE_CHECKING:
    from jaxtyping import Float

FRAMES_A_SECOND: Final = 30.0  # where nobody says when the images were taken
NAME: Final = "images"
ROTATION_OFF: Final = 1e-3  # of R R^T from the identity: numbers that were written with few digits


@dataclass(frozen=True, slots=True, eq=False)
class Arrays:
    """What a caller has, one of each a frame; see mapper.map_images.

    images: uint8 (H, W, 3) RGB or (H, W). depths: floating point (H, W), metres. cameras: one for
    all frames or one a frame. times: (N,), seconds. masks: (H, W), False = do not use.
    """

    images: Items[np.ndarray]
    depths: Items[np.ndarray] | None = None
    cameras: tuple[Intrinsics, ...] = ()
    times: np.ndarray | None = None
    masks: Items[np.ndarray] | None = None


class ArraySequence(NumberedFrames):
    """A Sequence over arrays; each is looked at when its frame's turn comes.

    Raises InputError where the lengths differ, or depth comes without a camera.
    """

    kind = NAME
    name = NAME
    path = Path(NAME)
    ground_truth: Trajectory | None = None
    camera_kind: CameraKind | None = None
    notes: tuple[str, ...] = ()

    def __init__(self, arrays: Arrays) -> None:
        count = len(arrays.images)
        if count == 0:
            raise InputError("images: there are none")
        _check_length("depths", arrays.depths, count)
        _check_length("masks", arrays.masks, count)
        if len(arrays.cameras) > 1:
            _check_length("intrinsics", arrays.cameras, count)
        if arrays.depths is not None and not arrays.cameras:
            raise InputError("depths: they need intrinsics, fx, fy, cx and cy in pixels")
        self._arrays = arrays
        self.timestamps = _times(arrays.times, count)
        self.has_depth = arrays.depths is not None
        self.intrinsics = arrays.cameras[0] if len(set(arrays.cameras)) == 1 else None
        self.lonely_times = np.empty(0)

    def __len__(self) -> int:
        return len(self._arrays.images)

    def _frame(self, index: int) -> Frame:
        arrays, cameras = self._arrays, self._arrays.cameras
        image = _image(arrays.images[index])
        depth = None if arrays.depths is None else _depth(arrays.depths[index], index)
        camera = None if not cameras else cameras[index if len(cameras) > 1 else 0]
        if camera is not None and image.shape[:2] != (camera.height, camera.width):
            raise InputError(
                f"frame {index}: the image is {image.shape[1]}x{image.shape[0]} and its camera "
                f"{camera.width}x{camera.height}; say the intrinsics for the images as they are"
            )
        frame = Frame(index, float(self.timestamps[index]), image, depth, camera)
        if arrays.masks is None:
            return frame
        return frame.masked(np.asarray(arrays.masks[index]) != 0)

    def close(self) -> None:
        """Nothing is open."""


def cameras_of(
    intrinsics: object, image: np.ndarray, name: str = "intrinsics"
) -> tuple[Intrinsics, ...]:
    """One for all frames or one a frame; none where nobody knows them.

    intrinsics: None, an Intrinsics, four numbers fx, fy, cx, cy, a matrix (3, 3), or a sequence of
    any of these. image: the first, whose size they are for. Raises InputError.
    """
    if intrinsics is None:
        return ()
    if isinstance(intrinsics, Intrinsics):
        return (intrinsics,)
    if isinstance(intrinsics, list | tuple) and any(isinstance(i, Intrinsics) for i in intrinsics):
        return tuple(camera for each in intrinsics for camera in cameras_of(each, image))
    try:
        numbers = np.asarray(intrinsics, float)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: expected fx, fy, cx, cy or a 3x3 matrix") from error
    height, width = np.shape(image)[:2]
    if numbers.shape[-2:] == (3, 3) and numbers.ndim in (2, 3):
        matrices = numbers.reshape(-1, 3, 3)
        numbers = matrices[:, (0, 1, 0, 1), (0, 1, 2, 2)]
    elif not (numbers.ndim in (1, 2) and numbers.shape[-1] == 4):
        raise InputError(
            f"{name}: shape {numbers.shape}; expected fx, fy, cx, cy or a 3x3 matrix, for all "
            "images or for each"
        )
    return tuple(
        Intrinsics(fx, fy, cx, cy, width, height)
        for fx, fy, cx, cy in numbers.reshape(-1, 4).tolist()
    )


def known_poses(poses: Float[np.ndarray, "n 4 4"], times: Float[np.ndarray, " n"]) -> Trajectory:
    """Of the frames whose pose is known: one that is not finite is not. Raises InputError."""
    matrices = np.asarray(poses, float)
    if matrices.shape != (len(times), 4, 4):
        raise InputError(
            f"poses: shape {matrices.shape}; expected ({len(times)}, 4, 4), T_world_camera of each "
            "image; those that nobody knows hold NaN"
        )
    known = np.isfinite(matrices).all(axis=(1, 2))
    rotations = matrices[known][:, :3, :3]
    off = np.abs(rotations @ rotations.transpose(0, 2, 1) - np.eye(3)).max(axis=(1, 2))
    wrong = (off > ROTATION_OFF) | (np.linalg.det(rotations) < 0)
    if wrong.any():
        raise InputError(
            f"poses: the rotation of image {np.flatnonzero(known)[wrong][0]} is none; expected "
            "T_world_camera with OpenCV's axes (x right, y down, z forward)"
        )
    return Trajectory(times[known], matrices[known])


def _check_length(what: str, items: Items[object] | None, count: int) -> None:
    if items is not None and len(items) != count:
        raise InputError(f"{what}: {len(items)}, and {count} images; there must be one for each")


def _times(times: np.ndarray | None, count: int) -> np.ndarray:
    if times is None:
        return np.arange(count) / FRAMES_A_SECOND
    seconds = np.asarray(times, float)
    if seconds.shape != (count,):
        raise InputError(f"timestamps: shape {seconds.shape}, and {count} images; one for each")
    if not np.isfinite(seconds).all() or (np.diff(seconds) <= 0).any():
        raise InputError("timestamps: they must be finite and increase; they are seconds")
    return seconds


def _image(image: np.ndarray) -> np.ndarray:
    """RGB; a Frame refuses what is no image."""
    array = np.asarray(image)
    if array.ndim == 2:
        array = np.repeat(array[..., None], 3, axis=2)
    return np.ascontiguousarray(array)


def _depth(depth: np.ndarray, index: int) -> np.ndarray:
    """float32, metres; 0 where there is no reading."""
    array = np.asarray(depth)
    if not np.issubdtype(array.dtype, np.floating):
        raise InputError(
            f"depths: that of frame {index} is {array.dtype}; expected floating point, in metres: "
            "divide what a camera gives in millimetres by 1000"
        )
    return np.where(np.isfinite(array) & (array > 0), array, 0).astype(np.float32)
