"""Views whose depths have factors of their own are placed, and lost where nothing places them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mapper.core.frame import Frame
from mapper.core.geometry import inverse, rotation_angle
from mapper.core.prediction import Prediction
from mapper.errors import InputError
from mapper.frontends.base import TrackingState
from mapper.frontends.predictions.config import PredictionsConfig
from mapper.frontends.predictions.free_scale import frontend as module
from mapper.frontends.predictions.free_scale.frontend import FreeScaleFrontend
from mapper.frontends.predictions.frontend import create
from mapper.vision.orb import OrbMatcher
from tests.support.room_views import Room

STEP = 3  # frames of the walk between views
VIEWS = 8


@pytest.fixture(scope="module")
def saved(room: Room, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Depths times factors from a third to three, and a slope, this way and that."""
    folder, rng = tmp_path_factory.mktemp("depth"), np.random.default_rng(3)
    for place in range(VIEWS):
        depth = room.frame(STEP * place).depth
        assert depth is not None
        slope = 1 + 0.005 * (-1) ** place * np.linspace(-1, 1, 320, dtype=np.float32)
        factor = np.exp(rng.uniform(-np.log(3), np.log(3)))
        np.save(folder / f"{place}.npy", depth * slope * np.float32(factor))
    return folder


@pytest.fixture
def frontend(saved: Path) -> FreeScaleFrontend:
    made = create(PredictionsConfig(path=str(saved)), OrbMatcher())
    assert isinstance(made, FreeScaleFrontend)
    return made


def view(room: Room, place: int) -> Frame:
    return replace(room.frame(STEP * place), index=place, depth=None)


def assert_placed(first: Prediction, last: Prediction, room: Room, frames: int) -> None:
    """As the truth is, in the first view's units: 4 cm and a degree."""
    truth = room.frame(0).depth
    assert truth is not None
    seen = (truth > 0) & (first.depth > 0)
    units = float(np.median(first.depth[seen] / truth[seen]))
    T = inverse(first.T_world_camera) @ last.T_world_camera
    expected = room.relative(0, frames)
    off = np.linalg.norm(T[:3, 3] / units - expected[:3, 3])
    assert off < 0.04
    assert rotation_angle(inverse(expected)[:3, :3] @ T[:3, :3]) < np.radians(1.0)
    truth = room.frame(frames).depth
    assert truth is not None
    seen = (truth > 0) & (last.depth > 0)
    assert abs(np.log(np.median(last.depth[seen] / truth[seen]) / units)) < 0.02


def test_factors_are_found_with_the_poses(room: Room, frontend: FreeScaleFrontend) -> None:
    frontend.expect(VIEWS)
    answers = [frontend.step(view(room, place)) for place in range(VIEWS)]
    assert [len(each) for each in answers] == [1] * VIEWS
    assert not frontend.is_metric and frontend.values["matches"] > 20
    assert_placed(answers[0][0], answers[-1][0], room, STEP * (VIEWS - 1))
    with pytest.raises(InputError, match=r"predictions of 8 frames, and the sequence has 9"):
        frontend.step(replace(view(room, 0), index=VIEWS))


def test_a_view_of_another_place_is_lost_and_then_found_again(
    room: Room, frontend: FreeScaleFrontend, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = frontend.step(view(room, 0))
    dark = np.random.default_rng(0).integers(0, 4, (240, 320, 3), dtype=np.uint8)
    for place in (1, 2):
        assert frontend.step(replace(view(room, place), image=dark)) == []
        assert frontend.state == TrackingState.LOST
    (found,) = frontend.step(view(room, 3))
    assert found.segment == first.segment
    assert_placed(first, found, room, 3 * STEP)
    monkeypatch.setattr(module, "RESTART_AFTER", 1)
    assert frontend.step(replace(view(room, 4), image=dark)) == []
    (restarted,) = frontend.step(replace(view(room, 5), image=dark))
    assert restarted.segment == first.segment + 1


def test_the_camera_must_be_known(room: Room, frontend: FreeScaleFrontend) -> None:
    with pytest.raises(InputError, match="give --calib FILE"):
        frontend.step(replace(view(room, 0), intrinsics=None))
