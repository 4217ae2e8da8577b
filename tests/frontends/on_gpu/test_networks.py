"""What no frontend asks of the networks, on a (pretended) GPU as on the CPU."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from mapper.frontends.cut3r.state import StreamInput
from mapper.frontends.cut3r.stepping import StepOptions, whole_sequence
from mapper.frontends.cut3r.update_rules import TemporalSpatialRule
from mapper.frontends.vggt.cache import kernels
from mapper.frontends.vggt.cache.pages import FrameCache
from mapper.frontends.vggt.cache.session_options import SessionOptions
from mapper.frontends.vggt.session import StreamSession
from tests.support.networks import tiny_cut3r, vggt_networks
from tests.support.networks.cut3r_streams import stream
from tests.support.pretended_gpu.device import PretendedGpu
from tests.support.pretended_gpu.torch_cuda import pretended_gpu

pytestmark = pytest.mark.usefixtures("without_gradients")
POINTS = torch.tensor([[[10.0, 12.0], [30.0, 20.0], [50.0, 39.0]]])


@pytest.fixture
def gpu() -> Iterator[PretendedGpu]:
    with pretended_gpu() as pretended:
        yield pretended


def close(found: Tensor | None, expected: Tensor | None) -> None:
    assert found is not None and expected is not None
    assert (found.cpu() - expected).norm() < 5e-5 * expected.norm()


def test_tracks_and_world_points_of_a_stream_and_of_a_whole_sequence() -> None:
    images = vggt_networks.random_images(3)
    cpu = vggt_networks.random_network(vggt_networks.TRACK)
    session = StreamSession(cpu, SessionOptions(track_window=2), POINTS)
    streamed = [session.step(image[None]) for image in images]
    whole = cpu(images[None], "causal", query_points=POINTS)
    with pretended_gpu():
        there = vggt_networks.random_network(vggt_networks.TRACK).to("cuda")
        moved = images.to("cuda")
        found = there(moved[None], "causal", query_points=POINTS)  # which lie on the CPU still
        session = StreamSession(there, SessionOptions(track_window=2), POINTS)
        for image, expected in zip(moved, streamed, strict=True):
            answer = session.step(image[None])
            assert answer.tracks is not None and expected.tracks is not None
            close(answer.tracks.xy, expected.tracks.xy)
            close(answer.points, expected.points)
        assert found.tracks is not None and whole.tracks is not None
        close(found.tracks.xy, whole.tracks.xy)
        close(found.points_confidence, whole.points_confidence)


def test_masks_permissions_resets_and_ray_maps_of_a_batch() -> None:
    torch.manual_seed(2)
    images, rays = torch.randn(3, 2, 3, 48, 64), torch.randn(3, 2, 48, 64, 6)
    rows = [torch.tensor(row) for row in ([True, True], [True, False], [False, True])]

    def views(device: str) -> list[StreamInput]:
        return [
            StreamInput(
                image.to(device),
                ray.to(device),
                image_mask=seen,
                ray_mask=~seen,
                update=torch.tensor([True, False]),
                reset=torch.tensor([False, True]),
            )
            for image, ray, seen in zip(images, rays, rows, strict=True)
        ]

    options = StepOptions(TemporalSpatialRule(), whole_sequence(True), world=True, rgb=True)
    expected = list(stream(tiny_cut3r.random_network(), views("cpu"), options))
    with pretended_gpu():
        network = tiny_cut3r.random_network().to("cuda")
        for answer, other in zip(stream(network, views("cuda"), options), expected, strict=True):
            close(answer.pointmap, other.pointmap)
            close(answer.rgb, other.rgb)
            close(answer.pose, other.pose)


def test_memory_that_runs_out_costs_the_past_and_not_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mapper.frontends.vggt.cache.frame_memory.PAGE_FRAMES", 3)
    monkeypatch.setattr("mapper.frontends.vggt.cache.frame_memory.CAMERA_PAGE_FRAMES", 3)
    images = vggt_networks.random_images(1)
    with pretended_gpu(values=False) as gpu:
        session = StreamSession(vggt_networks.random_network().to("cuda"))
        image = images.to("cuda")
        session.step(image)
        assert isinstance(session.frames, FrameCache)
        gpu.memory = gpu.tally.peak + 2 * session.frames.allocated_bytes + 1
        for _ in range(10):
            session.step(image)
        assert session.frames_seen == 11 and len(session.frames.frames) < 9
        assert gpu.tally.bytes <= gpu.memory


def test_denominators_of_every_kernel(gpu: PretendedGpu) -> None:
    generator = torch.Generator().manual_seed(4)
    query, key, value = (torch.randn(1, 40, 2, 16, generator=generator) for _ in range(3))
    mixed, denominators = kernels._cpu(query, key, value)
    halves = [t.bfloat16() for t in (query, key, value)]
    for tensors in ([query, key, value], halves):
        kernel = kernels.choose(torch.device("cuda"), tensors[0].dtype)
        assert kernel is not None
        found, told = kernel(*(t.to("cuda") for t in tensors))
        exact = tensors[0].dtype == torch.float32
        torch.testing.assert_close(found.cpu().float(), mixed, atol=1e-5 if exact else 0.02, rtol=0)
        torch.testing.assert_close(told.cpu(), denominators, atol=1e-5 if exact else 0.02, rtol=0)
