"""The CUT3R frontends on a tiny random checkpoint in the published container."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from mapper.core.frame import Frame
from mapper.core.geometry import inverse, rotation_angle, transform
from mapper.core.intrinsics import Intrinsics
from mapper.errors import ConfigError, InputError
from mapper.frontends.base import TrackingState
from mapper.frontends.cut3r.frontend import Cut3rFrontend
from mapper.frontends.cut3r.options import VARIANTS, Cut3rOptions
from mapper.frontends.cut3r.preprocess import as_tensor
from mapper.frontends.cut3r.stepping import StepOptions
from mapper.slam.mapper import Mapper
from tests.support.networks.exact import EXACT
from tests.support.networks.tiny_cut3r import write_checkpoint

OPTIONS = Cut3rOptions(image_size=64, min_confidence=0.0, **EXACT)
HEIGHT, WIDTH = 48, 64


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("weights") / "tiny.pth")


def frames(count: int, intrinsics: Intrinsics | None = None) -> list[Frame]:
    rng = np.random.default_rng(3)
    return [
        Frame(i, i / 30, rng.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8), None, intrinsics)
        for i in range(count)
    ]


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_answers_every_frame(tiny: Path, name: str) -> None:
    frontend = Cut3rFrontend(name, OPTIONS, str(tiny))
    for frame in frames(4):
        (prediction,) = frontend.step(frame)
        assert prediction.pointmap.shape == (HEIGHT, WIDTH, 3)
        assert prediction.confidence.shape == (HEIGHT, WIDTH)
        assert prediction.image.shape == (HEIGHT, WIDTH, 3)
        assert (prediction.depth >= 0).all() and np.isfinite(prediction.pointmap).all()
        assert prediction.intrinsics.width == WIDTH
        assert prediction.descriptor is not None and prediction.descriptor.shape == (64,)
        assert prediction.segment == 0 and frontend.state == TrackingState.TRACKING


def test_the_rules_differ_from_the_third_frame_on(tiny: Path) -> None:
    # The first frame meets the same state, and leaves it replaced whatever the rule (section 8);
    # the second is predicted with that state, and only then do the gates act.
    poses = {}
    for name in ("cut3r", "cut3r-ttsa", "cut3r-ttt"):
        frontend = Cut3rFrontend(name, OPTIONS, str(tiny))
        poses[name] = [frontend.step(frame)[0].pointmap for frame in frames(3)]
    for name in ("cut3r-ttsa", "cut3r-ttt"):
        # 1e-5: the rules ask for different kernels of the same attention.
        np.testing.assert_allclose(poses[name][1], poses["cut3r"][1], atol=1e-5)
        assert np.abs(poses[name][2] - poses["cut3r"][2]).max() > 1e-5


def test_a_reset_starts_a_segment_with_the_frame_it_shares(tiny: Path) -> None:
    options = Cut3rOptions(image_size=64, min_confidence=0.0, **EXACT, reset_every=3)
    frontend = Cut3rFrontend("cut3r", options, str(tiny))
    answers = [frontend.step(frame) for frame in frames(6)]
    assert [len(answer) for answer in answers] == [1, 1, 2, 1, 2, 1]
    segments = [p.segment for answer in answers for p in answer]
    assert segments == [0, 0, 0, 1, 1, 1, 2, 2]
    last, first = answers[2]
    assert last.frame_index == first.frame_index == 2
    # The first frame of every segment meets the initial state, as a new frontend's would.
    fresh = Cut3rFrontend("cut3r", OPTIONS, str(tiny)).step(frames(6)[2])[0]
    np.testing.assert_allclose(first.pointmap, fresh.pointmap, atol=1e-5)


def test_chained_resets_stay_in_one_world(tiny: Path) -> None:
    options = Cut3rOptions(
        image_size=64, min_confidence=0.0, **EXACT, reset_every=3, chain_resets=True
    )
    frontend = Cut3rFrontend("cut3r", options, str(tiny))
    answers = [frontend.step(frame) for frame in frames(4)]
    last, first = answers[2]
    assert {p.segment for answer in answers for p in answer} == {0}
    # base of the next chunk = pose of the reset frame; in its own chunk it is the first frame.
    single = Cut3rFrontend("cut3r", OPTIONS, str(tiny)).step(frames(3)[2])[0]
    expected = last.T_world_camera @ single.T_world_camera
    np.testing.assert_allclose(first.T_world_camera, expected, atol=1e-5)


def test_output_that_is_not_finite_loses_the_frame_and_nothing_else(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frontend = Cut3rFrontend("cut3r", OPTIONS, str(tiny))
    first, second, third = frames(3)
    frontend.step(first)
    real = frontend._model.step

    def broken(*arguments: object) -> object:
        prediction, state = real(*arguments)  # type: ignore[arg-type]
        prediction.pointmap[0, 0, 0, 0] = float("nan")
        return prediction, state

    monkeypatch.setattr(frontend._model, "step", broken)
    assert frontend.step(second) == [] and frontend.state == TrackingState.LOST
    monkeypatch.undo()
    (after,) = frontend.step(third)
    other = Cut3rFrontend("cut3r", OPTIONS, str(tiny))
    other.step(first)
    (expected,) = other.step(third)
    np.testing.assert_array_equal(after.pointmap, expected.pointmap)


def test_the_cross_view_gives_the_points_on_request(tiny: Path) -> None:
    options = Cut3rOptions(
        image_size=64, min_confidence=0.0, **EXACT, cross_view=True, one_camera=False
    )
    frontend = Cut3rFrontend("cut3r", options, str(tiny))
    frame = frames(1)[0]
    (prediction,) = frontend.step(frame)
    model = frontend._model
    raw, _ = model.step(as_tensor(frame.image), model.initial_state(1), StepOptions(world=True))
    assert raw.pointmap_world is not None
    seen = prediction.depth > 0
    world = transform(prediction.T_world_camera, prediction.pointmap)[seen]
    np.testing.assert_allclose(world, raw.pointmap_world[0].numpy()[seen], atol=1e-5)
    assert np.abs(prediction.pointmap[seen] - raw.pointmap[0].numpy()[seen]).max() > 1e-3


def test_weights_of_other_sizes_or_models_are_refused(tiny: Path, tmp_path: Path) -> None:
    stored = torch.load(tiny, weights_only=False)
    other = tmp_path / "other.pth"
    torch.save({**stored, "model": {"aggregator.camera_token": torch.zeros(1)}}, other)
    with pytest.raises(InputError, match=str(other)):
        Cut3rFrontend("cut3r", OPTIONS, str(other))
    changed = dict(stored["model"])
    changed["pose_token"] = torch.zeros(1, 1, 7)
    torch.save({**stored, "model": changed}, other)
    with pytest.raises(InputError, match="do not fit"):
        Cut3rFrontend("cut3r", OPTIONS, str(other))


def test_an_unknown_variant_is_refused(tiny: Path) -> None:
    with pytest.raises(ConfigError):
        Cut3rFrontend("cut3r-xyz", OPTIONS, str(tiny))


def test_the_whole_mapper_runs_on_it(tiny: Path) -> None:
    frontend = Cut3rFrontend("cut3r-ttsa", OPTIONS, str(tiny))
    mapper = Mapper(frontend=frontend)
    for frame in frames(5):
        mapper.step(frame)
    result = mapper.finish()
    assert result.frame_indices.tolist() == list(range(5))
    T = inverse(result.trajectory.T_world_camera[0])
    assert np.isfinite(T).all() and rotation_angle(T[:3, :3]) < 1e-6


@pytest.mark.parametrize("name", ["cut3r-filt", "cut3r-ttsa"])
def test_a_resumed_run_goes_on_digit_by_digit(tiny: Path, name: str) -> None:
    options = Cut3rOptions(
        image_size=64, min_confidence=0.0, **EXACT, resume_state=True, frame_gate=0.5, chunks=4
    )
    whole, killed, resumed = (Cut3rFrontend(name, options, str(tiny)) for _ in range(3))
    first, second, *later = frames(5)
    for frame in (first, second):
        whole.step(frame), killed.step(frame)
    memory = killed.snapshot()
    assert memory is not None
    written = json.loads(json.dumps(memory.note()))
    killed.step(later[0])  # what happens later does not reach what was remembered
    assert json.loads(json.dumps(memory.note())) == written
    resumed.restore(written, frames(5).__getitem__)
    for frame in later:
        (expected,), (found,) = whole.step(frame), resumed.step(frame)
        assert found.segment == expected.segment
        np.testing.assert_array_equal(found.pointmap, expected.pointmap)
        np.testing.assert_array_equal(found.T_world_camera, expected.T_world_camera)


def test_a_checkpoint_without_a_readable_state_is_one_line(tiny: Path) -> None:
    frontend = Cut3rFrontend("cut3r", Cut3rOptions(**EXACT, resume_state=True), str(tiny))
    note: dict[str, object] = {"rule": "ReplaceRule()", "segment": 0, "frames_in_segment": 1}
    note["T_world_segment"] = np.eye(4).tolist()
    with pytest.raises(InputError, match="cannot be read"):
        frontend.restore({**note, "state": "bm8gc3RhdGU="}, frames(1).__getitem__)
    with pytest.raises(InputError, match=r"written by DampedRule.*not by ReplaceRule"):
        frontend.restore({**note, "rule": "DampedRule()", "state": None}, frames(1).__getitem__)
    assert Cut3rFrontend("cut3r", OPTIONS, str(tiny)).snapshot() is None


def test_more_chunks_written_than_there_are_is_refused(tiny: Path) -> None:
    with pytest.raises(ConfigError, match="at most 3 are written"):
        Cut3rFrontend("cut3r", Cut3rOptions(**EXACT, chunks=4, chunks_written=5), str(tiny))
