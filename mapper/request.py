"""What is asked of a mapping run, typed: only `--set` is text. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from mapper.core.camera_kinds import AUTO
from mapper.errors import ConfigError
from mapper.frontends.registry import BUILT_IN
from mapper.io.sequences.pose_choices import POSE_CHOICES

ViewerKind = Literal["none", "window", "web"]
FLOOR: Final = AUTO  # of --gravity: the map's own floor is level


@dataclass(frozen=True, slots=True, kw_only=True)
class MapRequest:
    """What a run over a sequence and one of a live camera ask alike, named as the options are.

    out: run directory. config: YAML file or profile. changes: what --set says, settings like
    "backend.fusion.tsdf.voxel_size=0.01". frontend, weights, matcher, align, dynamic,
    kv_budget: settings with an option of their own, taken as they are given; None = as the
    configuration says.
    topics: of a ROS bag, like colour=/a,depth=/b,info=/c; None = found out.
    calib: calibration file. camera_kind: of the depth camera, see mapper.core.camera_kinds;
    "auto" = as the input says, else estimated from its depth. commercial: refuse weights that are
    published for non-commercial use; False = as the configuration says. connect: address of a
    viewer that runs already. save_recording: write run.rrd. resume: carry on the run in `out`.
    overwrite: replace it.
    """

    out: Path | None = None
    config: str | None = None
    changes: tuple[str, ...] = ()
    frontend: str | None = None
    weights: str | None = None
    matcher: str | None = None
    align: str | None = None
    dynamic: str | None = None
    kv_budget: str | None = None
    commercial: bool = False
    calib: Path | None = None
    camera_kind: str = AUTO
    topics: str | None = None
    viewer: ViewerKind = "none"
    connect: str | None = None
    save_recording: bool = True
    resume: bool = False
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.kv_budget is not None and self.frontend not in (None, *_with_cache()):
            raise ConfigError(f"--kv-budget is for {' and '.join(_with_cache())}: no other caches")

    @property
    def settings(self) -> dict[str, Any]:
        """Values of the settings that have options of their own, by their dotted names."""
        given = {
            "frontend": self.frontend,
            "weights": self.weights,
            "matcher": self.matcher,
            "backend.align": self.align,
            "backend.dynamic": self.dynamic,
            "commercial": self.commercial or None,
            **{f"{part}.kv_budget": self.kv_budget for part in _settings_with_cache()},
        }
        return {key: value for key, value in given.items() if value is not None}

    @property
    def asks_for_settings(self) -> bool:
        """Whether any setting is named; if not, a run that is resumed keeps its own."""
        return bool(self.config or self.changes or self.settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest(MapRequest):
    """A sequence, and which of its frames: start, start + stride ..., at most max_frames.

    mask_dir: folder of masks, see mapper.io.sequences.views.masks.
    registration: see mapper.io.cameras.rig. poses: what those that come along are taken for, see
    mapper.io.sequences.pose_choices; else a file of known poses that the map is tied to.
    pose_sigma: of the poses that it is tied to, `M,DEG`; None = as is usual of such. pose_offset:
    seconds by which their clock is behind the frames', or "auto". gps: track of a receiver, or
    "exif" for the images' own places; gps_sigma: metres. odometry: file of poses of which only the
    way from one to the next counts; odometry_sigma: of a metre of it. gravity: log of an
    accelerometer, "prior" for a phone's own tracking, or "auto" for the map's floor; gravity_axes:
    which axes of the log point right, down and ahead; gravity_sigma: degrees. image_points,
    camera_height, tag, depth, sparse_depth, scale_from: what was measured, as mapper scale takes
    it. save_predictions: keep each, for the frontend replay.
    split_360: of panoramas, into how many pinhole views each; None = they are none. into: the run
    directory of an old map that the sequence is mapped into; see mapper.into.
    """

    sequence: Path
    registration: str = "auto"
    mask_dir: Path | None = None
    poses: str = "auto"
    pose_sigma: str | None = None
    pose_offset: str = "0"
    gps: str | None = None
    gps_sigma: float | None = None
    gps_offset: str = "0"
    odometry: Path | None = None
    odometry_sigma: str | None = None
    odometry_offset: str = "0"
    gravity: str | None = None
    gravity_axes: str | None = None
    gravity_sigma: float | None = None
    gravity_offset: str = "0"
    image_points: Sequence[Sequence[str]] = ()
    camera_height: float | None = None
    tag: str | None = None
    depth: str | None = None
    sparse_depth: Path | None = None
    scale_from: str | None = None
    split_360: int | None = None
    start: int = 0
    stride: int = 1
    max_frames: int | None = None
    save_predictions: bool = False
    into: Path | None = None

    @property
    def pose_file(self) -> Path | None:
        """Of known poses, where `poses` names one."""
        return None if self.poses in POSE_CHOICES else Path(self.poses).expanduser()


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRequest(MapRequest):
    """A camera, named as mapper.io.live.open_live knows it, or a video file played in realtime.

    record: folder for the frames. max_seconds: stop after so long; None = when the source ends or
    someone stops it.
    """

    camera: str
    realtime: bool = False
    record: Path | None = None
    max_seconds: float | None = None


def _settings_with_cache() -> list[str]:
    return [name.replace("-", "_") for name in _with_cache()]


def _with_cache() -> tuple[str, ...]:
    return tuple(spec.name for spec in BUILT_IN.values() if spec.has_cache)
