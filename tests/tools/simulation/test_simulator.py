"""Simulated predictions of the sample room, from its exact mesh and from a fused one."""

from __future__ import annotations

import runpy
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from simulation.config import SimulationConfig
from simulation.simulator import PredictionSimulator
from simulation.truth import DepthRenderer, fuse_truth, true_poses

from mapper.backend.fusion.tsdf import TsdfConfig
from mapper.core.geometry import backproject, inverse
from mapper.core.prediction import Prediction
from mapper.errors import InputError
from mapper.frontends.replay import ReplayConfig, ReplayFrontend
from mapper.io.sequences.open_sequence import open_sequence
from mapper.rooms.sample.sequence import room_mesh
from tests.support.paths import TOOLS
from tests.support.room_views import Room

TOOL = TOOLS / "simulate_predictions.py"
FRAMES = 7
SMALL = SimulationConfig(width=80)


@pytest.fixture(scope="module")
def renderer() -> DepthRenderer:
    return DepthRenderer(room_mesh())


def simulated(sample: Path, renderer: DepthRenderer, config: SimulationConfig) -> list[Prediction]:
    sequence = open_sequence(sample, stride=3, max_frames=FRAMES)
    return list(PredictionSimulator(sequence, renderer, true_poses(sequence), config))


def test_rendered_depth_is_that_of_the_exact_room(room: Room, renderer: DepthRenderer) -> None:
    depth = renderer.depth(room.intrinsics, room.poses[20])
    exact = room.at(room.poses[20]).depth
    assert exact is not None
    both = (depth > 0) & (exact > 0)
    assert both.mean() > 0.99
    difference = np.abs(depth - exact)[both]
    assert np.median(difference) < 1e-3
    assert (difference > 0.01).mean() < 0.02  # pixels on an edge


def test_exact_predictions_are_the_truth(sample: Path, renderer: DepthRenderer) -> None:
    sequence = open_sequence(sample, stride=3, max_frames=FRAMES)
    poses = true_poses(sequence)
    predictions = simulated(sample, renderer, SMALL.without_errors())
    assert [p.frame_index for p in predictions] == list(range(FRAMES))
    for p, T in zip(predictions, poses, strict=True):
        np.testing.assert_allclose(p.T_world_camera, inverse(poses[0]) @ T, atol=1e-9)
        depth = renderer.depth(p.intrinsics, T)
        np.testing.assert_allclose(p.pointmap, backproject(depth, p.intrinsics), atol=1e-5)
        assert p.timestamp == sequence.timestamps[p.frame_index]
        assert p.image.shape == (60, 80, 3) and p.intrinsics.width == 80
        assert len(np.unique(p.confidence[depth > 0])) == 1


def test_default_errors_are_those_of_a_network(sample: Path, renderer: DepthRenderer) -> None:
    exact = simulated(sample, renderer, SMALL.without_errors())
    for p, true in zip(simulated(sample, renderer, SMALL), exact, strict=True):
        seen = true.depth > 0
        assert ((p.depth > 0) == seen).all() and ((p.confidence >= 1) == seen).all()
        error = np.abs(np.log(p.depth[seen] / true.depth[seen]))
        assert 0.003 < np.median(error) < 0.06


def test_scale_of_a_segment_holds_for_depth_and_poses(
    sample: Path, renderer: DepthRenderer
) -> None:
    config = replace(SMALL.without_errors(), reset_every=4, reset_scale=(2.0, 2.0))
    predictions = simulated(sample, renderer, config)
    assert [(p.frame_index, p.segment) for p in predictions] == [
        *((0, 0), (1, 0), (2, 0), (3, 0), (3, 1), (4, 1), (5, 1), (6, 1), (6, 2))
    ]
    old, new, after = predictions[3], predictions[4], predictions[5]
    np.testing.assert_allclose(new.T_world_camera, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(new.depth, 2 * old.depth, rtol=1e-6)
    poses = true_poses(open_sequence(sample, stride=3, max_frames=FRAMES))
    motion = (inverse(poses[3]) @ poses[4])[:3, 3]
    np.testing.assert_allclose(after.T_world_camera[:3, 3], 2 * motion, atol=1e-9)


def test_the_shared_frame_is_predicted_anew(sample: Path, renderer: DepthRenderer) -> None:
    config = replace(SMALL, reset_every=4, metric=True)
    old, new = (p for p in simulated(sample, renderer, config) if p.frame_index == 3)
    seen = old.depth > 0
    assert old.is_metric and new.is_metric
    assert np.abs(np.log(new.depth[seen] / old.depth[seen])).max() > 0.01


def test_the_given_focal_length_is_off_and_the_points_are_not(
    sample: Path, renderer: DepthRenderer
) -> None:
    config = replace(SMALL.without_errors(), focal_error=0.1, lost=((1, FRAMES),))
    (p,) = simulated(sample, renderer, config)
    (true,) = simulated(sample, renderer, replace(config, focal_error=0.0))
    assert p.intrinsics.fx == pytest.approx(1.1 * true.intrinsics.fx)
    np.testing.assert_array_equal(p.pointmap, true.pointmap)


def test_a_fused_truth_is_close_to_the_room(sample: Path, renderer: DepthRenderer) -> None:
    sequence = open_sequence(sample, stride=3, max_frames=FRAMES)
    poses = true_poses(sequence)
    fused = DepthRenderer(fuse_truth(sequence, poses, range(FRAMES), TsdfConfig(0.04)))
    assert sequence.intrinsics is not None
    camera = sequence.intrinsics.resized(80, 60)
    depth, exact = (r.depth(camera, poses[3]) for r in (fused, renderer))
    both = (depth > 0) & (exact > 0)
    assert both.mean() > 0.6
    assert np.median(np.abs(depth - exact)[both]) < 0.02


def test_a_sequence_without_ground_truth_is_refused(tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "0.png"), np.zeros((30, 40, 3), np.uint8))
    with pytest.raises(InputError, match="ground-truth"):
        true_poses(open_sequence(tmp_path))


def run_tool(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["simulate_predictions.py", *map(str, arguments)])
    return runpy.run_path(str(TOOL))["main"]()


def test_the_tool_writes_what_replay_plays(
    sample: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    frames = ("--stride", "20", "--max-frames", str(FRAMES), "--width", "80")
    small = (*frames, "--voxel-size", "0.04", "--fuse-every", "3")
    assert run_tool(monkeypatch, sample, "--out", first, "--reset-every", "4", *small) == 0
    reuse = ("--truth", first, "--exact", "--lost", "2:1", "--images", "real")
    assert run_tool(monkeypatch, sample, "--out", second, *reuse, *frames) == 0
    frontend = ReplayFrontend(ReplayConfig(str(first)))
    sequence = open_sequence(sample, stride=20, max_frames=FRAMES)
    assert [len(frontend.step(frame)) for frame in sequence] == [1, 1, 1, 2, 1, 1, 2]
    lost = ReplayFrontend(ReplayConfig(str(second)))
    assert [len(lost.step(frame)) for frame in sequence] == [1, 1, 0, 1, 1, 1, 1]
    written = yaml.safe_load((second / "simulation.yaml").read_text())
    assert written["raw_ate_sim3"] < 1e-9 and written["options"]["width"] == 80
    assert len((first / "groundtruth.txt").read_text().splitlines()) >= FRAMES
    rendered = yaml.safe_load((first / "simulation.yaml").read_text())["options"]["images"]
    assert rendered["source"] == "rendered"
    assert written["options"]["images"]["source"] == "real"
    assert run_tool(monkeypatch, sample, "--out", second, *frames) == 1
    assert "--overwrite" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [("--lost", "5"), ("--truth", "nowhere")])
def test_the_tool_names_wrong_options(
    sample: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    wrong: tuple[str, str],
) -> None:
    assert run_tool(monkeypatch, sample, "--out", tmp_path / "out", *wrong) == 1
    assert wrong[1] in capsys.readouterr().err
