"""Which topics the images come by, and their cameras."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from mapper.io.ros2.parameters import NodeParameters


class Names(Protocol):
    """Who knows what topics are called after remapping; the node."""

    def resolved(self, topic: str) -> str:
        """In full, remapped."""

    def expanded(self, topic: str) -> str:
        """In full, as if nothing were remapped."""


@dataclass(frozen=True, slots=True)
class ImageTopics:
    """Resolved names. color, depth: of the images as they are sent, depth None without; the bases
    are those of the raw images. info, depth_info: of their cameras."""

    color: str
    color_base: str
    info: str
    depth: str | None
    depth_base: str | None
    depth_info: str | None


def image_topics(names: Names, parameters: NodeParameters) -> ImageTopics:
    """A camera_info that is not remapped is looked for beside its images, where drivers have it."""
    color = names.resolved("image")
    depth = names.resolved("depth") if parameters.use_depth else None
    return ImageTopics(
        _sent(color, parameters.image_transport),
        color,
        _info(names, "camera_info", color),
        None if depth is None else _sent(depth, parameters.depth_transport),
        depth,
        None if depth is None else _info(names, "depth_camera_info", depth),
    )


def kind_of(transport: str, sensor: Any) -> Any:
    """The type of the messages. sensor: sensor_msgs.msg."""
    return sensor.Image if transport == "raw" else sensor.CompressedImage


def _sent(base: str, transport: str) -> str:
    return base if transport == "raw" else f"{base}/{transport}"


def _info(names: Names, topic: str, images: str) -> str:
    resolved = names.resolved(topic)
    if resolved != names.expanded(topic):
        return resolved
    return f"{images.rpartition('/')[0]}/camera_info"
