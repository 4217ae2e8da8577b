"""Maps images that lie in memory: the front door for other programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Sequence as Items
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.arrays.sequence import Arrays, ArraySequence, cameras_of, known_poses
from mapper.backend.priors.knowledge import Knowledge
from mapper.config.settings import MapperConfig
from mapper.core.camera_kinds import AUTO
from mapper.errors import InputError
from mapper.frontends.base import CountingFrontend, Frontend, PreparingFrontend
from mapper.frontends.registry import choose_frontend, create_frontend
from mapper.io.priors.pose_files import FoundPoses
from mapper.io.priors.readings import PoseSigma, pose_readings
from mapper.io.sequences.bounded import BoundedSequence
from mapper.io.sequences.depth_readings import check_depth_range, depth_camera
from mapper.io.sequences.prefetch import Prefetch
from mapper.slam.callbacks import Callbacks, FrameEvent, KeyframeEvent, LoopEvent, UpdateEvent
from mapper.slam.devices import check_alignment_device
from mapper.slam.mapper import Mapper
from mapper.slam.matchers import choose_matcher
from mapper.slam.no_map import no_map
from mapper.slam.result import MappingResult
from mapper.vision.matching import FeatureMatcher

if TYPE_CHECKING:
    from jaxtyping import Float

POSES: Final = "the poses"  # what sentences call them


@dataclass(frozen=True, slots=True)
class KnownPoses:
    """Poses T_world_camera (N, 4, 4) that a map is to be tied to; NaN where nobody knows one.

    sigma: standard deviations of a position, in the poses' unit, and of a rotation, in degrees;
    None = as is usual of what a tracker says. is_metric: their unit is the metre.
    """

    T_world_camera: Float[np.ndarray, "n 4 4"]
    sigma: tuple[float, float] | None = None
    is_metric: bool = True


def map_images(
    images: Iterable[np.ndarray],
    depths: Iterable[np.ndarray] | None = None,
    intrinsics: object = None,
    poses: KnownPoses | Float[np.ndarray, "n 4 4"] | None = None,
    frontend: str | Frontend = AUTO,
    *,
    timestamps: Float[np.ndarray, " n"] | None = None,
    masks: Iterable[np.ndarray] | None = None,
    camera_kind: str = AUTO,
    config: MapperConfig | None = None,
    on_frame: Callable[[FrameEvent], object] | None = None,
    on_keyframe: Callable[[KeyframeEvent], object] | None = None,
    on_loop: Callable[[LoopEvent], object] | None = None,
    on_update: Callable[[UpdateEvent], object] | None = None,
) -> MappingResult:
    """Map images of a camera, one after the other, that lie in memory; nothing is written.

    images: uint8 (H, W, 3) RGB, or (H, W), without distortion, in the order in which they were
    taken. What has a length and is indexed is read one image at a time; all else is listed first.
    depths: floating point (H, W) of the same view, metres along z; 0 or not finite = no reading.
    intrinsics: fx, fy, cx, cy in pixels (centres at integers), a 3x3 matrix or a mapper.Intrinsics,
    one for all images or one for each; depths need them, colour alone finds its camera.
    poses: T_world_camera (N, 4, 4) by another sensor, in metres, OpenCV's axes: the map is tied to
    them and lies in their world; NaN where nobody knows one. KnownPoses says how good they are.
    frontend: a name, or one of your own (mapper.frontends.base.Frontend).
    timestamps: (N,), seconds, increasing; 30 a second unless given. masks: (H, W), 0 = do not use.
    camera_kind: how the depth camera measures, see mapper.core.camera_kinds.
    config: all other settings. on_frame ...: see mapper.Callbacks.
    Raises InputError where an array is wrong or no image could be placed, ConfigError for settings.
    """
    sequence = _sequence(images, depths, intrinsics, timestamps, masks)
    known = Knowledge() if poses is None else _knowledge(poses, sequence)
    check_depth_range(sequence)
    config = config or MapperConfig()
    matcher = choose_matcher(config.matcher)
    made, config = _frontend(frontend, config, sequence, matcher)
    check_alignment_device(config)
    camera = depth_camera(sequence, camera_kind)
    bounded = BoundedSequence(sequence, config.images.max_side, camera)
    told = Callbacks(on_frame, on_keyframe, on_loop, on_update)
    with Mapper(config, frontend=made, matcher=matcher, recorder=told, known=known) as mapper:
        prepare = made.prepare if isinstance(made, PreparingFrontend) else None
        with Prefetch(bounded, prepare=prepare) as frames:
            for frame in frames:
                if isinstance(frame, InputError):
                    mapper.skip(frame)
                else:
                    mapper.step(frame)
        result = mapper.finish()
    if result.keyframes == 0:
        raise InputError(no_map(sequence.path, mapper, made))
    return result


def _sequence(
    images: Iterable[np.ndarray],
    depths: Iterable[np.ndarray] | None,
    intrinsics: object,
    timestamps: np.ndarray | None,
    masks: Iterable[np.ndarray] | None,
) -> ArraySequence:
    listed = _indexed(images)
    cameras = cameras_of(intrinsics, listed[0]) if len(listed) else ()
    return ArraySequence(
        Arrays(
            listed,
            None if depths is None else _indexed(depths),
            cameras,
            timestamps,
            None if masks is None else _indexed(masks),
        )
    )


def _indexed(items: Iterable[np.ndarray]) -> Items[np.ndarray]:
    """What has a length and is indexed stays as it is, be it a list, an array or lazy."""
    if hasattr(items, "__len__") and hasattr(items, "__getitem__"):
        return items  # type: ignore[return-value]  # an array is a sequence but in name
    return list(items)


def _knowledge(poses: KnownPoses | np.ndarray, sequence: ArraySequence) -> Knowledge:
    asked = poses if isinstance(poses, KnownPoses) else KnownPoses(poses)
    trajectory = known_poses(asked.T_world_camera, sequence.timestamps)
    sigma = None if asked.sigma is None else PoseSigma(*asked.sigma)
    return Knowledge((pose_readings(POSES, FoundPoses(trajectory, asked.is_metric), sigma),))


def _frontend(
    asked: str | Frontend, config: MapperConfig, sequence: ArraySequence, matcher: FeatureMatcher
) -> tuple[Frontend, MapperConfig]:
    """It, and the settings with the name that was asked for."""
    if not isinstance(asked, str):
        made = asked
    else:
        config = config if asked == AUTO else replace(config, frontend=asked)
        name, _ = choose_frontend(config, sequence.has_depth)
        made = create_frontend(config, name, matcher)
    if isinstance(made, CountingFrontend):
        made.expect(len(sequence))
    return made, config
