"""Keyframes and edges come back from the journal bit for bit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.keyframes.keyframe import Keyframe, TrackedFrame, Visit
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.loops.loop_decision import LoopDecision, Refusal
from mapper.core.geometry import exp_se3
from mapper.core.sim3 import exp_sim3
from mapper.run.keyframe_files import KeyframeFiles
from mapper.run.records import (
    decision_from_record,
    decision_record,
    edge_from_record,
    edge_record,
    keyframe_from_record,
    keyframe_record,
)
from mapper.runtime.stopwatch import Stopwatch
from mapper.vision.orb import OrbMatcher
from tests.support.made_up_records import MEASURED, loop
from tests.support.room_views import Room


@pytest.mark.parametrize("kind", list(EdgeKind))
def test_an_edge_survives_json(kind: EdgeKind) -> None:
    S = exp_sim3(np.arange(7) / 7)
    edge = Edge(3, 9, S, np.arange(49.0).reshape(7, 7) / 3, kind)
    again = edge_from_record(json.loads(json.dumps(edge_record(edge))))
    assert (again.i, again.j, again.kind) == (3, 9, kind)
    np.testing.assert_array_equal(again.S_i_j, edge.S_i_j)
    np.testing.assert_array_equal(again.information, edge.information)
    assert again.is_confirmed
    doubted = Edge(3, 9, S, np.eye(7), kind).doubted(np.eye(7))
    again = edge_from_record(json.loads(json.dumps(edge_record(doubted))))
    assert not again.is_confirmed
    np.testing.assert_array_equal(again.confirmed().information, np.eye(7))


def test_the_frames_of_a_visit_are_those_of_its_keyframe() -> None:
    frames = [
        TrackedFrame(2**40 + k, 1e9 + 0.1 * k, exp_se3(np.arange(6) * k / 9)) for k in range(3)
    ]
    visit = Visit.of(7, np.eye(4), None, frames)
    assert (visit.frame_count, visit.timestamp) == (3, 1e9)
    for packed, frame in zip(visit.frames, frames, strict=True):
        assert (packed.frame_index, packed.timestamp) == (frame.frame_index, frame.timestamp)
        difference = packed.T_keyframe_camera - frame.T_keyframe_camera
        assert np.abs(difference).max() < 1e-6


def test_a_keyframe_survives_json_and_its_file(room: Room, tmp_path: Path) -> None:
    prediction, files = room.prediction(0), KeyframeFiles(tmp_path)
    frames = [TrackedFrame(k, 0.1 * k, exp_se3(np.arange(6) * k / 9)) for k in range(3)]
    keyframe = Keyframe(
        5,
        2,
        exp_se3(np.arange(6) / 3),
        OrbMatcher().extract(prediction.image, prediction.pointmap),
        prediction.intrinsics,
        frames,
        1.7,
        np.arange(5, dtype=np.float32) / 3,
        False,
        0.37,
        exp_se3(np.arange(6) / 8),
        exp_se3(np.arange(6) / 5),
        turning=1.3,
    )
    files.save(keyframe, KeyframeMap.of(prediction))
    again = keyframe_from_record(json.loads(json.dumps(keyframe_record(keyframe))), files)
    assert (again.id, again.segment, again.frame_index, again.timestamp) == (5, 2, 0, 0.0)
    assert (again.median_depth, again.is_metric, again.units) == (1.7, False, 0.37)
    assert again.descriptor is not None and again.T_previous_keyframe is not None
    assert again.T_odometry_last is not None and again.turning == 1.3
    np.testing.assert_array_equal(again.T_odometry_last, exp_se3(np.arange(6) / 5))
    np.testing.assert_array_equal(again.T_previous_keyframe, exp_se3(np.arange(6) / 8))
    np.testing.assert_array_equal(again.descriptor, np.arange(5, dtype=np.float32) / 3)
    np.testing.assert_array_equal(again.T_odometry_keyframe, keyframe.T_odometry_keyframe)
    np.testing.assert_array_equal(again.features.descriptors, keyframe.features.descriptors)
    assert [f.frame_index for f in again.frames] == [0, 1, 2]
    assert [f.timestamp for f in again.frames] == [0.0, 0.1, 0.2]
    for one, other in zip(again.frames, frames, strict=True):
        np.testing.assert_array_equal(one.T_keyframe_camera, other.T_keyframe_camera)


def test_the_stopwatch_sums_up_each_stage() -> None:
    stopwatch = Stopwatch()
    stopwatch.durations["track"].extend([0.010, 0.020, 0.060])
    with pytest.raises(ValueError, match="inside"), stopwatch.measure("faulty"):
        raise ValueError("inside")
    summary = stopwatch.summary()
    assert summary["track"]["count"] == 3
    assert summary["track"]["total_s"] == pytest.approx(0.09)
    assert summary["track"]["mean"] == pytest.approx(30.0)
    assert summary["track"]["median"] == pytest.approx(20.0)
    assert summary["faulty"]["count"] == 1  # a fault is timed too


@pytest.mark.parametrize(
    "decision",
    [
        loop(0, 9, None, MEASURED),
        loop(0, 9, Refusal.NO_MATCHES),
        loop(0, 9, Refusal.CHAIN, replace(MEASURED, rmse=None, chain_sigmas=None), 12.0),
    ],
)
def test_a_decision_survives_json(decision: LoopDecision) -> None:
    written = json.dumps({"event": "decision", **decision_record(decision)}, allow_nan=False)
    assert decision_from_record(json.loads(written)) == decision


# Of journals before decisions had types: prose, and zeros for what was not measured.
OLD: dict[str, Any] = {"event": "decision", "i": 0, "j": 9, "kind": "loop"}
OLD |= {"found_by": "proximity", "accepted": False, "feature_inliers": 0}
NO_NUMBERS = {"overlap": 0.0, "agreement": 0.0, "rmse": 0.0, "correction": 0.0, "scale": 1.0}
NO_NUMBERS |= {"distance_ratio": 0.0, "chain_sigmas": 0.0}
NUMBERS = {"overlap": 0.14, "agreement": 0.71, "rmse": 0.0134, "correction": 0.123, "scale": 1.04}
NUMBERS |= {"distance_ratio": 0.95, "chain_sigmas": 41.3}


@pytest.mark.parametrize(
    ("reason", "refusal", "limit"),
    [
        ("alignment did not converge", Refusal.NOT_CONVERGED, None),
        ("overlap 0.14 below 0.2", Refusal.OVERLAP, 0.2),
        ("two-way agreement 0.71 below 0.8", Refusal.AGREEMENT, 0.8),
        ("residual 13.4 mm above 10.0 mm", Refusal.RESIDUAL, 0.01),
        ("residual 0.0134 units above 0.0100 units", Refusal.RESIDUAL, 0.01),
        ("cameras 0.95 median depths apart, above 0.9", Refusal.DISTANCE, 0.9),
        ("41 sigmas off the odometry chain, above 12", Refusal.CHAIN, 12.0),
    ],
)
def test_a_refusal_in_prose_is_still_read(reason: str, refusal: Refusal, limit: float) -> None:
    found = decision_from_record({**OLD, **NUMBERS, "reason": reason})
    assert found == loop(0, 9, refusal, MEASURED, limit)


def test_zeros_and_minus_ones_of_old_journals_are_read_as_not_measured() -> None:
    never = {**OLD, **NO_NUMBERS, "reason": "no consistent feature matches"}
    assert decision_from_record(never) == loop(0, 9, Refusal.NO_MATCHES)
    no_fit = {**OLD, **NUMBERS, "rmse": -1.0, "reason": "alignment did not converge"}
    no_fit["chain_sigmas"] = 0.0
    numbers = replace(MEASURED, rmse=None, chain_sigmas=None)
    assert decision_from_record(no_fit) == loop(0, 9, Refusal.NOT_CONVERGED, numbers)
    closed = {**OLD, **NUMBERS, "accepted": True, "reason": "verified"}
    assert decision_from_record(closed) == loop(0, 9, None, MEASURED)
