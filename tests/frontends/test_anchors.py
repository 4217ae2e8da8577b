"""A stream in short sequences is one world."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mapper.core.frame import Frame
from mapper.core.geometry import inverse
from mapper.core.intrinsics import Intrinsics
from mapper.frontends.anchors import Anchor, next_anchor, scaled
from mapper.frontends.learned import Answer
from mapper.frontends.vggt.frontend import StreamingFrontend, create
from mapper.frontends.vggt.options import Stream3rMiniOptions
from tests.support.networks.exact import EXACT
from tests.support.networks.vggt_networks import HEIGHT, WIDTH, write_folder

pytestmark = pytest.mark.usefixtures("only_one_thread")


def pose(turn: float, right: float) -> np.ndarray:
    T = np.eye(4)
    T[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    T[0, 3] = right
    return T


def answer(T: np.ndarray, depth: float) -> Answer:
    ones = np.ones((2, 3), np.float32)
    camera = Intrinsics(1, 1, 0, 0, 3, 2)
    return Answer(depth * ones, ones, T, lambda: camera, np.zeros(1, np.float32))


def test_what_the_next_sequence_says_lies_where_the_last_one_ended() -> None:
    # The same way, told by another sequence in a unit half as long, from another first frame.
    world = [pose(0.1 * k, float(k)) for k in range(4)]
    placed = answer(world[2], 4.0)
    told = [scaled(inverse(world[2]) @ T, 2.0) for T in world]
    anchor = next_anchor(placed, answer(told[2], 8.0))
    assert anchor.scale == 0.5
    after = anchor.placed(answer(told[3], 6.0))
    np.testing.assert_allclose(after.T_world_camera, world[3], atol=1e-12)
    np.testing.assert_allclose(after.points, 3.0)
    assert anchor.turned(after) == pytest.approx(0.1)


def test_the_first_sequence_is_the_world() -> None:
    one = answer(pose(0.3, 2.0), 4.0)
    np.testing.assert_array_equal(Anchor().placed(one).T_world_camera, one.T_world_camera)


@pytest.mark.parametrize("options", [{"anchor_every": 3}, {"anchor_turn": 1e-9}])
def test_a_frame_is_asked_about_by_no_more_than_its_own_sequence(
    tmp_path: Path, options: dict[str, float]
) -> None:
    """Of frames that repeat, so do the answers, moved: each sequence begins with the last frame."""
    weights = str(write_folder(tmp_path))
    off = {"anchor_every": 0, "anchor_turn": 0.0}
    plain = {"min_confidence": 0.0, **EXACT, **off}
    chained = create("stream3r-mini", Stream3rMiniOptions(**{**plain, **options}), weights)
    alone = create("stream3r-mini", Stream3rMiniOptions(**plain), weights)
    assert isinstance(chained, StreamingFrontend)
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8) for _ in range(4)]
    frames = [Frame(k, k / 30, image, None) for k, image in enumerate(images)]
    found = [prediction for frame in frames for prediction in chained.step(frame)]
    assert [p.frame_index for p in found] == [0, 1, 2, 3]
    assert {p.segment for p in found} == {0}
    length = 3 if "anchor_every" in options else 2
    start = (len(frames) - 2) // (length - 1) * (length - 1)
    expected = [prediction for frame in frames[start:] for prediction in alone.step(frame)]
    ratios = found[-1].depth / expected[-1].depth
    np.testing.assert_allclose(ratios, np.median(ratios), rtol=1e-4)
    ours, theirs = (
        np.linalg.inv(pair[0].T_world_camera) @ pair[1].T_world_camera
        for pair in ((found[start], found[-1]), (expected[0], expected[-1]))
    )
    np.testing.assert_allclose(ours[:3, :3], theirs[:3, :3], atol=1e-5)
    np.testing.assert_allclose(ours[:3, 3], np.median(ratios) * theirs[:3, 3], atol=1e-4)
    assert torch.isfinite(torch.from_numpy(found[-1].pointmap)).all()
