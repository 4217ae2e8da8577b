"""Overlapping chunks: ranges, their alignment, and the stream of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mapper.errors import ConfigError
from mapper.frontends.da3.chunks.alignment import Kind, Overlap, reweighted, similarity_of
from mapper.frontends.da3.chunks.ranges import chunk_ranges
from mapper.frontends.da3.chunks.stream import ChunkStream
from tests.frontends.keyframe_loop.test_stream import Known, truth, wall


@pytest.mark.parametrize(
    ("frames", "expected"),
    [(4, [(0, 4)]), (6, [(0, 6)]), (7, [(0, 6), (4, 7)]), (14, [(0, 6), (4, 10), (8, 14)])],
)
def test_ranges(frames: int, expected: list[tuple[int, int]]) -> None:
    assert chunk_ranges(frames, 6, 2) == expected


@pytest.mark.parametrize("overlap", [0, 6, 7])
def test_an_overlap_that_does_not_fit_is_refused(overlap: int) -> None:
    with pytest.raises(ConfigError, match="does not fit into chunks of 6"):
        chunk_ranges(10, 6, overlap)


@pytest.mark.parametrize("kind", ["sim3", "scale+se3"])
def test_a_chunk_is_found_in_the_one_before_in_spite_of_outliers(kind: Kind) -> None:
    rng = np.random.default_rng(1)
    later = rng.uniform([-1, -1, 2], [1, 1, 4], (2, 10, 12, 3))
    R, t = Rotation.from_rotvec([0.1, -0.2, 0.05]).as_matrix(), np.array([0.3, 0.1, -0.2])
    earlier = 1.7 * later @ R.T + t
    earlier[0, 0] += 2.0
    confidence = np.full(later.shape[:3], 1.0)
    depth = later[..., 2]
    found = similarity_of(
        Overlap(earlier, 1.7 * depth, confidence), Overlap(later, depth, confidence), kind
    )
    assert found.scale == pytest.approx(1.7, rel=0.02 if kind == "sim3" else 1e-9)
    np.testing.assert_allclose(found.R, R, atol=0.02)


def test_without_outliers_it_is_exact() -> None:
    x = np.random.default_rng(2).normal(size=(50, 3))
    found = reweighted(x, 0.5 * x + 1, np.ones(50), with_scale=True)
    assert found.scale == pytest.approx(0.5)
    back = found.inverse().moved(found.moved(x))
    np.testing.assert_allclose(back, x, atol=1e-12)


@pytest.mark.parametrize("frames", [3, 12, 13, 31])
def test_a_stream_of_chunks_is_in_the_first_ones_frame(frames: int) -> None:
    network = Known()
    stream = ChunkStream(network, 12, 5)
    answers = []
    for number in range(frames):
        answers += stream.step(np.full((32, 48, 3), number, np.uint8))
    answers += stream.flush()
    assert [a.number for a in answers] == list(range(frames))
    assert [(c[0], c[-1] + 1) for c in network.calls] == chunk_ranges(frames, 12, 5)
    for said in answers:
        assert said.T_world_camera is not None and said.depth is not None
        T = truth(said.number)
        np.testing.assert_allclose(said.T_world_camera[:3, 3], 0.5 * T[:3, 3], atol=2e-3)
        np.testing.assert_allclose(said.depth, 0.5 * wall(said.number), rtol=2e-3)


def test_a_chunk_that_is_not_finite_is_lost_and_ties_nothing() -> None:
    stream = ChunkStream(Known(broken=1), 6, 2)
    answers = []
    for number in range(14):
        answers += stream.step(np.full((32, 48, 3), number, np.uint8))
    answers += stream.flush()
    assert [a.number for a in answers if a.depth is None] == [4, 5, 6, 7]
    assert answers[8].T_world_camera is not None
    np.testing.assert_allclose(answers[8].T_world_camera, np.eye(4), atol=1e-9)
