"""Images that were read out row by row while the camera moved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mapper.frontends.mono.geometry.bundle import FocalPrior, Observations, Scene, adjust
from mapper.frontends.mono.geometry.initialisation import Start, find_start
from mapper.frontends.mono.geometry.lens import Lens
from mapper.frontends.mono.geometry.motion import moved_pose
from mapper.frontends.mono.geometry.rolling import LONGEST, drifts, straightened, velocity
from tests.support.sparse_scene import pixels_of

READOUT = 0.025  # seconds
LENS = Lens(300.0, 300.0, 159.5, 119.5, 0.0, 320, 240, READOUT)
COUNT, VIEWS = 150, 6
SECONDS = 0.1  # from view to view


def path(seconds: float) -> np.ndarray:
    """T_camera_world (3, 4) of a hand that moves and turns to and fro."""
    turn = [0.05 * np.sin(9 * seconds), 0.4 * seconds + 0.08 * np.cos(7 * seconds), 0.0]
    return np.asarray(moved_pose(np.array([*turn, -0.8 * seconds, 0.1 * seconds, 0]), np.eye(3, 4)))


def rolled_pixels(points: np.ndarray, seconds: float) -> np.ndarray:
    """Where points (N, 3) are seen, each at the time of its own row."""
    pixels = pixels_of(LENS, path(seconds), points)
    for _ in range(5):
        shares = pixels[:, 1] / (LENS.height - 1) - 0.5
        times = seconds + READOUT * shares
        pixels = np.stack(
            [pixels_of(LENS, path(t), X[None])[0] for t, X in zip(times, points, strict=True)]
        )
    return pixels


def speed(seconds: float) -> np.ndarray:
    return velocity(path(seconds - 1 / 60), path(seconds + 1 / 60), 1 / 30)


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    rng = np.random.default_rng(3)
    sides = [rng.uniform(-1, 1, COUNT), rng.uniform(-0.8, 0.8, COUNT)]
    return np.column_stack([*sides, rng.uniform(1.5, 4, COUNT)])


@pytest.fixture(scope="module")
def views(points: np.ndarray) -> np.ndarray:
    return np.stack([rolled_pixels(points, SECONDS * k) for k in range(VIEWS)])


def test_pixels_are_straightened_by_how_the_camera_moves(points: np.ndarray) -> None:
    T, seen = path(0.3), rolled_pixels(points, 0.3)
    upright = pixels_of(LENS, T, points)
    assert np.abs(seen - upright).max() > 2
    straight = straightened(LENS, T, speed(0.3), points, seen)
    assert np.abs(straight - upright).max() < 0.1
    assert straightened(replace(LENS, readout=0.0), T, speed(0.3), points, seen) is seen


def test_where_a_place_is_not_known_the_turning_is_taken_out(points: np.ndarray) -> None:
    T, far = path(0.3), 100 * points
    seen, upright = rolled_pixels(far, 0.3), pixels_of(LENS, T, far)
    nowhere, view = np.zeros_like(points), np.zeros(COUNT, int)
    found = drifts(LENS, T[None], speed(0.3)[None], view, nowhere, np.zeros(COUNT, bool), seen)
    assert np.abs(seen - READOUT * found - upright).max() < 0.2 < np.abs(seen - upright).max()


def test_frames_too_far_apart_do_not_tell_a_velocity() -> None:
    turn = velocity(path(0.0), path(0.1), 0.1)
    assert velocity(path(0.1), path(0.0), -0.1) == pytest.approx(turn, abs=0.05)
    assert not velocity(path(0.0), path(0.1), LONGEST + 0.01).any()
    assert not velocity(path(0.0), path(0.1), 0.0).any()


def adjusted(points: np.ndarray, views: np.ndarray, moves: bool) -> Scene:
    """The cameras by a lens that is thought to be 4 % longer and to have a global shutter."""
    poses = np.stack([path(SECONDS * k) for k in range(VIEWS)])
    of_view = np.tile(np.arange(VIEWS), COUNT)
    pixels = np.ascontiguousarray(views.transpose(1, 0, 2).reshape(-1, 2))
    velocities = np.stack([speed(SECONDS * k) for k in range(VIEWS)])
    of_point = np.repeat(points, VIEWS, axis=0)
    found = drifts(LENS, poses, velocities, of_view, of_point, np.ones(len(pixels), bool), pixels)
    seen = Observations(
        np.arange(COUNT + 1) * VIEWS, of_view, pixels, np.ones(len(pixels)),
        found if moves else None,
    )  # fmt: skip
    start = replace(LENS, readout=0.0).changed(0.04, 0.0, 0.0)
    scene = Scene(start, poses, points.copy(), np.arange(VIEWS) > 0)
    return adjust(scene, seen, 50, FocalPrior(start.fx, 0.3))


def test_the_readout_is_found_with_the_lens(points: np.ndarray, views: np.ndarray) -> None:
    found = adjusted(points, views, moves=True)
    assert found.lens.readout == pytest.approx(READOUT, rel=0.03)
    assert found.lens.fx == pytest.approx(300, rel=0.01)
    blind = adjusted(points, views, moves=False)
    assert blind.lens.readout == 0 and blind.cost > 10 * found.cost


def test_a_start_knows_of_the_rows_by_how_the_camera_turns(
    points: np.ndarray, views: np.ndarray
) -> None:
    spins = np.stack([speed(SECONDS * k)[:3] for k in range(VIEWS)])
    guess = Lens.guessed(300.0, 320, 240)
    found = find_start(guess, views, FocalPrior(300.0, 0.3), spins)
    assert isinstance(found, Start)
    assert found.lens.readout == pytest.approx(READOUT, rel=0.3)
    blind = find_start(guess, views, FocalPrior(300.0, 0.3))
    assert not isinstance(blind, Start) or blind.rms > 2 * found.rms
