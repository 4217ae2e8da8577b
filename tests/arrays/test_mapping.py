"""Images in memory are mapped as those of a sequence are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

import mapper
from mapper import Frame, InputError, MapperConfig, Prediction
from mapper.backend.config import BackendConfig
from mapper.backend.fusion.map_fusion import FusionConfig
from mapper.backend.fusion.tsdf import TsdfConfig
from mapper.core.geometry import inverse
from mapper.errors import ConfigError
from mapper.frontends.base import TrackingState
from tests.support.room_views import Room, distance

COARSE = MapperConfig(backend=BackendConfig(fusion=FusionConfig(tsdf=TsdfConfig(voxel_size=0.05))))
INDICES = range(0, 24, 2)


class Told:
    """A frontend of the caller's own, that knows where it is."""

    name = "told"
    is_metric = True
    state = TrackingState.TRACKING
    values: dict[str, float]

    def __init__(self, room: Room) -> None:
        self._room, self.values = room, {}

    def step(self, frame: Frame) -> list[Prediction]:
        said = self._room.prediction(INDICES[frame.index])
        return [replace(said, frame_index=frame.index, timestamp=frame.timestamp)]

    def flush(self) -> list[Prediction]:
        return []

    def reset(self) -> None:
        """Nothing is remembered."""


@pytest.fixture(scope="module")
def images(room: Room) -> list[np.ndarray]:
    return [room.frame(index).image for index in INDICES]


@pytest.fixture(scope="module")
def depths(room: Room) -> list[np.ndarray]:
    found = [room.frame(index).depth for index in INDICES]
    return [depth for depth in found if depth is not None]


def test_images_with_depth_become_a_map_and_everything_is_told(
    room: Room, images: list[np.ndarray], depths: list[np.ndarray]
) -> None:
    frames: list[mapper.FrameEvent] = []
    keyframes: list[mapper.KeyframeEvent] = []
    updates: list[mapper.UpdateEvent] = []
    result = mapper.map_images(
        images,
        depths,
        room.intrinsics.matrix,
        config=COARSE,
        on_frame=frames.append,
        on_keyframe=keyframes.append,
        on_update=updates.append,
    )
    for row, index in enumerate(INDICES):
        T = result.trajectory.T_world_camera[row]
        assert distance(T, room.relative(0, index))[0] < 0.02
    assert result.is_metric and len(result.mesh.faces) > 1000
    assert [event.frame.index for event in frames] == list(range(len(images)))
    assert {event.state for event in frames} == {"tracking"}
    assert [event.id for event in keyframes] == list(range(result.keyframes))
    assert [event.frame_index for event in keyframes] == [
        int(np.flatnonzero(result.trajectory.timestamps == event.timestamp)[0])
        for event in keyframes
    ]
    assert [len(event.poses) for event in updates] == [*range(1, result.keyframes + 1)] + [
        result.keyframes
    ]
    assert [event.is_final for event in updates] == [False] * result.keyframes + [True]
    for pose, T in zip(
        updates[-1].poses.values(), result.keyframe_trajectory.T_world_camera, strict=True
    ):
        np.testing.assert_allclose(pose, T, atol=1e-9)


def test_it_is_the_same_from_a_generator_and_an_array_and_a_bad_image_is_passed_over(
    room: Room, images: list[np.ndarray], depths: list[np.ndarray]
) -> None:
    def generated() -> Iterator[np.ndarray]:
        yield from images[:4]

    camera = room.intrinsics
    one = mapper.map_images(generated(), np.stack(depths[:4]), camera, config=COARSE)
    broken = [*images[:4], np.zeros((3, 3, 3), np.uint8)]
    two = mapper.map_images(broken, depths[:5], [camera] * 5, config=COARSE)
    np.testing.assert_array_equal(one.trajectory.T_world_camera, two.trajectory.T_world_camera)
    assert (one.counts.skipped, two.counts.skipped) == (0, 1)


def test_known_poses_are_the_world_of_the_map(
    room: Room, images: list[np.ndarray], depths: list[np.ndarray]
) -> None:
    poses = np.array([room.poses[index] for index in INDICES])
    poses[5] = np.nan  # nobody knows
    # Over half a metre of way five centimetres, as is usual, would tell nothing.
    known = mapper.KnownPoses(poses, sigma=(0.005, 0.3))
    result = mapper.map_images(images, depths, room.intrinsics, known, config=COARSE)
    assert result.tie is not None and result.tie.refused == ""
    for T, index in zip(result.trajectory.T_world_camera, INDICES, strict=True):
        assert distance(T, room.poses[index])[0] < 0.02


def test_a_frontend_may_be_the_callers_own(room: Room, images: list[np.ndarray]) -> None:
    result = mapper.map_images(images, frontend=Told(room), config=COARSE)
    last = inverse(room.poses[0]) @ room.poses[INDICES[-1]]
    assert distance(result.trajectory.T_world_camera[-1], last)[0] < 0.01


def test_what_makes_no_map_says_why(
    room: Room, images: list[np.ndarray], depths: list[np.ndarray]
) -> None:
    dark = [np.zeros_like(depth) for depth in depths[:2]]
    with pytest.raises(InputError, match="not one of 2 frames could be placed"):
        mapper.map_images(images[:2], dark, room.intrinsics, config=COARSE)
    with pytest.raises(InputError, match="no depth, which the frontend rgbd needs"):
        mapper.map_images(images[:2], frontend="rgbd", config=COARSE)
    with pytest.raises(ConfigError, match="unknown frontend"):
        mapper.map_images(images[:2], frontend="rbgd", config=COARSE)
    far = [depth * 1000 for depth in depths[:2]]
    with pytest.raises(InputError, match="half of the depth lies beyond"):
        mapper.map_images(images[:2], far, room.intrinsics, config=COARSE)


def test_what_a_callback_raises_ends_the_run(
    room: Room, images: list[np.ndarray], depths: list[np.ndarray]
) -> None:
    def stop(event: mapper.FrameEvent) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        mapper.map_images(images, depths, room.intrinsics, config=COARSE, on_frame=stop)
