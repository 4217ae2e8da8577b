"""Opens whatever live source the user names."""

from __future__ import annotations

from pathlib import Path

from mapper.errors import ConfigError, InputError
from mapper.io.live.camera import CameraSource, RealtimeVideo
from mapper.io.live.source import LiveSource
from mapper.io.sequences.bags.bag import is_bag
from mapper.io.sequences.bags.topics import parse_choice
from mapper.io.sequences.video import VIDEO_SUFFIXES

_STREAMS = ("rtsp://", "rtsps://", "http://", "https://", "udp://", "tcp://")
_DEVICES = ("/dev/", "realsense:", *_STREAMS)
_KNOWN = (
    "a camera number like 0, /dev/videoN, an rtsp:// or http:// address, a video file with "
    "--realtime, realsense[:SERIAL], or a ROS bag"
)


def open_live(
    source: str,
    *,
    realtime: bool = False,
    size: tuple[int, int] | None = None,
    topics: str | None = None,
) -> LiveSource:
    """The live source of that name; it is not opened yet.

    realtime: play a video file at its own speed. size: (width, height) to ask a camera for.
    topics: of a bag, like colour=/a,depth=/b.
    Raises ConfigError for what is none, InputError for a file that is not there.
    """
    is_device = source.isdecimal() or source == "realsense" or source.startswith(_DEVICES)
    path = Path(source).expanduser()
    if realtime and (is_device or is_bag(path)):
        raise ConfigError(f"{source} has no other speed than its own: leave --realtime out")
    return (
        _open_device(source, size)
        if is_device
        else _open_file(path, realtime, topics, size is not None)
    )


def _open_device(source: str, size: tuple[int, int] | None) -> LiveSource:
    if source.isdecimal():
        return CameraSource(int(source), size)
    if source.partition(":")[0] == "realsense":
        from mapper.io.live.realsense import RealsenseSource

        return RealsenseSource(source.partition(":")[2] or None)
    return CameraSource(source, size if source.startswith("/dev/") else None)


def _open_file(path: Path, realtime: bool, topics: str | None, calibrated: bool) -> LiveSource:
    if not path.exists():
        raise InputError(f"{path}: no such camera or file; expected {_KNOWN}")
    if is_bag(path):
        from mapper.io.live.rosbag import RosbagSource

        return RosbagSource(path, parse_choice(topics) if topics else None, calibrated)
    if path.suffix.lower() not in VIDEO_SUFFIXES:
        raise ConfigError(f"{path}: no live source; expected {_KNOWN}")
    if not realtime:
        raise ConfigError(
            f"{path} is a file: map it whole with mapper run, or add --realtime to play it like "
            "a camera"
        )
    return RealtimeVideo(path)
