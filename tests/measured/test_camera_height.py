"""A camera over a floor: each keyframe that sees it says how many metres its unit is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mapper.backend.fusion.upright import camera_height
from mapper.backend.global_map import GlobalMap
from mapper.backend.keyframes.keyframe import Keyframe, TrackedFrame
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.geometry import pose
from mapper.core.intrinsics import Intrinsics
from mapper.core.mesh import Mesh
from mapper.core.sim3 import similarity
from mapper.errors import ConfigError, InputError
from mapper.measured.camera_height import check_height, of_height
from mapper.run.records import NO_FEATURES

CAMERA = Intrinsics(100, 100, 80, 60, 161, 121)
SCALES = {0: 1.0, 1: 0.8, 2: 1.25}  # of the map's units, a keyframe's
HEIGHT = 1.2  # in the map
DOWN = Rotation.from_euler("x", -25, degrees=True).as_matrix()  # y of the map is down


def saved(looks: np.ndarray = DOWN) -> GlobalMap:
    keyframes = [
        Keyframe(k, 0, np.eye(4), NO_FEATURES, CAMERA, [TrackedFrame(k, k / 3, np.eye(4))])
        for k in SCALES
    ]
    poses = {k: similarity(s, pose(looks, np.array([k, 0.0, 0.0]))) for k, s in SCALES.items()}
    return GlobalMap(keyframes, poses)


def floor_seen(looks: np.ndarray) -> KeyframeMap:
    """Its depth in the map's units, for a camera that looks so."""
    u, v = np.meshgrid(np.arange(161), np.arange(121))
    rays = np.stack([(u - 80) / 100, (v - 60) / 100, np.ones(u.shape)], -1) @ looks.T
    depth = np.where(rays[..., 1] > 0.15, HEIGHT / np.maximum(rays[..., 1], 0.15), 0)
    return KeyframeMap(depth.astype(np.float32), depth, np.zeros((121, 161, 3), np.uint8), CAMERA)


def map_of(keyframe: int) -> KeyframeMap:
    seen = floor_seen(DOWN)
    seen.depth /= np.float32(SCALES[keyframe])
    return seen


def floor() -> Mesh:
    x, z = np.meshgrid(np.linspace(-2, 4, 30), np.linspace(0, 6, 30))
    vertices = np.column_stack([x.ravel(), np.full(x.size, HEIGHT), z.ravel()]).astype(np.float32)
    row = np.arange(29 * 30).reshape(29, 30)[:, :29].ravel()
    faces = np.concatenate(
        [np.column_stack([row, row + 1, row + 30]), np.column_stack([row + 1, row + 31, row + 30])]
    )
    normals = np.tile(np.array([0, -1, 0], np.float32), (len(vertices), 1))
    return Mesh(vertices, faces.astype(np.int32), np.zeros(vertices.shape, np.uint8), normals)


def test_each_keyframe_has_its_scale() -> None:
    found = of_height(1.6, saved(), floor(), map_of)
    assert [prior.keyframe for prior in found] == [0, 1, 2]
    for prior in found:
        assert np.exp(prior.log_metres) == pytest.approx(
            1.6 / HEIGHT * SCALES[prior.keyframe], rel=0.01
        )
        assert not prior.is_certain


def test_keyframes_that_do_not_see_it_say_nothing() -> None:
    def wall(_: int) -> KeyframeMap:
        depth = np.full((121, 161), 2.0, np.float32)
        return KeyframeMap(depth, depth, np.zeros((121, 161, 3), np.uint8), CAMERA)

    with pytest.raises(InputError, match="no keyframe sees the floor"):
        of_height(1.6, saved(np.eye(3)), floor(), wall)


@pytest.mark.parametrize("metres", [0.0, -1.0, float("nan")])
def test_a_height_is_more_than_nothing(metres: float) -> None:
    with pytest.raises(ConfigError, match="--camera-height"):
        check_height(metres)


def test_the_height_of_a_way() -> None:
    T = np.tile(np.eye(4), (5, 1, 1))
    T[:, 0, 3] = np.linspace(0, 1, 5)
    assert camera_height(floor(), T) == pytest.approx(HEIGHT, abs=0.02)
    wall = replace(floor(), vertices=floor().vertices[:, [0, 2, 1]])
    assert camera_height(wall, T) is None
    assert camera_height(replace(floor(), faces=np.zeros((0, 3), np.int32)), T) is None
