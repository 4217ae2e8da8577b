"""The start: the one motion that explains what is followed, or why there is none."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.frontends.mono.geometry.bundle import FocalPrior
from mapper.frontends.mono.geometry.initialisation import NoStart, Start, find_start, parallax
from mapper.frontends.mono.geometry.lens import Lens
from mapper.frontends.mono.geometry.motion import moved_pose
from tests.support.sparse_scene import LENS, pixels_of, sparse_scene


def tracks_of(poses: np.ndarray, points: np.ndarray, noise: float = 0.3) -> np.ndarray:
    rng = np.random.default_rng(3)
    tracks = np.stack([pixels_of(LENS, T, points) for T in poses])
    return tracks + noise * rng.standard_normal(tracks.shape)


def degrees_off(start: Start, true: np.ndarray) -> float:
    """Between the directions from the first view to the last."""
    mine, centre = (-T[:, :3].T @ T[:, 3] for T in (start.poses[-1], true))
    cosine = mine @ centre / np.linalg.norm(mine) / np.linalg.norm(centre)
    return float(np.degrees(np.arccos(min(cosine, 1.0))))


def check_start(poses: np.ndarray, points: np.ndarray) -> None:
    start = find_start(LENS, tracks_of(poses, points))
    assert isinstance(start, Start) and len(start.tracks) > 0.8 * len(points)
    assert np.median(start.points[:, 2]) == pytest.approx(1)
    for mine, true in zip(start.poses[1:], poses[1:], strict=True):
        turn = mine[:, :3] @ true[:, :3].T
        assert np.arccos((np.trace(turn) - 1) / 2) < 0.02
        along = mine[:, 3] @ true[:, 3] / np.linalg.norm(mine[:, 3]) / np.linalg.norm(true[:, 3])
        assert along > 0.98


def test_a_room_starts() -> None:
    made = sparse_scene(count=200)
    check_start(made.poses, made.points)


def test_a_plane_starts_with_the_right_motion() -> None:
    made = sparse_scene(count=300)
    points = made.points.copy()
    points[:, 2] = 2.0 + 0.4 * points[:, 0]
    check_start(made.poses, points)


@pytest.mark.parametrize("slope", [-0.4, 0.0, 1.0])
@pytest.mark.parametrize(
    "step", [[0.01, -0.02, 0.01, -0.1, 0.02, 0.2], [0.0, 0.03, 0.0, -0.1, 0.0, -0.1]]
)
def test_a_plane_in_two_places_has_two_motions_and_is_no_start(
    step: list[float], slope: float
) -> None:
    """The views between tell nothing that the outer ones do not; points beside the plane do."""
    made = sparse_scene(count=200)
    poses = np.stack([moved_pose(np.array(step) * k, np.eye(3, 4)) for k in (0, 0, 3, 3)])
    flat = made.points.copy()
    flat[:, 2] = 2.5 + slope * flat[:, 0]
    found = find_start(LENS, tracks_of(poses, flat, noise=0.1))
    assert isinstance(found, NoStart) and "two motions" in found.reason
    start = find_start(LENS, tracks_of(poses, np.vstack([flat[:100], made.points[100:]])))
    assert isinstance(start, Start) and degrees_off(start, poses[-1]) < 3


def test_a_motion_is_found_among_tracks_that_go_elsewhere() -> None:
    made = sparse_scene(count=200)
    tracks = tracks_of(made.poses, made.points)
    astray = np.random.default_rng(5).uniform(-20, 20, (60, 2))
    tracks[:, :60] += np.linspace(0, 1, 4)[:, None, None] * astray
    start = find_start(LENS, tracks)
    assert isinstance(start, Start) and degrees_off(start, made.poses[-1]) < 3
    assert (start.tracks >= 60).mean() > 0.9


def test_where_most_goes_elsewhere_nothing_starts() -> None:
    made = sparse_scene(count=200)
    tracks = tracks_of(made.poses, made.points)
    astray = np.random.default_rng(5).uniform(-20, 20, (120, 2))
    tracks[:, :120] += np.linspace(0, 1, 4)[:, None, None] * astray
    found = find_start(LENS, tracks)
    assert isinstance(found, NoStart) and "of the points" in found.reason


@pytest.mark.parametrize("factor", [0.75, 1.3])
def test_an_unknown_focal_length_is_found_with_the_motion(factor: float) -> None:
    made = sparse_scene(count=200)
    twists = np.array([[0.02, -0.06, 0.02, -0.2, 0.05, 0.1]]) * np.arange(4)[:, None]
    poses = np.stack([moved_pose(twist, np.eye(3, 4)) for twist in twists])
    guessed = Lens.guessed(factor * LENS.fx, LENS.width, LENS.height)
    start = find_start(guessed, tracks_of(poses, made.points), FocalPrior(guessed.fx, 0.3))
    assert isinstance(start, Start)
    assert start.lens.fx == pytest.approx(LENS.fx, rel=0.05)
    assert degrees_off(start, poses[-1]) < 3


def test_a_rotation_never_starts() -> None:
    made = sparse_scene(count=200)
    turns = np.array([[0.02, -0.05, 0.01, 0, 0, 0]]) * np.arange(4)[:, None]
    poses = np.stack([moved_pose(twist, np.eye(3, 4)) for twist in turns])
    tracks = tracks_of(poses, made.points)
    assert parallax(LENS, tracks[0], tracks[-1]) < 1.0
    assert isinstance(find_start(LENS, tracks), NoStart)


def test_parallax_is_what_turning_does_not_explain() -> None:
    made = sparse_scene(count=200)
    tracks = tracks_of(made.poses, made.points)
    apart = np.median(np.linalg.norm(tracks[-1] - tracks[0], axis=1))
    assert 5 < parallax(LENS, tracks[0], tracks[-1]) < apart
