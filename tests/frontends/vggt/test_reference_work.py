"""The benchmark's baseline does more work than we do, and comes to the same results."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from benchmarks.parts import streaming_measures
from torch import Tensor

from mapper.frontends.vggt.cache.session_options import SessionOptions
from mapper.frontends.vggt.config import VggtConfig
from mapper.frontends.vggt.frontend import prepare_for_cpu
from mapper.frontends.vggt.session import StreamSession
from tests.support.networks.vggt_networks import random_images, random_network


@pytest.fixture(scope="module", autouse=True)
def alone() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("mode", ["causal", "window"])
def test_the_baseline_agrees_with_us(mode: str) -> None:
    from reference.vggt import ReferenceSession, reference_work

    images = random_images(9)
    options = SessionOptions("window" if mode == "window" else "causal")
    with reference_work():
        baseline = ReferenceSession(random_network(), options)
        expected = [everything(baseline.step(image[None])) for image in images]
    ours = random_network().channels_last()
    with torch.inference_mode():
        prepare_for_cpu(ours)
        session = StreamSession(ours, options)
        found = [everything(session.step(image[None])) for image in images]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert baseline.cache_bytes == session.cache_bytes


def everything(told: object) -> list[Tensor]:
    names = ("pose_encoding", "depth", "depth_confidence", "points", "points_confidence")
    return [getattr(told, name) for name in names]


def test_the_floor_is_the_one_that_was_worked_out() -> None:
    # specs/vggt_cost.json, by hand: 23.86 TFLOP, 30.2 ms and 22.85 GB for frame 200 at 518x392.
    # Ours has a 1x1 convolution of the dense heads on a quarter of the pixels.
    arithmetic = streaming_measures.Arithmetic.of(VggtConfig(), (518, 392))
    assert arithmetic.flops(200) == pytest.approx(23.86e12, rel=0.01)
    assert arithmetic.h200_seconds(200) == pytest.approx(0.0302, rel=0.01)
    assert arithmetic.bytes(200, 2) == pytest.approx(22.85e9, rel=0.001)


def test_frames_are_reported_with_what_the_cache_holds() -> None:
    stream = streaming_measures.Stream(
        "ours", "stream3r", "tiny", (70, 56), "window", "cpu", "float32", (1, 8)
    )
    first, last = streaming_measures.measured(stream)
    assert (first.frame, last.frame) == (1, 8)
    assert last.cache_bytes == 6 * first.cache_bytes
    assert last.seconds > 0 and last.peak_bytes > 10**7
