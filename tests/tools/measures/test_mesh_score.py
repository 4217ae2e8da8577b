"""A mesh's score: 1 for itself, 0 where it is further away than the distance."""

from __future__ import annotations

import numpy as np
import pytest
from measures import mesh_score
from measures.mesh_score import MeshScore, score_mesh

from mapper.core.mesh import Mesh
from mapper.core.sim3 import similarity


@pytest.fixture(autouse=True)
def _fewer_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """20000 of 200000: 2 cm apart on a square metre in place of 6 mm; a tenth of the time."""
    monkeypatch.setattr(mesh_score, "POINTS", 20_000)


def rectangle(width: float, height: float, z: float = 0.0) -> Mesh:
    corners = [(0, 0, z), (width, 0, z), (width, height, z), (0, height, z)]
    vertices = np.array(corners, np.float32)
    faces = np.array([(0, 1, 2), (0, 2, 3)], np.int32)
    normals = np.tile(np.array([0, 0, 1], np.float32), (4, 1))
    return Mesh(vertices, faces, np.zeros((4, 3), np.uint8), normals)


def joined(*meshes: Mesh) -> Mesh:
    faces = [m.faces + 4 * k for k, m in enumerate(meshes)]
    return Mesh(
        np.concatenate([m.vertices for m in meshes]),
        np.concatenate(faces).astype(np.int32),
        np.concatenate([m.colors for m in meshes]),
        np.concatenate([m.normals for m in meshes]),
    )


def corner() -> Mesh:
    """Three walls: nothing slides."""
    floor = rectangle(1.0, 1.0)
    walls = [
        Mesh(np.roll(floor.vertices, k, 1), floor.faces, floor.colors, floor.normals)
        for k in (1, 2)
    ]
    return joined(floor, *walls)


def test_the_same_mesh_scores_one() -> None:
    score = score_mesh(corner(), corner(), np.eye(4))
    assert (score.precision, score.recall, score.f_score) == (1.0, 1.0, 1.0)


def test_ten_centimetres_off_scores_nothing_at_five() -> None:
    """Planes side by side, too far for ICP, which looks 10 cm far, to draw one onto the other."""
    here, there = rectangle(1.0, 1.0), rectangle(1.0, 1.0, 0.101)
    assert score_mesh(here, there, np.eye(4)).f_score == 0.0
    assert score_mesh(here, there, np.eye(4), distance=0.2).f_score == 1.0


def test_a_part_is_precise_and_a_whole_is_complete() -> None:
    """Of two planes a metre apart one is half."""
    both = joined(rectangle(1.0, 1.0), rectangle(1.0, 1.0, 1.0))
    part = score_mesh(rectangle(1.0, 1.0), both, np.eye(4))
    assert part.precision == 1.0 and part.recall == pytest.approx(0.5, abs=0.02)
    assert part.f_score == pytest.approx(2 * 0.5 / 1.5, abs=0.02)
    whole = score_mesh(both, rectangle(1.0, 1.0), np.eye(4))
    assert whole.recall == 1.0 and whole.precision == pytest.approx(0.5, abs=0.02)


def test_a_few_centimetres_are_taken_out() -> None:
    T = np.eye(4)
    T[:3, 3] = 0.03, -0.02, 0.02
    assert score_mesh(corner(), corner(), T, distance=0.03).f_score == pytest.approx(1.0, abs=0.01)


def test_the_scale_that_is_given_stays() -> None:
    """Ours is three times as large; 1.2 times leaves its walls' ends 20 cm out, of a metre."""
    large = corner()
    large = Mesh(large.vertices * np.float32(3.0), large.faces, large.colors, large.normals)
    right = score_mesh(large, corner(), similarity(1 / 3, np.eye(4)))
    wrong = score_mesh(large, corner(), similarity(1.2 / 3, np.eye(4)))
    assert right.f_score == pytest.approx(1.0, abs=0.01)
    assert wrong.precision < 0.85


def test_the_same_points_are_drawn_each_time() -> None:
    T = np.eye(4)
    T[:3, 3] = 0.04
    pair = rectangle(1.0, 1.0), rectangle(1.2, 0.9, 0.01)
    assert score_mesh(*pair, T) == score_mesh(*pair, T)


def test_nothing_right_is_no_division_by_zero() -> None:
    assert MeshScore(0.0, 0.0).f_score == 0.0
    assert MeshScore(0.5, 1.0).f_score == pytest.approx(2 / 3)
