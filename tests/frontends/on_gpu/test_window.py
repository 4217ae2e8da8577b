"""A full window is computed by one graph, whatever happens to the cache meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from mapper.frontends.graphs import Graphs
from mapper.frontends.vggt.cache.pages import FrameCache
from mapper.frontends.vggt.cache.session_options import SessionOptions
from mapper.frontends.vggt.session import NotFiniteError, StreamSession
from tests.support.networks import vggt_networks
from tests.support.pretended_gpu.device import PretendedGpu
from tests.support.pretended_gpu.torch_cuda import pretended_gpu

pytestmark = pytest.mark.usefixtures("without_gradients", "only_one_thread")
FULL, CAPTURED = 6, 8  # frames after which the window is full, and its graph replayed alone
GPU = torch.device("cuda")


@pytest.fixture
def gpu() -> Iterator[PretendedGpu]:
    with pretended_gpu() as pretended:
        yield pretended


def sessions(budget: int | None = None) -> tuple[StreamSession, StreamSession]:
    """On the GPU by graphs, and on the CPU."""
    chosen = SessionOptions(mode="window", budget=budget)
    there = vggt_networks.random_network().to(GPU)
    ours = StreamSession(there, chosen, graphs=Graphs(GPU, wanted=True))
    return ours, StreamSession(vggt_networks.random_network(), chosen)


def follow(ours: StreamSession, theirs: StreamSession, images: torch.Tensor) -> None:
    for image in images:
        found, expected = ours.step(image[None].to(GPU)), theirs.step(image[None])
        for name in ("depth", "pose_encoding"):
            a, b = getattr(found, name).cpu(), getattr(expected, name)
            assert (a - b).norm() < 5e-5 * b.norm()


def test_the_host_starts_one_graph_a_frame(gpu: PretendedGpu) -> None:
    ours, theirs = sessions()
    images = vggt_networks.random_images(CAPTURED + 3)
    follow(ours, theirs, images[:CAPTURED])
    gpu.tally.forget()
    follow(ours, theirs, images[CAPTURED:])
    assert gpu.tally.kernels["graph"] == 3
    assert gpu.tally.launches < 25 * 3  # inputs and results are copied


def test_a_frame_without_an_answer_and_a_new_sequence_leave_it_right(gpu: PretendedGpu) -> None:
    ours, theirs = sessions()
    images = vggt_networks.random_images(CAPTURED + 4)
    follow(ours, theirs, images[:CAPTURED])
    for session, device in ((ours, GPU), (theirs, torch.device("cpu"))):
        with pytest.raises(NotFiniteError):
            session.step(torch.full_like(images[:1], torch.nan).to(device))
    follow(ours, theirs, images[CAPTURED:])
    for session in (ours, theirs):
        session.reset()  # with a cache elsewhere in memory, and of another size
    follow(ours, theirs, vggt_networks.random_images(CAPTURED + 3, height=28))


@pytest.mark.slow
def test_a_budget_that_holds_less_than_a_window_goes_by_one_graph_too(gpu: PretendedGpu) -> None:
    ours, theirs = sessions(budget=110_000)
    follow(ours, theirs, vggt_networks.random_images(9))
    assert isinstance(ours.frames, FrameCache) and len(ours.frames.frames) < FULL
    assert gpu.tally.kernels["graph"] >= 3


@pytest.mark.slow
def test_memory_that_runs_out_leaves_a_window_that_is_right(gpu: PretendedGpu) -> None:
    ours, theirs = sessions()
    images = vggt_networks.random_images(CAPTURED + 3)
    follow(ours, theirs, images[:CAPTURED])
    for session in (ours, theirs):
        session._retreat()
    follow(ours, theirs, images[CAPTURED:])
