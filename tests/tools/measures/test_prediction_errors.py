"""Errors that are put into predictions are found in them."""

from __future__ import annotations

import numpy as np
import pytest
from measures.mini_clips import Clip
from measures.prediction_errors import fitted, frame_errors, motion_errors, tails_of, walk_errors
from scipy.spatial.transform import Rotation
from simulation.confidence import SimulatedConfidence
from simulation.config import ConfidenceConfig, DepthErrorConfig, SimulationConfig, TailConfig
from simulation.depth_errors import DepthErrors
from simulation.processes import with_tails

from mapper.core.frame import Frame
from mapper.core.geometry import backproject
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction import Prediction
from mapper.core.settings_model import from_mapping
from mapper.core.yaml_text import read_mapping
from tests.support.paths import ROOT

SIZE, FRAMES, UNIT = (42, 56), 60, 0.4
CAMERA = Intrinsics(50, 50, 28, 21, 56, 42)
NOISE, WARP, TURN, STEP, WANDER = 0.05, 0.08, 0.7, 0.02, 0.03


def poses() -> np.ndarray:
    T = np.tile(np.eye(4), (FRAMES, 1, 1))
    T[:, 0, 3] = 0.1 * np.arange(FRAMES)
    return T


def walk(seed: int) -> tuple[Clip, list[Prediction]]:
    """A wall, and what a network says that errs by the amounts above."""
    rng = np.random.default_rng(seed)
    true, depth = poses(), np.full(SIZE, 2.0, np.float32)
    cells = np.kron(WARP * rng.standard_normal((3, 4)), np.ones((14, 14)))
    wander = np.cumsum(WANDER * rng.standard_normal(FRAMES))
    T, said = np.eye(4), []
    for k in range(FRAMES):
        if k:
            motion = np.linalg.inv(true[k - 1]) @ true[k]
            turn = np.radians(TURN) * rng.standard_normal(3)
            motion[:3, :3] = motion[:3, :3] @ Rotation.from_rotvec(turn).as_matrix()
            motion[:3, 3] += STEP * rng.standard_normal(3)
            motion[:3, 3] *= UNIT
            T = T @ motion
        error = cells + wander[k] + NOISE * rng.standard_normal(SIZE)
        points = backproject((UNIT * depth * np.exp(error)).astype(np.float32), CAMERA)
        image = np.zeros((*SIZE, 3), np.uint8)
        confidence = 1 + np.exp(rng.standard_normal(SIZE)).astype(np.float32)
        said.append(Prediction(k, k / 30, points, confidence, T, CAMERA, image, is_metric=False))
    frames = [Frame(k, k / 30, image, None) for k in range(FRAMES)]
    return Clip("wall", frames, [depth] * FRAMES, true), said


def test_the_fit_finds_what_was_put_in() -> None:
    found = fitted([walk_errors(*walk(seed)) for seed in range(6)])
    assert found.depth.noise == pytest.approx(NOISE, rel=0.1)
    assert found.depth.warp == pytest.approx(WARP, rel=0.3)
    assert found.drift.rotation_deg == pytest.approx(TURN, rel=0.1)
    assert found.drift.translation == pytest.approx(STEP, rel=0.2)
    assert found.drift.log_scale == pytest.approx(WANDER, rel=0.4)
    assert found.drift.correlation_frames < 0.6 and found.depth.warp_correlation_frames > 50
    # Nothing that was put in lies far off, or is alike from pixel to pixel.
    assert found.depth.noise_tails.weight < 0.05 and found.depth.noise_extent < 0.02
    assert found.drift.rotation_tails.weight < 0.1 and found.confidence.white > 0.9
    # A confidence that knows nothing of the error, of level 0 and spread 1.
    assert abs(found.confidence.level) < 0.05 and found.confidence.correlation < 0.05
    assert found.confidence.spread == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.8])
def test_tails_that_were_put_in_are_found(weight: float) -> None:
    normal = np.random.default_rng(1).standard_normal(40000)
    found = tails_of(with_tails(normal, TailConfig(weight, 60.0)))
    assert found.weight == pytest.approx(weight, abs=0.04)
    assert found.farthest == pytest.approx(min(60.0, 3.3 * np.exp(weight * 5.2)), rel=0.25)


def test_what_is_simulated_of_a_frame_is_found_in_it() -> None:
    """How far errors are alike, and what confidence knows of them."""
    depth = DepthErrorConfig(bias=0.0, warp=0.0, noise=0.05, noise_extent=0.06)
    errors = DepthErrors(depth, 3, 0, 12)
    knowing = ConfidenceConfig(correlation=0.9, white=0.1, typical_error=0.04)
    confidence = SimulatedConfidence(knowing, 3, 0, 12)
    true, found = np.full((84, 112), 2.0, np.float32), []
    for frame in range(12):
        wrong = errors.log_error(frame, *true.shape)
        sure = confidence.of(frame, wrong, np.zeros(true.shape, bool))
        points = backproject(true * np.exp(wrong), CAMERA.resized(112, 84))
        image = np.zeros((84, 112, 3), np.uint8)
        said = Prediction(
            frame, 0.0, points, sure, np.eye(4), CAMERA.resized(112, 84), image, False
        )
        found.append(frame_errors(said, true))
    assert np.median([one.alike for one in found]) == pytest.approx(0.06, rel=0.25)
    told = [-np.corrcoef(np.log(one.around + 1e-3), one.confidence)[0, 1] for one in found]
    assert np.mean(told) > 0.7
    # A tenth of what it does not know, which is a fifth of all, is each pixel's own.
    assert 0.005 < np.mean([one.white for one in found]) < 0.15


def test_a_perfect_walk_in_another_unit_has_no_error() -> None:
    true = poses()
    scaled = true.copy()
    scaled[:, :3, 3] *= 3
    rotation, translation = motion_errors(scaled, true)
    assert np.abs(rotation).max() < 1e-9 and np.abs(translation).max() < 1e-12


def test_the_measured_errors_of_the_small_network_can_be_simulated() -> None:
    path = ROOT / "tools" / "simulation" / "stream3r_mini.yaml"
    config = from_mapping(SimulationConfig, read_mapping(path))
    assert config.depth.warp > SimulationConfig().depth.warp
