"""Saved predictions come back bit for bit; damaged ones are named."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from mapper.config.settings import MapperConfig
from mapper.core.prediction import Prediction
from mapper.core.prediction_files import load_prediction, predictions_of, save_prediction
from mapper.errors import ConfigError, InputError
from mapper.frontends.base import ResumableFrontend, TrackingState
from mapper.frontends.registry import check_frontend, choose_frontend, create_frontend
from mapper.frontends.replay import ReplayConfig, ReplayFrontend
from mapper.vision.orb import OrbMatcher
from tests.support.room_views import Room


@pytest.fixture
def saved(room: Room, tmp_path: Path) -> tuple[Path, list[Prediction]]:
    """Predictions of frames 0, 1 and 3."""
    predictions = [room.prediction(index) for index in (0, 1, 3)]
    predictions[1] = dataclasses.replace(
        predictions[1],
        segment=4,
        is_metric=False,
        descriptor=np.arange(8, dtype=np.float32) / 3,
        timestamp=predictions[1].timestamp + 1e-4 / 3,
    )
    for prediction in predictions:
        save_prediction(tmp_path, prediction)
    return tmp_path, predictions


def assert_identical(a: Prediction, b: Prediction) -> None:
    for field in dataclasses.fields(Prediction):
        one, other = getattr(a, field.name), getattr(b, field.name)
        if isinstance(one, np.ndarray):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)
        else:
            assert one == other and type(one) is type(other)


def test_predictions_come_back_bit_for_bit(
    room: Room, saved: tuple[Path, list[Prediction]]
) -> None:
    folder, predictions = saved
    frontend = ReplayFrontend(ReplayConfig(str(folder)))
    for prediction in predictions:
        (played,) = frontend.step(room.frame(prediction.frame_index))
        assert_identical(played, prediction)
        assert frontend.state == TrackingState.TRACKING
    assert frontend.is_metric and frontend.flush() == []


def test_nan_and_infinity_come_back_too(room: Room, tmp_path: Path) -> None:
    original = room.prediction(0)
    pointmap = original.pointmap.copy()
    pointmap[0, 0], pointmap[1, 1] = np.nan, np.inf
    changed = dataclasses.replace(original, pointmap=pointmap)
    save_prediction(tmp_path, changed)
    assert_identical(load_prediction(predictions_of(tmp_path, 0)[0]), changed)


def test_a_frame_without_a_prediction_is_lost(
    room: Room, saved: tuple[Path, list[Prediction]]
) -> None:
    frontend = ReplayFrontend(ReplayConfig(str(saved[0])))
    assert frontend.step(room.frame(2)) == []
    assert frontend.state == TrackingState.LOST
    assert len(frontend.step(room.frame(3))) == 1
    assert frontend.state == TrackingState.TRACKING


def test_no_folder_given_is_a_fault_of_the_settings() -> None:
    with pytest.raises(ConfigError, match=r"replay.predictions"):
        ReplayFrontend(ReplayConfig())


def test_a_folder_without_predictions_is_named(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match="no saved predictions"):
            ReplayFrontend(ReplayConfig(str(folder)))


@pytest.mark.parametrize("keep", [0, 2, 100, 50_000])
def test_a_damaged_file_is_named(
    room: Room, saved: tuple[Path, list[Prediction]], keep: int
) -> None:
    frontend = ReplayFrontend(ReplayConfig(str(saved[0])))
    path = predictions_of(saved[0], 1)[0]
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match="000001-"):
        frontend.step(room.frame(1))


def test_a_file_of_something_else_is_named(
    room: Room, saved: tuple[Path, list[Prediction]]
) -> None:
    frontend = ReplayFrontend(ReplayConfig(str(saved[0])))
    np.savez(predictions_of(saved[0], 1)[0], other=np.zeros(3))
    with pytest.raises(InputError, match="000001-"):
        frontend.step(room.frame(1))
    with predictions_of(saved[0], 1)[0].open("wb") as file:
        np.save(file, np.zeros(3))  # an array, not an archive
    with pytest.raises(InputError, match="000001-"):
        frontend.step(room.frame(1))


def test_replay_resumes_from_nothing(saved: tuple[Path, list[Prediction]]) -> None:
    frontend = ReplayFrontend(ReplayConfig(str(saved[0])))
    assert isinstance(frontend, ResumableFrontend)
    assert frontend.snapshot().note() == {}


def test_the_registry_chooses_by_what_there_is(saved: tuple[Path, list[Prediction]]) -> None:
    replay = MapperConfig(replay=ReplayConfig(str(saved[0])))
    assert choose_frontend(replay, has_depth=True)[0] == "replay"
    assert choose_frontend(MapperConfig(), has_depth=True)[0] == "rgbd"
    with pytest.raises(InputError, match="no depth"):
        choose_frontend(MapperConfig(frontend="rgbd"), has_depth=False)
    assert create_frontend(replay, "replay", OrbMatcher()).name == "replay"
    assert create_frontend(MapperConfig(), "rgbd", OrbMatcher()).name == "rgbd"


def test_an_unknown_frontend_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean rgbd"):
        check_frontend("rgdb")
    with pytest.raises(ConfigError, match="known"):
        create_frontend(MapperConfig(), "qqqqqq", OrbMatcher())


def test_a_frame_at_a_reset_has_a_prediction_in_both_segments(room: Room, tmp_path: Path) -> None:
    both = [dataclasses.replace(room.prediction(4), segment=segment) for segment in (2, 3)]
    for prediction in both:
        save_prediction(tmp_path, prediction)
    replayed = ReplayFrontend(ReplayConfig(str(tmp_path))).step(room.frame(4))
    assert [p.segment for p in replayed] == [2, 3]
    for prediction, expected in zip(replayed, both, strict=True):
        assert_identical(prediction, expected)


def test_another_sequence_is_noticed_by_its_times(
    room: Room, saved: tuple[Path, list[Prediction]]
) -> None:
    frontend = ReplayFrontend(ReplayConfig(str(saved[0])))
    later = dataclasses.replace(room.frame(1), timestamp=room.frame(1).timestamp + 0.1)
    with pytest.raises(InputError, match="same sequence"):
        frontend.step(later)
