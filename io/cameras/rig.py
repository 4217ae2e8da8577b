"""The cameras of a sequence, and the one view in which its frames are handed out."""

from __future__ import annotations

import numpy as np

from mapper.core.camera_kinds import CameraKind
from mapper.core.intrinsics import Intrinsics
from mapper.errors import ConfigError, InputError
from mapper.io.cameras.calibration import Calibration
from mapper.io.cameras.depth_registration import (
    Undistorter,
    color_pose,
    color_to_depth,
    depth_to_color,
)

REGISTRATIONS = ("auto", "color_to_depth", "depth_to_color", "none")
ASPECT_TOLERANCE = 0.01  # of the shapes of two images of one view


class Rig:
    """Undistorts colour and depth and brings both to one camera.

    intrinsics: of the frames handed out, None if unknown. registration: "color_to_depth" (frames
    are the depth camera's), "depth_to_color" or "none" (both are the colour camera's). color_size,
    depth_size: (width, height) that the files must have.
    """

    intrinsics: Intrinsics | None
    registration: str
    color_size: tuple[int, int]
    depth_size: tuple[int, int]

    def __init__(
        self,
        calibration: Calibration | None,
        registration: str,
        image_size: tuple[int, int],
        default: str = "depth_to_color",
    ) -> None:
        """image_size: (width, height), taken without calibration. default: of "auto"."""
        self.calibration = calibration
        self.registration = _resolve(calibration, registration, default)
        self.color_size = self.depth_size = image_size
        self.intrinsics = None
        self._undistort_color = self._undistort_depth = None
        if calibration is None:
            return
        color = calibration.color
        separate = self.registration != "none" and calibration.depth is not None
        depth = calibration.depth if separate and calibration.depth else color
        self.color_size = _size(color.intrinsics)
        self.depth_size = _size(depth.intrinsics)
        self.intrinsics = (depth if self.registration == "color_to_depth" else color).intrinsics
        if color.is_distorted:
            self._undistort_color = Undistorter(color.intrinsics, color.distortion, color.fisheye)
        if depth.is_distorted:
            self._undistort_depth = Undistorter(depth.intrinsics, depth.distortion, depth.fisheye)

    @property
    def camera_kind(self) -> CameraKind | None:
        """How the depth camera measures, by the calibration; None where it does not say."""
        return None if self.calibration is None else self.calibration.camera_kind

    def facts(self) -> str:
        """Everything about the cameras that changes what a frame holds; for the fingerprint."""
        calibration = self.calibration
        cameras = (calibration.color, calibration.depth) if calibration else ()
        fisheyes = "".join(str(camera and camera.fisheye) for camera in cameras)
        return f"{calibration!r}" + (f" fisheye {fisheyes}" if "True" in fisheyes else "")

    def color_only(self, image: np.ndarray) -> np.ndarray:
        """uint8 (H, W, 3), undistorted; for sequences without depth."""
        return image if self._undistort_color is None else self._undistort_color.image(image)

    def seen(self, image: np.ndarray, depth: np.ndarray | None) -> np.ndarray:
        """A raw image uint8 (h, w, 3) in the common view, where depth (H, W) is already."""
        image = self.color_only(image)
        if depth is None or self.registration != "color_to_depth":
            return image
        calibration = self.calibration
        assert calibration and calibration.depth and calibration.T_color_depth is not None
        cameras = (calibration.color.intrinsics, calibration.depth.intrinsics)
        return color_to_depth(image, depth, *cameras, calibration.T_color_depth)

    def fitted(self, depth: np.ndarray) -> np.ndarray:
        """Depth (h, w) of the colour camera's view at the size of its image.

        That of a sensor with fewer or more pixels is sampled, without mixing readings. Depth of
        another shape, or of a camera of its own, comes back as it is.
        """
        width, height = self.depth_size
        size = depth.shape[::-1]
        if self.registration != "none" or size == self.depth_size or 0 in (*size, width, height):
            return depth
        if not is_one_shape(size, self.depth_size):
            return depth
        rows = (2 * np.arange(height) + 1) * size[1] // (2 * height)
        columns = (2 * np.arange(width) + 1) * size[0] // (2 * width)
        return np.ascontiguousarray(depth[rows[:, None], columns])

    def register(self, image: np.ndarray, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Raw colour uint8 (h, w, 3) and depth float32 (H, W), metres, to the common view."""
        image = self.color_only(image)
        if self._undistort_depth is not None:
            depth = self._undistort_depth.depth(depth)
        if self.registration == "none":
            return image, depth
        calibration = self.calibration
        assert calibration and calibration.depth and calibration.T_color_depth is not None
        cameras = (calibration.color.intrinsics, calibration.depth.intrinsics)
        T_color_depth = calibration.T_color_depth
        if self.registration == "color_to_depth":
            return color_to_depth(image, depth, *cameras, T_color_depth), depth
        return image, depth_to_color(depth, *cameras, T_color_depth)

    def frame_poses(self, T_world_depth: np.ndarray) -> np.ndarray:
        """Poses (..., 4, 4) of the frames' camera from those of the depth camera."""
        calibration = self.calibration
        if self.registration == "color_to_depth" or calibration is None:
            return T_world_depth
        if calibration.T_color_depth is None:
            return T_world_depth
        return color_pose(T_world_depth, calibration.T_color_depth)


def _resolve(calibration: Calibration | None, registration: str, default: str) -> str:
    if registration not in REGISTRATIONS:
        raise ConfigError(
            f"registration `{registration}` is unknown; choose {', '.join(REGISTRATIONS)}"
        )
    has_depth_camera = calibration is not None and calibration.depth is not None
    if registration == "auto":
        return default if has_depth_camera else "none"
    if registration != "none" and not has_depth_camera:
        raise ConfigError(
            f"registration `{registration}` needs `depth` and `T_color_depth` in the calibration; "
            "give them with --calib, or take `none`"
        )
    return registration


def _size(intrinsics: Intrinsics) -> tuple[int, int]:
    return intrinsics.width, intrinsics.height


def is_one_shape(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether images of two sizes (width, height) may show one view, scaled."""
    return abs(size[0] * other[1] / (size[1] * other[0]) - 1) <= ASPECT_TOLERANCE


def check_size(what: str, image: np.ndarray, expected: tuple[int, int], calibrated: bool) -> None:
    """Raises InputError unless the image has the expected (width, height)."""
    height, width = image.shape[:2]
    if (width, height) == expected:
        return
    source = "the calibration says" if calibrated else "the other images are"
    raise InputError(
        f"{what}: {width}x{height} pixels, but {source} {expected[0]}x{expected[1]}; "
        "a sequence needs one size, and its calibration the same"
    )
