"""The simulated network of many views, and what streams make of it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from measures.joint_loops import (
    Errors,
    Found,
    SimulatedNetwork,
    Truth,
    error,
    mapped,
    prediction,
    read,
    rendered,
    streamed,
)

from mapper.core.geometry import pose
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction_files import save_prediction
from mapper.frontends.da3.chunks.stream import ChunkStream
from mapper.frontends.keyframe_loop.config import LoopRules
from mapper.frontends.keyframe_loop.stream import KeyframeStream, Limits
from mapper.io.sequences.open_sequence import open_sequence
from mapper.rooms.sample.sequence import make_sample

NONE = Errors(turn=0, move=0, depth=0, smooth=0, pixel=0)
CAMERA = Intrinsics(20.0, 20.0, 11.5, 7.5, 24, 16)


@pytest.fixture
def truth() -> Truth:
    """Along a wall with a swell."""
    x = 0.1 * np.arange(40)
    poses = np.stack([pose(np.eye(3), np.array([each, 0.2 * np.sin(each), 0])) for each in x])
    columns = (np.arange(24) - 11.5) / 20 * 3
    depths = 3 + 0.3 * np.sin(2 * (x[:, None, None] + columns) + np.zeros((16, 1)))
    images = np.random.default_rng(0).integers(0, 256, (40, 16, 24, 3), np.uint8)
    return Truth(poses, depths.astype(np.float32), CAMERA, images, x)


def test_a_call_is_the_truth_in_a_scale_of_its_own(truth: Truth) -> None:
    network = SimulatedNetwork(truth, NONE, 1)
    said = network.together([4, 5, 6], [None] * 3, 2)
    scale = said.depth / truth.depths[5:7]
    np.testing.assert_allclose(scale, scale[0, 0, 0], rtol=1e-5)
    np.testing.assert_allclose(said.T_world_camera[2, 0, 3], 0.2 * scale[0, 0, 0], rtol=1e-5)
    assert said.T_world_camera[0, 0, 3] == 0


@pytest.mark.parametrize(("errors", "largest"), [(NONE, 0.01), (Errors(), 0.2)])
def test_streams_come_near_the_truth(truth: Truth, errors: Errors, largest: float) -> None:
    loop = KeyframeStream(SimulatedNetwork(truth, errors, 2), LoopRules(first=8), Limits())
    assert error(streamed(loop, 40), truth) < largest
    chunks = ChunkStream(SimulatedNetwork(truth, errors, 2), 16, 8)
    assert error(streamed(chunks, 40), truth) < largest


def test_the_backend_is_given_what_the_stream_said(truth: Truth, tmp_path: Path) -> None:
    truth.depths[:, 0] = 0  # nothing is known of these rows
    chunks = ChunkStream(SimulatedNetwork(truth, NONE, 3), 16, 8)
    answers = streamed(chunks, 40)
    found = mapped(answers, truth, Found(error(answers, truth)))
    assert found.told < 0.01 and found.left_out == 0
    assert found.graph < 0.2 and found.aligned < 0.2
    one = prediction(answers[7], truth)
    assert (one.confidence[0] == 0).all() and (one.confidence[1:] > 0).all()
    assert answers[7].depth is not None
    np.testing.assert_array_equal(one.depth[1:], answers[7].depth[1:])
    save_prediction(tmp_path, one)
    again = rendered(tmp_path)
    np.testing.assert_array_equal(again.T_world_camera[0], answers[7].T_world_camera)
    np.testing.assert_array_equal(again.images[0], truth.images[7])


def test_each_frame_has_its_own_pose_whatever_the_stride(tmp_path: Path) -> None:
    room = make_sample(tmp_path / "room", 4, 80, 60)
    with closing(open_sequence(room)) as sequence:
        assert sequence.ground_truth is not None
        every = sequence.ground_truth.T_world_camera
    np.testing.assert_allclose(read(room, 1, 9).T_world_camera, every, atol=1e-9)
    np.testing.assert_allclose(read(room, 2, 9).T_world_camera, every[::2], atol=1e-9)
