"""A chair that is carried off while the map is made leaves it, or stays in it, marked."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from mapper.backend.backend import Backend
from mapper.backend.config import BackendConfig
from mapper.backend.fusion.map_fusion import FusionConfig
from mapper.backend.fusion.tsdf import TsdfConfig
from mapper.backend.keyframes.keyframe_selector import KeyframeConfig
from mapper.core.depth_noise import STRUCTURED_LIGHT, depth_confidence
from mapper.core.geometry import backproject, inverse, pose, transform
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction import Prediction
from mapper.rooms.renderer import RoomRenderer
from mapper.rooms.sample.camera import sample_intrinsics
from mapper.rooms.sample.furniture import PLACES, sample_room
from tests.support.room_views import in_units

CAMERA: Intrinsics = sample_intrinsics(160, 120)
CHAIR = np.array([*PLACES["chair"][:2], 0.5])
UNITS = 0.4
CONFIG = BackendConfig(
    keyframes=KeyframeConfig(max_frames=1, max_predicted=1),
    fusion=FusionConfig(tsdf=TsdfConfig(voxel_size=0.03)),
    align="off",
)


def looking_at_the_chair(number: int) -> np.ndarray:
    """T_room_camera (4, 4), 1.7 m from it, on an arc."""
    angle = np.pi + 0.6 + 0.12 * number
    position = CHAIR + (1.7 * np.cos(angle), 1.7 * np.sin(angle), 0.9)
    forward = (CHAIR - position) / np.linalg.norm(CHAIR - position)
    right = np.cross(forward, (0, 0, 1))
    right /= np.linalg.norm(right)
    return pose(np.stack([right, np.cross(forward, right), forward], axis=1), position)


@pytest.fixture(scope="module")
def predictions() -> list[Prediction]:
    """Five with the chair, six without it."""
    renderers = RoomRenderer(sample_room()), RoomRenderer(sample_room({"chair": None}))
    found = []
    for number in range(11):
        T = looking_at_the_chair(number if number < 6 else 11 - number)
        image, view = renderers[number >= 5].image(T, CAMERA)
        noise = STRUCTURED_LIGHT
        confidence = depth_confidence(view.depth, noise.coefficients)
        T_world = inverse(looking_at_the_chair(0)) @ T
        points = backproject(view.depth, CAMERA)
        found.append(
            Prediction(
                number, number / 2, points, confidence, T_world, CAMERA, image, True, 0, noise=noise
            )
        )
    return found


def mapped(
    predictions: list[Prediction], dynamic: Literal["off", "remove", "keep"], config: BackendConfig
) -> Backend:
    backend = Backend(replace(config, dynamic=dynamic))
    for prediction in predictions:
        backend.add(prediction)
    backend.finish()
    return backend


def chair_vertices(backend: Backend, unit: float = 1.0) -> int:
    """Of the mesh, where its seat and back are and the table beside it is not."""
    vertices = backend.extract_mesh().vertices.astype(float) / unit
    around = transform(looking_at_the_chair(0), vertices) - (*CHAIR[:2], 0.0)
    near = (np.abs(around[:, 1]) < 0.26) & (around[:, 0] > -0.26) & (around[:, 0] < 0.07)
    return int((near & (around[:, 2] > 0.4) & (around[:, 2] < 0.95)).sum())


@pytest.fixture(scope="module")
def stays(predictions: list[Prediction]) -> Backend:
    return mapped(predictions, "off", CONFIG)


def test_it_is_taken_out_of_mesh_maps_and_features(
    predictions: list[Prediction], stays: Backend
) -> None:
    backend = mapped(predictions, "remove", CONFIG)
    (thing,) = backend.moving.things
    assert (thing.seen_from, thing.seen_until, thing.gone_by) == (0.0, 2.0, 2.5)
    assert chair_vertices(backend) < 0.1 * chair_vertices(stays)
    for keyframe in backend.keyframes[:5]:
        moved = backend.moving.pixels[keyframe.id]
        assert not backend.maps.map(keyframe.id).depth.ravel()[moved].any()
        columns, rows = np.rint(keyframe.features.pixels).astype(int).T
        on_it = np.isin(rows * CAMERA.width + columns, moved)
        assert not keyframe.features.points[on_it].any()
    # All else stays: of the later views, nothing was taken.
    assert all(keyframe.id not in backend.moving.pixels for keyframe in backend.keyframes[5:])


def test_kept_it_is_in_the_mesh_and_in_the_layer(
    predictions: list[Prediction], stays: Backend
) -> None:
    backend = mapped(predictions, "keep", CONFIG)
    assert len(backend.moving.things) == 1
    assert chair_vertices(backend) == chair_vertices(stays)
    layer = list(backend.moving_points())
    assert [len(each.points) > 0 for each in layer] == [True] * 5 + [False] * 6
    T_room_world = looking_at_the_chair(0)
    for each in layer[:5]:
        in_room = transform(T_room_world, each.points.astype(float)) - (*CHAIR[:2], 0.0)
        assert np.abs(in_room[:, :2]).max() < 0.4 and in_room[:, 2].max() < 1.0
        assert each.colors.shape == each.points.shape


def test_nobody_looks_for_it_unless_told(stays: Backend) -> None:
    assert not stays.moving.things and not list(stays.moving_points())
    assert chair_vertices(stays) > 100


def test_it_leaves_a_map_whose_unit_is_unknown(predictions: list[Prediction]) -> None:
    unknown = [in_units(each, UNITS) for each in predictions]
    backend = mapped(unknown, "remove", CONFIG)
    assert len(backend.moving.things) == 1
    assert set(backend.moving.pixels) == {0, 1, 2, 3, 4}
