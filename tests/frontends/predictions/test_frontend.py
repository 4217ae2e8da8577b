"""What other models save becomes the same predictions in all layouts; what is wrong is told."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mapper.core.frame import Frame
from mapper.core.prediction import Prediction
from mapper.core.prediction_files import save_prediction
from mapper.errors import ConfigError, InputError
from mapper.frontends.base import Frontend, TrackingState
from mapper.frontends.predictions.config import PredictionsConfig
from mapper.frontends.predictions.frontend import PredictionsFrontend, create
from mapper.vision.orb import OrbMatcher
from tests.support.predictions.stored import (
    FLIP,
    FRAMES,
    arrays_of,
    predictions_of,
    save_da3,
    save_vggt,
    world_points,
)
from tests.support.room_views import Room


@pytest.fixture(scope="module")
def arrays(room: Room) -> dict[str, np.ndarray]:
    return arrays_of(room)


def opened(path: Path, **settings: str) -> Frontend:
    return create(PredictionsConfig(path=str(path), **settings), OrbMatcher())  # type: ignore[arg-type]


def frame_at(room: Room, place: int) -> Frame:
    """The sequence's frame of that number, without depth."""
    return dataclasses.replace(room.frame(FRAMES[place]), index=place, depth=None)


def predicted(frontend: Frontend, room: Room, place: int = 2) -> Prediction:
    (prediction,) = frontend.step(frame_at(room, place))
    assert frontend.state == TrackingState.TRACKING
    return prediction


def assert_right(found: Prediction, arrays: dict[str, np.ndarray], place: int = 2) -> None:
    """Single precision: what layouts store."""
    np.testing.assert_allclose(found.pointmap, arrays["points"][place], atol=3e-5)
    np.testing.assert_allclose(found.T_world_camera, arrays["c2w"][place], atol=1e-5)
    np.testing.assert_array_equal(found.image, arrays["image"][place])
    counts = found.depth > 0
    np.testing.assert_array_equal(found.confidence[counts], arrays["confidence"][place][counts])
    assert (found.confidence[~counts] == 0).all()
    assert not found.is_metric and found.frame_index == place


def test_saved_predictions_of_ours_are_as_replay_has_them(room: Room, tmp_path: Path) -> None:
    saved = [
        dataclasses.replace(p, frame_index=place, segment=3)
        for place, p in enumerate(predictions_of(room))
    ]
    for prediction in saved:
        save_prediction(tmp_path, prediction)
    found = predicted(opened(tmp_path), room)
    for field in ("pointmap", "T_world_camera", "image", "segment", "noise"):
        np.testing.assert_array_equal(getattr(found, field), getattr(saved[2], field))
    (tmp_path / "000001-003.npz").unlink()
    frontend = opened(tmp_path)
    assert frontend.step(frame_at(room, 1)) == [] and frontend.state == TrackingState.LOST
    with pytest.raises(InputError, match=r"its frame 2 is of 0.800 s, this sequence's of 1.200 s"):
        frontend.step(dataclasses.replace(frame_at(room, 3), index=2))


@pytest.mark.parametrize("maps", ["depth", "world_points"])
def test_vggt(room: Room, arrays: dict[str, np.ndarray], tmp_path: Path, maps: str) -> None:
    changes: dict[str, np.ndarray | None] = {}
    if maps == "world_points":
        changes = {
            "depth": None,
            "depth_conf": None,
            "world_points": world_points(arrays)[None],  # a batch of one
            "world_points_conf": arrays["confidence"],
        }
    path = save_vggt(tmp_path, arrays, **changes)
    for where in (path, tmp_path):
        frontend = opened(where)
        assert isinstance(frontend, PredictionsFrontend)
        assert_right(predicted(frontend, room), arrays)
        assert_right(predicted(frontend, room, 0), arrays, 0)  # and back again
    assert isinstance(frontend, PredictionsFrontend)
    assert frontend.metrics()["predictions_agree"] > 0.4 and frontend.notes() == []


def test_depth_anything_3(room: Room, arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    save_da3(tmp_path, arrays)
    assert_right(predicted(opened(tmp_path), room), arrays)
    save_da3(tmp_path, arrays, image=None)  # mini_npz: the image is the sequence's
    found = predicted(opened(tmp_path), room)
    assert found.image.shape == (60, 80, 3)
    assert np.abs(found.image.astype(float) - arrays["image"][2]).mean() < 12


def test_a_known_camera_stands_in_where_none_is_stored(
    room: Room, arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    save_da3(tmp_path, arrays, intrinsics=None)
    found = predicted(opened(tmp_path), room)
    assert found.intrinsics == room.intrinsics.resized(80, 60)
    unknown = dataclasses.replace(frame_at(room, 0), intrinsics=None)
    with pytest.raises(InputError, match=r"no intrinsics are stored .* --calib FILE"):
        opened(tmp_path).step(unknown)


def test_intrinsics_of_the_images_are_scaled(
    room: Room, arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    full = np.stack([room.intrinsics.matrix] * len(FRAMES))
    save_da3(tmp_path, arrays, intrinsics=full)
    found = predicted(opened(tmp_path), room)
    assert found.intrinsics == room.intrinsics.resized(80, 60)
    full[:, :2] *= 3
    save_da3(tmp_path, arrays, intrinsics=full)
    with pytest.raises(InputError, match=r"principal point .* is not of a map of 80x60"):
        opened(tmp_path).step(frame_at(room, 0))


@pytest.mark.parametrize("style", ["da3", "vggt"])
@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        (lambda T: np.linalg.inv(T), "when inverted .*: set predictions.pose_direction=c2w$"),
        (lambda T: np.linalg.inv(np.linalg.inv(T) @ FLIP), "other axes .* predictions.axes=opengl"),
    ],
)
def test_poses_that_fit_otherwise_are_told(
    room: Room,
    arrays: dict[str, np.ndarray],
    tmp_path: Path,
    style: str,
    change: Callable[[np.ndarray], np.ndarray],
    remedy: str,
) -> None:
    wrong = change(arrays["w2c"])[:, :3]
    if style == "da3":
        save_da3(tmp_path, arrays, extrinsics=wrong)
    else:
        points = world_points(arrays)
        save_vggt(tmp_path, arrays, extrinsic=wrong, depth=None, world_points=points)
    with pytest.raises(InputError, match=remedy):
        opened(tmp_path)
    name, value = remedy.rstrip("$").rsplit("predictions.", 1)[1].split("=")
    found = predicted(opened(tmp_path, **{name: value}), room)
    np.testing.assert_allclose(found.T_world_camera, arrays["c2w"][2], atol=1e-5)


def test_whoever_says_both_conventions_is_believed(
    arrays: dict[str, np.ndarray], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save_da3(tmp_path, arrays)
    opened(tmp_path, pose_direction="c2w", axes="opencv")
    assert "fit better when inverted" in caplog.text


def test_depths_that_do_not_belong_to_the_poses_are_noted(
    arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    factors = np.array([1, 2, 1, 2], np.float32)[:, None, None]  # no network's: each frame its own
    save_da3(tmp_path, arrays, depth=arrays["depth"] * factors)
    frontend = opened(tmp_path)
    assert isinstance(frontend, PredictionsFrontend)
    (note,) = frontend.notes()
    assert "depths or poses are bad, or of different scales" in note


def test_what_is_no_rotation_or_not_finite(
    room: Room, arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    scaled = arrays["w2c"][:, :3].copy()
    scaled[:, :, :3] *= 2
    save_da3(tmp_path, arrays, extrinsics=scaled)
    with pytest.raises(InputError, match=r"frame 0: the pose is no pose: .* determinant 8"):
        opened(tmp_path)
    broken = arrays["w2c"][:, :3].copy()
    broken[2] = np.nan
    depth = arrays["depth"].copy()
    depth[1, 5] = np.inf
    save_da3(tmp_path, arrays, extrinsics=broken, depth=depth)
    frontend = opened(tmp_path)
    found = predicted(frontend, room, 1)
    assert np.isfinite(found.pointmap).all() and (found.confidence[5] == 0).all()
    assert frontend.step(frame_at(room, 2)) == [] and frontend.state == TrackingState.LOST


def test_another_number_of_frames_is_refused(
    room: Room, arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    save_da3(tmp_path, arrays)
    frontend = opened(tmp_path)
    assert isinstance(frontend, PredictionsFrontend)
    frontend.expect(4)
    with pytest.raises(
        InputError, match=r"predictions of 4 frames, and the sequence has 9: .*--str"
    ):
        frontend.expect(9)
    with pytest.raises(InputError, match=r"the sequence has 5"):
        frontend.step(dataclasses.replace(frame_at(room, 0), index=4))


def test_arrays_that_are_missing_or_of_another_run_are_named(
    arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    save_vggt(tmp_path, arrays, intrinsic=None)
    with pytest.raises(InputError, match=r"no intrinsic; it holds depth, depth_conf, extr"):
        opened(tmp_path)
    save_vggt(tmp_path, arrays, depth=None)
    with pytest.raises(InputError, match=r"no depth or world_points or .*, which maps are made of"):
        opened(tmp_path)
    save_vggt(tmp_path, arrays, extrinsic=arrays["w2c"][:3, :3])
    with pytest.raises(InputError, match=r"extrinsic is of 3 frames, depth of 4"):
        opened(tmp_path)
    save_vggt(tmp_path, arrays, intrinsic=arrays["K"][:, :2])
    with pytest.raises(InputError, match=r"intrinsic is \(4, 2, 3\), expected \(frames, 3, 3\)"):
        opened(tmp_path)


def test_nothing_that_is_pickled_is_opened(arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    evil = np.array([{"a": 1}] * 4, dtype=object)
    save_vggt(tmp_path, arrays, depth=evil)
    with pytest.raises(InputError, match=r"depth holds object and no numbers: pickled objects"):
        opened(tmp_path)


def test_what_was_asked_for_wrongly(arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--set predictions\.path="):
        create(PredictionsConfig(), OrbMatcher())
    with pytest.raises(InputError, match=r"there is nothing"):
        opened(tmp_path / "no")
    with pytest.raises(InputError, match=r"no predictions that are known here: replay"):
        opened(tmp_path)
    with pytest.raises(ConfigError, match=r"did you mean vggt"):
        opened(save_vggt(tmp_path, arrays), adapter="vgt")
    folder = tmp_path / "mono"
    save_da3(folder, arrays, extrinsics=None)
    with pytest.raises(ConfigError, match=r"no poses, of which predictions\.axes could tell"):
        opened(folder, axes="opencv")


def test_what_the_mask_forbids_has_no_points(
    room: Room, arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    save_da3(tmp_path, arrays)
    mask = np.zeros((240, 320), bool)
    mask[:, 160:] = True
    (found,) = opened(tmp_path).step(dataclasses.replace(frame_at(room, 2), mask=mask))
    assert (found.confidence[:, :39] == 0).all() and (found.confidence[:, 41:] > 0).any()


def test_metric_and_least_confidence_are_settings(
    room: Room, arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    save_da3(tmp_path, arrays)
    limit = float(np.median(arrays["confidence"]))
    frontend = create(
        PredictionsConfig(path=str(tmp_path), metric="on", min_confidence=limit), OrbMatcher()
    )
    found = predicted(frontend, room)
    assert found.is_metric and frontend.is_metric
    np.testing.assert_array_equal(
        found.confidence > 0, (arrays["confidence"][2] >= limit) & (found.depth > 0)
    )
