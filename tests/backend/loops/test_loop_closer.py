"""Loops are closed where two views show the same surfaces, and nowhere else."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.loops.edge_measurement import EdgeConfig
from mapper.backend.loops.loop_candidates import Candidate, CandidateConfig
from mapper.backend.loops.loop_closer import (
    ADJUSTED_SIGMAS,
    LoopCloser,
    LoopCloserConfig,
    Pair,
)
from mapper.backend.loops.loop_decision import LoopDecision, Refusal
from mapper.backend.loops.odometry_chain import OdometryChain
from mapper.backend.loops.view_consistency import two_way_consistency
from mapper.core.geometry import exp_se3, inverse
from mapper.core.pose_uncertainty import PoseUncertainty
from mapper.core.sim3 import rigid_part, scale_of
from mapper.vision.orb import OrbMatcher
from tests.support.room_views import Room, distance, in_units, keyframe_of

# Three keyframes are enough for a loop.
CONFIG = LoopCloserConfig(CandidateConfig(recent=1))


def closed(
    room: Room, frames: list[int], last_pose: np.ndarray | None = None, blind: bool = False
) -> tuple[list[Edge], list[LoopDecision]]:
    """What is found for the last of `frames`, which the graph believes to be at `last_pose`."""
    closer, maps = LoopCloser(CONFIG, EdgeConfig(), OrbMatcher()), MapCache(None, 10)
    predictions = [room.prediction(index) for index in frames]
    keyframes = [keyframe_of(k, p, blind) for k, p in enumerate(predictions)]
    poses = {k: p.T_world_camera for k, p in enumerate(predictions)}
    if last_pose is not None:
        poses[len(frames) - 1] = last_pose
    for k, prediction in enumerate(predictions):
        maps.put(k, KeyframeMap.of(prediction))
        if k < len(frames) - 1:
            closer.remember(keyframes[k])
    return closer.close(keyframes[-1], keyframes, poses, maps)


@pytest.mark.parametrize("last", [236, 4])
def test_a_true_revisit_is_closed_with_the_true_pose(room: Room, last: int) -> None:
    edges, decisions = closed(room, [0, 120, last])
    assert [(e.i, e.j, e.kind) for e in edges] == [(0, 2, EdgeKind.LOOP)]
    metres, degrees = distance(edges[0].S_i_j, room.relative(0, last))
    # Depth with the sensor's noise, 1 cm at 2.5 m, over thousands of points.
    assert metres < 5e-3 and degrees < 0.2
    decision = next(d for d in decisions if d.accepted)
    assert (decision.i, decision.j, decision.refusal, decision.limit) == (0, 2, None, None)
    measured = decision.measured
    assert measured is not None and measured.overlap > 0.5 and measured.agreement > 0.9
    assert decision.feature_inliers >= 12
    assert measured.rmse is not None and measured.rmse < 0.02


def test_a_revisit_is_closed_wherever_the_graph_has_drifted_to(room: Room) -> None:
    drifted = room.relative(0, 236) @ exp_se3(np.array([0, 0.6, 0, 1.5, 0.2, 1.0]))
    edges, decisions = closed(room, [0, 120, 236], drifted)
    assert [(e.i, e.j) for e in edges] == [(0, 2)]
    metres, degrees = distance(edges[0].S_i_j, room.relative(0, 236))
    assert metres < 5e-3 and degrees < 0.2
    decision = next(d for d in decisions if d.accepted)
    assert decision.found_by == "appearance"
    expected = np.linalg.norm((inverse(drifted) @ room.relative(0, 236))[:3, 3])
    assert decision.measured is not None
    assert decision.measured.correction == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("last", [60, 90])
def test_another_place_is_refused_although_the_graph_believes_it(room: Room, last: int) -> None:
    edges, decisions = closed(room, [0, 120, last], np.eye(4))
    assert edges == []
    refused = [d for d in decisions if (d.i, d.j) == (0, 2)]
    assert refused and not any(d.accepted for d in refused)
    assert all(d.refusal is not None for d in refused)


def test_a_wrong_pose_is_refused_where_no_feature_can_mend_it(room: Room) -> None:
    right = room.relative(0, 236)
    wrong = right @ exp_se3(np.array([0.0, 0.35, 0, 0.5, 0.1, 0.3]))
    assert closed(room, [0, 120, 236], wrong, blind=True)[0] == []
    assert [(e.i, e.j) for e in closed(room, [0, 120, 236], right, blind=True)[0]] == [(0, 2)]


def test_what_was_not_measured_is_not_there(room: Room) -> None:
    """Without features a pair that only looks alike has nowhere to begin."""
    old, new = (keyframe_of(k, room.prediction(i), True) for k, i in enumerate((0, 236)))
    maps = MapCache(None, 10)
    closer = LoopCloser(CONFIG, EdgeConfig(), OrbMatcher())
    pair = Pair(old, new, np.eye(4), Candidate(0, EdgeKind.LOOP, "descriptor"), False)
    for k, i in enumerate((0, 236)):
        maps.put(k, KeyframeMap.of(room.prediction(i)))
    edge, decision = closer.verify(pair, maps)
    assert edge is None and decision.refusal is Refusal.NO_MATCHES and not decision.accepted
    assert decision.measured is None and decision.limit is None


def test_a_neighbour_that_shares_the_view_is_covisible_and_no_loop(room: Room) -> None:
    closer, maps = LoopCloser(LoopCloserConfig(), EdgeConfig(), OrbMatcher()), MapCache(None, 10)
    predictions = [room.prediction(index) for index in (0, 3, 6)]
    keyframes = [keyframe_of(k, p) for k, p in enumerate(predictions)]
    for k, prediction in enumerate(predictions):
        maps.put(k, KeyframeMap.of(prediction))
    poses = {k: p.T_world_camera for k, p in enumerate(predictions)}
    edges, _ = closer.close(keyframes[2], keyframes, poses, maps)
    # The direct predecessor is left to the odometry.
    assert [(e.i, e.j, e.kind) for e in edges] == [(0, 2, EdgeKind.COVISIBILITY)]


@pytest.mark.parametrize(("segment", "is_tied"), [(0, False), (1, True)])
def test_neighbours_that_their_frontend_adjusted_together_are_not_measured_anew(
    room: Room, segment: int, is_tied: bool
) -> None:
    closer, maps = LoopCloser(LoopCloserConfig(), EdgeConfig(), OrbMatcher()), MapCache(None, 10)
    predictions = [in_units(room.prediction(index), 1.0) for index in (0, 3, 6)]
    keyframes = [keyframe_of(k, p) for k, p in enumerate(predictions)]
    keyframes[2].uncertainty = PoseUncertainty(3, 1e-6 * np.eye(6))
    keyframes[2].segment = segment
    for k, prediction in enumerate(predictions):
        maps.put(k, KeyframeMap.of(prediction))
    poses = {k: p.T_world_camera for k, p in enumerate(predictions)}
    edges, _ = closer.close(keyframes[2], keyframes, poses, maps, free_scale=True)
    assert any(e.kind == EdgeKind.COVISIBILITY for e in edges) == is_tied


def judged(
    room: Room,
    chain: OdometryChain | None,
    config: LoopCloserConfig = CONFIG,
    units: float = 1.0,
    adjusted: bool = False,
) -> tuple[list[Edge], list[LoopDecision]]:
    """Frame 236 against frames 0 and 120, in units of its own; the graph has it where it is.

    adjusted: by a frontend that adjusted all three together.
    """
    closer, maps = LoopCloser(config, EdgeConfig(), OrbMatcher(), chain), MapCache(None, 10)
    predictions = [room.prediction(index) for index in (0, 120, 236)]
    if units != 1.0:
        factors = (1.0, 1.0, units)
        predictions = [in_units(p, u) for p, u in zip(predictions, factors, strict=True)]
    keyframes = [keyframe_of(k, p) for k, p in enumerate(predictions)]
    keyframes[2].uncertainty = PoseUncertainty(120, 1e-6 * np.eye(6)) if adjusted else None
    for k, prediction in enumerate(predictions):
        maps.put(k, KeyframeMap.of(prediction))
    for keyframe in keyframes[:2]:
        closer.remember(keyframe)
    poses = {k: room.relative(0, index) for k, index in enumerate((0, 120, 236))}
    return closer.close(keyframes[2], keyframes, poses, maps, units != 1.0)


def chain_that_says(
    room: Room, error: np.ndarray, begins: int = 0, sigma: float = 1e-2
) -> OdometryChain:
    """Two steps of known sigma, the second of which is `error` off."""
    chain = OdometryChain(sigma, sigma, sigma)
    chain.begin(0)
    steps = (room.relative(0, 120), room.relative(120, 236) @ exp_se3(error))
    for k, T in enumerate(steps):
        if begins == k + 1:
            chain.begin(k + 1)
        else:
            chain.extend(k, k + 1, T, None)
    return chain


@pytest.mark.parametrize("units", [0.5, 3.0])
def test_a_revisit_in_other_units_is_closed_with_their_ratio(room: Room, units: float) -> None:
    edges, decisions = judged(room, None, units=units)
    assert [(e.i, e.j) for e in edges] == [(0, 2)]
    S = edges[0].S_i_j
    assert scale_of(S) == pytest.approx(1 / units, rel=5e-3)
    metres, degrees = distance(rigid_part(S), room.relative(0, 236))
    assert metres < 0.01 and degrees < 0.3
    decision = next(d for d in decisions if d.accepted)
    assert decision.measured is not None
    assert decision.measured.scale == pytest.approx(1 / units, rel=5e-3)


def test_a_loop_within_what_the_chain_may_have_drifted_is_closed(room: Room) -> None:
    drift = np.array([0.01, 0, 0, 0, 0.01, 0])
    edges, decisions = judged(room, chain_that_says(room, drift))
    assert [(e.i, e.j) for e in edges] == [(0, 2)]
    measured = next(d.measured for d in decisions if d.accepted)
    assert measured is not None and measured.chain_sigmas is not None
    assert 0 < measured.chain_sigmas < 3


def test_a_loop_that_contradicts_the_chain_is_refused_with_its_number(room: Room) -> None:
    far = np.array([0, 0, 0, 0.6, 0, 0])  # some 40 sigmas of two steps
    edges, decisions = judged(room, chain_that_says(room, far))
    assert edges == []
    refused = next(d for d in decisions if d.i == 0)
    assert (refused.refusal, refused.limit) == (Refusal.CHAIN, CONFIG.max_chain_sigmas)
    assert refused.measured is not None and refused.measured.chain_sigmas is not None
    assert refused.measured.chain_sigmas > CONFIG.max_chain_sigmas


@pytest.mark.parametrize(
    ("error", "adjusted", "limit"),
    [(0.03, False, CONFIG.max_chain_sigmas), (0.03, True, None), (0.6, True, ADJUSTED_SIGMAS)],
)
def test_a_loop_counts_as_what_it_is_worth_against_poses_that_were_adjusted(
    room: Room, error: float, adjusted: bool, limit: float | None
) -> None:
    """The chain is known to a thousandth, better than any loop by depths of a network."""
    chain = chain_that_says(room, np.array([0, 0, 0, error, 0, 0]), sigma=1e-3)
    edges, decisions = judged(room, chain, units=1.01, adjusted=adjusted)
    decision = next(d for d in decisions if d.i == 0)
    assert decision.limit == limit and (limit is None) == decision.accepted
    assert [(e.i, e.j) for e in edges] == ([(0, 2)] if limit is None else [])


def test_a_chain_that_is_cut_in_between_has_nothing_to_say(room: Room) -> None:
    far = np.array([0, 0, 0, 0.6, 0, 0])
    edges, decisions = judged(room, chain_that_says(room, far, begins=1))
    assert [(e.i, e.j) for e in edges] == [(0, 2)]
    measured = next(d.measured for d in decisions if d.accepted)
    assert measured is not None and measured.chain_sigmas is None


def test_cameras_too_far_apart_for_their_depth_are_refused(room: Room) -> None:
    config = LoopCloserConfig(CandidateConfig(recent=1), max_distance_ratio=0.01)
    edges, decisions = judged(room, None, config)
    assert edges == []
    decision = next(d for d in decisions if d.i == 0)
    assert (decision.refusal, decision.limit) == (Refusal.DISTANCE, 0.01)
    assert decision.measured is not None and decision.measured.distance_ratio > 0.01


def test_the_lower_overlap_of_the_two_ways_decides(room: Room) -> None:
    """Half of the new view has no depth: what it sees the old one sees, but not the reverse."""
    old, new = room.prediction(0), room.prediction(236)
    pointmap, confidence = new.pointmap.copy(), new.confidence.copy()
    pointmap[:, 160:], confidence[:, 160:] = 0.0, 0.0
    half = dataclasses.replace(new, pointmap=pointmap, confidence=confidence)
    maps = MapCache(None, 10)
    for k, prediction in enumerate((old, half)):
        maps.put(k, KeyframeMap.of(prediction))
    candidate = Candidate(0, EdgeKind.LOOP, "proximity")
    keyframes = keyframe_of(0, old), keyframe_of(1, half)
    pair = Pair(keyframes[0], keyframes[1], room.relative(0, 236), candidate, False)
    edge, decision = LoopCloser(CONFIG, EdgeConfig(), OrbMatcher()).verify(pair, maps)
    assert edge is not None and decision.measured is not None
    a, b = (maps.pyramid(k).levels[0] for k in range(2))
    old_in_new, new_in_old = two_way_consistency(a, b, edge.S_i_j)
    assert old_in_new.overlap < 0.6 < 0.8 < new_in_old.overlap
    assert decision.measured.overlap == old_in_new.overlap
    between = LoopCloserConfig(min_overlap=0.7)
    edge, decision = LoopCloser(between, EdgeConfig(), OrbMatcher()).verify(pair, maps)
    assert edge is None and (decision.refusal, decision.limit) == (Refusal.OVERLAP, 0.7)


def test_a_pair_that_light_does_not_bear_out_is_closed_by_features_alone(room: Room) -> None:
    """No probability is high enough; blind, the pair starts from the graph's own pose."""
    config = LoopCloserConfig(CandidateConfig(recent=1), min_probability=0.9999)
    edges, decisions = judged(room, None, config)
    assert [(e.i, e.j) for e in edges] == [(0, 2)]
    decision = next(d for d in decisions if d.accepted)
    assert decision.measured is not None and decision.measured.probability is not None
    assert decision.measured.probability < 0.9999
    keyframes = [
        keyframe_of(k, room.prediction(i), blind=True) for k, i in enumerate((0, 120, 236))
    ]
    maps = MapCache(None, 10)
    for k, index in enumerate((0, 120, 236)):
        maps.put(k, KeyframeMap.of(room.prediction(index)))
    closer = LoopCloser(config, EdgeConfig(), OrbMatcher())
    poses = {k: room.relative(0, index) for k, index in enumerate((0, 120, 236))}
    edges, decisions = closer.close(keyframes[2], keyframes, poses, maps)
    assert edges == []
    assert Refusal.UNLIKELY in {d.refusal for d in decisions}
