"""VGGT as a stream: its keyframe loop on a tiny random checkpoint."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mapper.core.frame import Frame
from mapper.errors import ConfigError
from mapper.frontends.vggt.frontend import create
from mapper.frontends.vggt.options import VggtOptions
from tests.support.networks.exact import EXACT
from tests.support.networks.vggt_networks import HEIGHT, WIDTH, write_flat

LOOP: dict[str, Any] = {"loop": "keyframes", "first": 4, "every": 2, "active": 3}

pytestmark = pytest.mark.usefixtures("only_one_thread")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_flat(tmp_path_factory.mktemp("flat")))


def frames(count: int) -> list[Frame]:
    rng = np.random.default_rng(3)
    return [
        Frame(i, i / 30, rng.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)) for i in range(count)
    ]


def test_frames_are_answered_call_by_call(weights: str) -> None:
    frontend = create("vggt", VggtOptions(**LOOP, **EXACT, min_confidence=0.0), weights)
    counts = [len(frontend.step(frame)) for frame in frames(7)]
    assert counts == [0, 0, 0, 4, 0, 2, 0]
    assert [p.frame_index for p in frontend.flush()] == [6]


def test_the_first_call_is_what_the_whole_sequence_says_in_other_units(weights: str) -> None:
    stream = create("vggt", VggtOptions(**LOOP, **EXACT, min_confidence=0.0), weights)
    first = [p for frame in frames(4) for p in stream.step(frame)]
    offline = create("vggt", VggtOptions(**EXACT, min_confidence=0.0), weights)
    whole = [p for frame in frames(4) for p in offline.step(frame)] + offline.flush()
    unit = float(np.median(first[0].depth / whole[0].depth))
    for one, other in zip(first, whole, strict=True):
        np.testing.assert_allclose(one.depth, unit * other.depth, rtol=1e-4)
        moved = unit * other.T_world_camera[:3, 3]
        np.testing.assert_allclose(one.T_world_camera[:3, 3], moved, atol=1e-4)


def test_it_maps_by_depth(weights: str) -> None:
    with pytest.raises(ConfigError, match=r"leave vggt\.points out"):
        create("vggt", VggtOptions(**LOOP, points="head"), weights)
