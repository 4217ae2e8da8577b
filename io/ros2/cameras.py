"""The cameras of ROS 2 topics, by their camera_info and /tf_static."""

from __future__ import annotations

from typing import Any

from mapper.errors import InputError
from mapper.io.cameras.calibration import Calibration
from mapper.io.cameras.camera import Camera
from mapper.io.ros2.topics import ImageTopics
from mapper.io.ros2.transforms import StaticTransforms
from mapper.io.sequences.bags.cameras import camera_of_info
from mapper.io.sequences.bags.topics import Topics, is_rectified


class SeenCameras:
    """What has come of the cameras so far; None = nothing yet.

    color_frame, depth_frame: in which the headers say the images are. info, depth_info: CameraInfo.
    """

    def __init__(self, topics: ImageTopics) -> None:
        self.topics = topics
        self.color_frame: str | None = None
        self.depth_frame: str | None = None
        self.info: Any | None = None
        self.depth_info: Any | None = None

    def take_info(self, message: Any) -> None:
        """Of the colour camera; the newest counts."""
        self.info = message

    def take_depth_info(self, message: Any) -> None:
        """Of the depth camera."""
        self.depth_info = message

    @property
    def is_registered(self) -> bool:
        """Whether depth is in the view of the colour camera: by its topic, or by its frame."""
        topics = Topics(self.topics.color_base, self.topics.depth_base, None, None)
        return topics.says_registered or self.depth_frame == self.color_frame


def calibration_of_topics(seen: SeenCameras, static: StaticTransforms) -> Calibration | None:
    """Of the two cameras; of the colour camera alone where depth is in its view.

    None where the camera says that it is not calibrated. Raises InputError where depth cannot be
    brought into the view of colour, or has no camera.
    """
    topics = seen.topics
    color = _camera(seen.info, topics.color_base)
    if topics.depth_base is None:
        return None if color is None else Calibration(color)
    if color is None:
        raise InputError(
            f"{topics.info} says that the camera is not calibrated, and depth needs it; give "
            "--calib, or use_depth:=false"
        )
    if seen.is_registered:
        return Calibration(color)
    depth = _camera(seen.depth_info, topics.depth_base)
    T_color_depth = static.between(seen.color_frame or "", seen.depth_frame or "")
    if depth is None or T_color_depth is None:
        raise InputError(
            f"{topics.depth_base} is in {seen.depth_frame}, not in the view of colour "
            f"({seen.color_frame}), and /tf_static does not tie the two: remap depth to the topic "
            "that is aligned to colour, or give --calib with T_color_depth"
        )
    return Calibration(color, depth, T_color_depth)


def _camera(info: Any | None, images: str) -> Camera | None:
    """None where nobody calibrated it: its matrix is zero then."""
    if info is None or not float(info.k[0]) > 0:
        return None
    return camera_of_info(info, is_rectified(images))
