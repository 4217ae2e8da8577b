"""Keyframes and edges come back from the journal bit for bit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.keyframes.keyframe import HungFrame, Keyframe, Visit
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.geometry import exp_se3
from mapper.core.sim3 import exp_sim3
from mapper.run.keyframe_files import KeyframeFiles
from mapper.run.records import (
    edge_from_record,
    edge_record,
    keyframe_from_record,
    keyframe_record,
)
from mapper.runtime.stopwatch import Stopwatch
from mapper.vision.local_features import FeatureExtractor
from tests.support.room_views import Room


@pytest.mark.parametrize("kind", list(EdgeKind))
def test_an_edge_survives_json(kind: EdgeKind) -> None:
    S = exp_sim3(np.arange(7) / 7)
    edge = Edge(3, 9, S, np.arange(49.0).reshape(7, 7) / 3, kind)
    again = edge_from_record(json.loads(json.dumps(edge_record(edge))))
    assert (again.i, again.j, again.kind) == (3, 9, kind)
    np.testing.assert_array_equal(again.S_i_j, edge.S_i_j)
    np.testing.assert_array_equal(again.information, edge.information)


def test_the_frames_of_a_visit_are_those_of_its_keyframe() -> None:
    frames = [HungFrame(2**40 + k, 1e9 + 0.1 * k, exp_se3(np.arange(6) * k / 9)) for k in range(3)]
    visit = Visit.of(7, np.eye(4), None, frames)
    assert (visit.frame_count, visit.timestamp) == (3, 1e9)
    for packed, frame in zip(visit.frames, frames, strict=True):
        assert (packed.frame_index, packed.timestamp) == (frame.frame_index, frame.timestamp)
        difference = packed.T_keyframe_camera - frame.T_keyframe_camera
        assert np.abs(difference).max() < 1e-6


def test_a_keyframe_survives_json_and_its_file(room: Room, tmp_path: Path) -> None:
    prediction, files = room.prediction(0), KeyframeFiles(tmp_path)
    frames = [HungFrame(k, 0.1 * k, exp_se3(np.arange(6) * k / 9)) for k in range(3)]
    keyframe = Keyframe(
        5,
        2,
        exp_se3(np.arange(6) / 3),
        FeatureExtractor()(prediction.image, prediction.pointmap),
        prediction.intrinsics,
        frames,
        1.7,
        np.arange(5, dtype=np.float32) / 3,
        False,
        0.37,
        exp_se3(np.arange(6) / 8),
        exp_se3(np.arange(6) / 5),
    )
    files.save(keyframe, KeyframeMap.of(prediction))
    again = keyframe_from_record(json.loads(json.dumps(keyframe_record(keyframe))), files)
    assert (again.id, again.segment, again.frame_index, again.timestamp) == (5, 2, 0, 0.0)
    assert (again.median_depth, again.is_metric, again.units) == (1.7, False, 0.37)
    assert again.descriptor is not None and again.T_previous_keyframe is not None
    assert again.T_odometry_last is not None
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
