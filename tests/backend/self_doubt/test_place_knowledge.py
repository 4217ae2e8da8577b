"""How well a map's places are known follows from its edges: long chains badly, loops better."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.backend.global_map import GlobalMap
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.keyframes.keyframe import Keyframe, TrackedFrame
from mapper.backend.self_doubt.place_knowledge import (
    MOST_KEYFRAMES,
    PlaceKnowledge,
    place_knowledge,
)
from mapper.core.geometry import pose, transform, umeyama
from mapper.core.intrinsics import Intrinsics
from mapper.core.sim3 import exp_sim3, inverse_similarity
from mapper.vision.local_features import LocalFeatures

SIGMAS = np.array([0.01] * 3 + [0.02] * 3 + [0.01])


def make_keyframe(number: int) -> Keyframe:
    """Sees things 2 units away."""
    nothing = LocalFeatures(
        np.zeros((0, 2), np.float32), np.zeros((0, 32), np.uint8), np.zeros((0, 3), np.float32)
    )
    camera = Intrinsics(10.0, 10.0, 5.0, 5.0, 11, 11)
    frame = TrackedFrame(number, 0.1 * number, np.eye(4))
    return Keyframe(number, 0, np.eye(4), nothing, camera, [frame], 2.0)


def on_a_circle(count: int) -> dict[int, np.ndarray]:
    """Keyframes that look outward, a metre from the middle."""
    poses = {}
    for number in range(count):
        angle = 2 * np.pi * number / count
        turn = np.array(
            [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
        )
        poses[number] = pose(turn, turn @ [0.0, 0.0, 1.0])
    return poses


def edge(poses: dict[int, np.ndarray], i: int, j: int, factor: float = 1.0) -> Edge:
    information = np.diag(1 / (factor * SIGMAS) ** 2)
    return Edge(i, j, inverse_similarity(poses[i]) @ poses[j], information, EdgeKind.ODOMETRY)


def known(poses: dict[int, np.ndarray], edges: list[Edge]) -> PlaceKnowledge:
    keyframes = [make_keyframe(k) for k in poses]
    found = place_knowledge(GlobalMap(keyframes, poses), edges)
    assert found is not None
    return found


def chain(poses: dict[int, np.ndarray], factor: float = 1.0) -> list[Edge]:
    return [edge(poses, k, k + 1, factor) for k in range(len(poses) - 1)]


def test_it_is_what_drawn_chains_are_off_by() -> None:
    poses = on_a_circle(12)
    rng = np.random.default_rng(3)
    squared = []
    for _ in range(400):
        drawn = [poses[0]]
        for k in range(11):
            step = inverse_similarity(poses[k]) @ poses[k + 1]
            drawn.append(drawn[-1] @ step @ exp_sim3(SIGMAS * rng.normal(size=7)))
        squared.append(fitted_error(np.array(drawn), np.array(list(poses.values()))) ** 2)
    assert known(poses, chain(poses)).rms == pytest.approx(np.sqrt(np.mean(squared)), rel=0.1)


def fitted_error(found: np.ndarray, true: np.ndarray) -> float:
    scale, T = umeyama(found[:, :3, 3], true[:, :3, 3], True)
    off = transform(T, scale * found[:, :3, 3]) - true[:, :3, 3]
    return float(np.sqrt((off**2).sum(1).mean()))


def test_a_loop_helps_and_worse_edges_do_not() -> None:
    poses = on_a_circle(12)
    alone = known(poses, chain(poses))
    closed = known(poses, [*chain(poses), edge(poses, 0, 11)])
    worse = known(poses, chain(poses, 3.0))
    assert closed.rms < 0.7 * alone.rms
    assert worse.rms == pytest.approx(3 * alone.rms, rel=1e-3)
    assert not alone.is_bad and worse.is_bad  # 2 and 6 % of the 2 units that they see


def test_too_few_keyframes_and_too_many_are_not_asked() -> None:
    for count in (2, MOST_KEYFRAMES + 1):
        poses = on_a_circle(count)
        assert place_knowledge(GlobalMap([make_keyframe(k) for k in poses], poses), []) is None
