"""Errors that are put into predictions are found in them."""

from __future__ import annotations

import numpy as np
import pytest
from measures.mini_clips import Clip
from measures.prediction_errors import fitted, motion_errors, walk_errors
from scipy.spatial.transform import Rotation
from simulation.config import SimulationConfig

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
    # A confidence that knows nothing of the error, of level 0 and spread 1.
    assert abs(found.confidence.level) < 0.05 and found.confidence.correlation < 0.05
    assert found.confidence.spread == pytest.approx(1, rel=0.05)


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
