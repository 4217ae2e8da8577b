"""Which topics of a bag hold colour, depth and their cameras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mapper.core.camera_kinds import CameraKind
from mapper.errors import ConfigError, InputError, unknown_name
from mapper.io.sequences.bags.messages import COLORED, DEEP, encoding_of

IMAGES: Final = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
INFO: Final = "sensor_msgs/msg/CameraInfo"
NONE: Final = "none"  # of --topics: do without
ROLES: Final = ("colour", "depth", "info", "depth_info")

_DEPTH_WORDS: Final = ("depth", "disparity")
_REGISTERED_WORDS: Final = ("aligned", "registered", "depth_to_rgb", "depth_to_color")
_OTHER_WORDS: Final = ("infra", "_ir", "/ir", "thermal", "fisheye", "mono", "confidence", "mask")
_COLOR_WORDS: Final = ("color", "colour", "rgb")
# By model, then by what the drivers azure_kinect_ros_driver, iai_kinect2, realsense2_camera and
# zed_ros_wrapper, and the RealSense Viewer, call their topics.
_KINDS: Final[tuple[tuple[tuple[str, ...], CameraKind], ...]] = (
    (("l515",), "lidar"),
    (("sr300", "sr305"), "structured-light"),
    (("kinect2", "k4a", "azure", "depth_to_rgb", "/rgb_to_depth"), "time-of-flight"),
    (("d405", "d415", "d43", "d45", "aligned_depth_to_", "/zed", "/device_0/sensor_"), "stereo"),
)
_TRANSPORTS: Final = ("/compressedDepth", "/compressed")


@dataclass(frozen=True, slots=True)
class TopicChoice:
    """What --topics names; None = found out, "none" = done without."""

    color: str | None = None
    depth: str | None = None
    info: str | None = None
    depth_info: str | None = None


@dataclass(frozen=True, slots=True)
class Topics:
    """color, depth: of images. info, depth_info: of their cameras; None where there are none."""

    color: str
    depth: str | None
    info: str | None
    depth_info: str | None

    @property
    def says_registered(self) -> bool:
        """Whether the depth topic's name says that it is in the view of the colour camera."""
        name = (self.depth or "").lower()
        return any(word in name for word in _REGISTERED_WORDS)


def parse_choice(text: str) -> TopicChoice:
    """Of text like colour=/a/image,depth=/b/image,info=/a/camera_info."""
    chosen: dict[str, str] = {}
    for part in filter(None, text.split(",")):
        role, _, topic = part.partition("=")
        role = {"color": "colour", "depth-info": "depth_info"}.get(role.strip(), role.strip())
        if role not in ROLES or not topic.strip():
            near = unknown_name("topic", role, ROLES) if role not in ROLES else ""
            raise ConfigError(f"--topics {part}: expected colour=, depth= or info= TOPIC. {near}")
        chosen[role] = topic.strip()
    return TopicChoice(
        chosen.get("colour"), chosen.get("depth"), chosen.get("info"), chosen.get("depth_info")
    )


def choose_topics(
    types: Mapping[str, str], firsts: Mapping[str, Any], choice: TopicChoice
) -> Topics:
    """types: message types by topic. firsts: the first message of each topic with images.

    Colour goes before grey and infrared, depth in colour's view before other depth, raw before
    compressed.
    """
    for topic in (choice.color, choice.depth, choice.info, choice.depth_info):
        if topic is not None and topic != NONE and topic not in types:
            raise InputError(f"no topic {topic} in this bag; topics: {', '.join(sorted(types))}")
    depths = [t for t in firsts if is_depth(t, firsts[t])]
    colors = [t for t in firsts if t not in depths]
    color = choice.color or min(colors, key=lambda t: _color_rank(t, firsts[t]), default=None)
    if color is None:
        names = ", ".join(sorted(firsts)) or "none"
        raise InputError(f"no colour image topic in this bag; image topics: {names}")
    depth = choice.depth or min(depths, key=lambda t: _depth_rank(t, color), default=None)
    depth = None if depth == NONE else depth
    return Topics(
        color,
        depth,
        _info(choice.info, color, types),
        None if depth is None else _info(choice.depth_info, depth, types),
    )


def is_depth(topic: str, message: Any) -> bool:
    """Whether a topic's images are depth: by its name, and by what its first message holds."""
    encoding = encoding_of(message)
    if hasattr(message, "format"):
        return "compresseddepth" in encoding or topic.endswith("compressedDepth")
    named = any(word in topic.lower() for word in _DEPTH_WORDS)
    return encoding in DEEP and (named or encoding != "mono16")


def is_rectified(topic: str) -> bool:
    """Whether the distortion of its images was removed, as ROS names such topics."""
    return "rect" in _base(topic).rpartition("/")[2].lower()


def camera_kind(depth: str | None, device: str = "") -> CameraKind | None:
    """How the camera of a depth topic measures, by the names that drivers give; None = unknown.

    device: the camera's own name, where the bag has it.
    """
    if depth is None:
        return None
    name = f"{depth} {device}".lower()
    return next((kind for words, kind in _KINDS if any(word in name for word in words)), None)


def _color_rank(topic: str, message: Any) -> tuple[bool, bool, bool, bool, str]:
    """The less the better."""
    name, encoding = topic.lower(), encoding_of(message)
    first = encoding.split(";")[0].strip()
    return (
        any(word in name for word in (*_OTHER_WORDS, *_DEPTH_WORDS)),
        first not in COLORED and not hasattr(message, "format"),
        not any(word in name for word in _COLOR_WORDS),
        hasattr(message, "format"),
        topic,
    )


def _depth_rank(topic: str, color: str) -> tuple[bool, bool, bool, str]:
    name = topic.lower()
    same_device = color.split("/")[1:2] == topic.split("/")[1:2]
    is_compressed = topic.endswith(_TRANSPORTS)
    registered = any(word in name for word in _REGISTERED_WORDS)
    return not registered, not same_device, is_compressed, topic


def _info(chosen: str | None, images: str, types: Mapping[str, str]) -> str | None:
    """The topic of a camera that stands beside its images."""
    if chosen is not None:
        return None if chosen == NONE else chosen
    base = _base(images)
    places = [f"{base.rpartition('/')[0]}/camera_info"]
    if base.endswith("/image/data"):  # of the RealSense Viewer
        places.append(f"{base.removesuffix('/image/data')}/info/camera_info")
    places.append(f"{base}/camera_info")
    return next((place for place in places if types.get(place) == INFO), None)


def _base(topic: str) -> str:
    for transport in _TRANSPORTS:
        topic = topic.removesuffix(transport)
    return topic
