"""Opens whatever the user names: finds out the format and reads it.

Other packages add formats by an entry point of the group `mapper.sequences`, which names a Format
(docs/plugins.md).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol, cast

from mapper.errors import ConfigError, InputError
from mapper.io.sequences.bags.bag import is_bag
from mapper.io.sequences.bags.bag_sequence import open_rosbag
from mapper.io.sequences.captures.own_poses import judge_by
from mapper.io.sequences.image_folder import is_image_folder, open_image_folder
from mapper.io.sequences.kitti import is_kitti, kitti_name, open_kitti
from mapper.io.sequences.pose_choices import AUTO, POSE_CHOICES
from mapper.io.sequences.published.formats import CAPTURES, ICL_NUIM, Format, folder_name
from mapper.io.sequences.sequence import Sequence
from mapper.io.sequences.sevenscenes import (
    is_sevenscenes,
    open_sevenscenes,
    sevenscenes_name,
)
from mapper.io.sequences.stereo.folders import is_stereo_folder, open_stereo_folder
from mapper.io.sequences.subsequence import Subsequence
from mapper.io.sequences.tum import is_tum, open_tum
from mapper.io.sequences.video import VIDEO_SUFFIXES, open_video
from mapper.io.sequences.views.masks import MaskedSequence
from mapper.io.sequences.views.panorama import PanoramaSequence
from mapper.runtime.plugins import SEQUENCES, passed_over, working_plugins


def _is_video(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in VIDEO_SUFFIXES


# The first that recognises a path. An image folder comes last: others hold images too.
_FORMATS: Final = (
    Format(_is_video, open_video, lambda path: path.stem),
    Format(is_bag, open_rosbag, lambda path: path.stem),
    ICL_NUIM,
    Format(is_tum, open_tum, folder_name),
    *CAPTURES,
    Format(is_sevenscenes, open_sevenscenes, sevenscenes_name),
    Format(is_kitti, open_kitti, kitti_name),
    Format(is_stereo_folder, open_stereo_folder, folder_name),
    Format(is_image_folder, open_image_folder, folder_name),
)
_KNOWN = (
    "a TUM folder (rgb.txt), a 7-Scenes folder (frame-000000.color.png), a KITTI folder (image_2 "
    "or image_0), a folder of images (perhaps with depth/ beside it), left/ and right/, a phone's "
    "scan, a COLMAP model, transforms.json, another dataset's layout (docs/inputs.md), a video "
    "file or a ROS bag"
)
# So paths begin that are addresses; of two slashes pathlib keeps one.
ADDRESSES: Final = ("http:", "https:", "rtsp:")
_FILES: Final = (".sens", ".r3d")  # that are sequences, beside videos and bags


class FrameChoice(Protocol):
    """Which frames of a sequence, and how: as open_sequence takes them. topics: of a bag."""

    @property
    def poses(self) -> str: ...  # noqa: D102
    @property
    def registration(self) -> str: ...  # noqa: D102
    @property
    def start(self) -> int: ...  # noqa: D102
    @property
    def stride(self) -> int: ...  # noqa: D102
    @property
    def max_frames(self) -> int | None: ...  # noqa: D102
    @property
    def topics(self) -> str | None: ...  # noqa: D102
    @property
    def mask_dir(self) -> Path | str | None: ...  # noqa: D102
    @property
    def split_360(self) -> int | None: ...  # noqa: D102


def open_chosen(path: Path | str, calibration: Path | None, choice: FrameChoice) -> Sequence:
    """The frames of a sequence that a request or the description of a run names.

    Where its `poses` are a file of others, those that come along are judged as by default.
    """
    return open_sequence(
        path,
        calibration=calibration,
        registration=choice.registration,
        start=choice.start,
        stride=choice.stride,
        max_frames=choice.max_frames,
        topics=choice.topics,
        mask_dir=choice.mask_dir,
        poses=choice.poses if choice.poses in POSE_CHOICES else AUTO,
        split_360=choice.split_360,
    )


def open_sequence(
    path: Path | str,
    *,
    calibration: Path | None = None,
    registration: str = "auto",
    start: int = 0,
    stride: int = 1,
    max_frames: int | None = None,
    topics: str | None = None,
    mask_dir: Path | str | None = None,
    poses: str = AUTO,
    split_360: int | None = None,
) -> Sequence:
    """The sequence at a path, its format found out; frames start, start + stride, ... of it.

    calibration: file that goes before calibration.yaml in the folder and the published values.
    registration: "auto", "color_to_depth", "depth_to_color" or "none" (see mapper.io.cameras.rig).
    topics: of a bag, like colour=/a,depth=/b,info=/c; those that are not named are found out.
    mask_dir: folder of masks, see mapper.io.sequences.views.masks; None = all pixels are used.
    poses: what those that come along are taken for, see mapper.io.sequences.captures.own_poses.
    split_360: of panoramas, into how many views each; start, stride and max_frames count panoramas.
    Reads lists and headers, not every image. Raises InputError or ConfigError.
    """
    path = Path(path).expanduser()
    known = _format_of(path)
    if topics is None:
        sequence = known.open(path, calibration, registration)
    elif known.open is open_rosbag:
        sequence = open_rosbag(path, calibration, registration, topics)
    else:
        raise ConfigError(f"{path}: --topics is for ROS bags; leave it out")
    try:
        judge_by(sequence, poses)
        if mask_dir is not None:
            sequence = MaskedSequence(sequence, Path(mask_dir).expanduser())
        if (start, stride, max_frames) != (0, 1, None):
            sequence = Subsequence(sequence, start, stride, max_frames)
        return sequence if split_360 is None else PanoramaSequence(sequence, split_360)
    except Exception:
        sequence.close()
        raise


def sequence_name(path: Path | str) -> str:
    """What the sequence at a path is called; it is not opened. Raises as open_sequence does."""
    path = Path(path).expanduser()
    return _format_of(path).name_of(path)


def _format_of(path: Path) -> Format:
    if not path.exists():
        if path.parts[:1] and path.parts[0] in ADDRESSES:
            raise InputError(
                f"{path}: an address, not a file; download it, or map a stream: mapper live "
                f"--camera {path.parts[0]}//{'/'.join(path.parts[1:])}"
            )
        raise InputError(f"{path}: no such file or folder; check the path")
    if (added := _added_format(path)) is not None:
        return added
    is_known = _is_video(path) or is_bag(path) or path.suffix.lower() in _FILES
    if path.is_file() and not is_known:
        raise InputError(f"{path}: this file is no sequence; expected {_KNOWN}")
    try:
        if path.is_dir() and not any(path.iterdir()):
            raise InputError(f"{path}: the folder is empty; expected {_KNOWN}")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; check the folder's permissions") from error
    for known in _FORMATS:
        if known.recognises(path):
            return known
    raise InputError(f"{path}: no sequence found in this folder; expected {_KNOWN}")


def _added_format(path: Path) -> Format | None:
    """Of another package: it is asked first, as it was installed for such files."""
    for plugin in working_plugins(SEQUENCES):
        added = cast(Format, plugin.value)
        try:
            if added.recognises(path):
                return added
        except Exception as error:  # a stranger's code may raise anything
            passed_over(plugin, error)
    return None
