"""Streams through a tiny VGGT: modes, caches, budget, running out of memory, point tracks."""

from __future__ import annotations

import gc
import logging
import resource

import pytest
import torch
from torch import Tensor

from mapper.errors import ConfigError, InputError
from mapper.frontends.layers.precision import set_products
from mapper.frontends.vggt.cache.pages import FrameCache
from mapper.frontends.vggt.cache.session_options import SessionOptions
from mapper.frontends.vggt.network import Heads, Vggt, VggtPrediction
from mapper.frontends.vggt.session import NotFiniteError, StreamSession
from tests.support.networks.vggt_networks import HEIGHT, TRACK, WIDTH, random_images, random_network

pytestmark = pytest.mark.usefixtures("without_gradients")


@pytest.fixture(scope="module")
def model() -> Vggt:
    return random_network(TRACK)


def depths(session: StreamSession, images: Tensor) -> Tensor:
    """(frames, H, W)."""
    found = []
    for image in images:
        depth = session.step(image[None]).depth
        assert depth is not None
        found.append(depth[0, 0])
    return torch.stack(found)


def batch_depths(model: Vggt, images: Tensor, mode: str) -> Tensor:
    depth = model(images[None], mode).depth
    assert depth is not None
    return depth[0]


def apart(ours: Tensor, expected: Tensor) -> Tensor:
    """(frames,) largest relative difference of each frame."""
    return ((ours - expected).abs() / expected.abs()).flatten(1).amax(1)


def test_a_causal_session_is_the_causal_batch(model: Vggt) -> None:
    images = random_images(20)  # more than a page
    session = StreamSession(model)
    assert apart(depths(session, images), batch_depths(model, images, "causal")).max() < 1e-4
    pose = session.step(random_images(1)).pose_encoding
    assert pose.shape == (1, 1, 9)


def test_the_windows_of_session_and_batch_part_at_the_seventh_frame(model: Vggt) -> None:
    # The batch sees the anchor and four frames before, the session the anchor and five.
    images = random_images(9)
    session = StreamSession(model, SessionOptions(mode="window"))
    off = apart(depths(session, images), batch_depths(model, images, "window"))
    assert off[:6].max() < 1e-4 and off[6:].min() > 1e-4
    assert isinstance(session.frames, FrameCache) and sorted(session.frames.frames) == [
        0,
        4,
        5,
        6,
        7,
        8,
    ]


def test_frames_of_one_call_see_one_another(model: Vggt) -> None:
    images = random_images(3)
    together = StreamSession(model).step(images[None]).depth
    assert together is not None
    assert apart(together[0], batch_depths(model, images, "full")).max() < 1e-4


def test_calls_of_several_frames_pass_through_a_window(model: Vggt) -> None:
    session = StreamSession(model, SessionOptions(mode="window"))
    images = random_images(12)
    for at, size in ((0, 1), (1, 4), (5, 3), (8, 1), (9, 3)):
        session.step(images[None, at : at + size])
    assert isinstance(session.frames, FrameCache) and session.cameras is not None
    assert sorted(session.frames.frames) == [0, 7, 8, 9, 10, 11]
    assert sorted(session.cameras.frames) == [0, 7, 8, 9, 10, 11]


def test_a_window_takes_no_more_memory_with_time(model: Vggt) -> None:
    session = StreamSession(model, SessionOptions(mode="window", heads=Heads(False, False)))
    sizes = []
    for image in random_images(40):
        session.step(image[None])
        assert isinstance(session.frames, FrameCache)
        sizes.append((session.frames.allocated_bytes, session.cache_bytes))
    assert len({allocated for allocated, _ in sizes}) == 1
    assert sizes[10][1] == sizes[-1][1]


def test_streamvggts_shared_camera_cache_changes_the_cameras_alone(model: Vggt) -> None:
    image = random_images(1)
    own = StreamSession(model).step(image)
    session = StreamSession(model, SessionOptions(shared_camera_cache=True))
    shared = session.step(image)
    assert torch.equal(own.depth, shared.depth)  # type: ignore[arg-type]
    torch.testing.assert_close(own.pose_iterations[0], shared.pose_iterations[0])
    # From the second iteration on it sees the entries of the first.
    assert (own.pose_encoding - shared.pose_encoding).abs().max() > 1e-5
    assert session.cameras is not None and session.cameras.frames == [0] * 4


def test_sequences_of_a_batch_do_not_touch_one_another(model: Vggt) -> None:
    images = random_images(6)
    pairs = torch.stack([images[:3], images[3:]], 1)
    together = StreamSession(model)
    joint = [together.step(pair).depth for pair in pairs]
    alone = depths(StreamSession(model), images[3:])
    for frame, expected in zip(joint, alone, strict=True):
        assert frame is not None
        torch.testing.assert_close(frame[1, 0], expected, rtol=1e-4, atol=1e-5)


def test_a_reset_begins_again(model: Vggt) -> None:
    session, images = StreamSession(model), random_images(3)
    first = depths(session, images)
    session.reset()
    assert torch.equal(depths(session, images), first)
    session.reset()
    session.step(random_images(1, 28, 28))  # of another size, even


def test_only_what_is_asked_for_is_computed(model: Vggt) -> None:
    prediction = StreamSession(model, SessionOptions(heads=Heads(True, False))).step(
        random_images(1)
    )
    assert prediction.points is None and prediction.tracks is None
    assert prediction.depth is not None and prediction.depth.shape == (1, 1, HEIGHT, WIDTH)


def test_bfloat16_caches_bfloat16_and_stays_close() -> None:
    images = random_images(4)
    exact = depths(StreamSession(random_network()), images)
    model = random_network()
    set_products(model.products, "bfloat16")
    session = StreamSession(model)
    ours = depths(session, images)
    assert 0 < (ours - exact).norm() / exact.norm() < 0.05
    assert (
        isinstance(session.frames, FrameCache) and session.frames.shape.storage.name == "bfloat16"
    )


def test_a_change_of_resolution_is_refused(model: Vggt) -> None:
    session = StreamSession(model)
    session.step(random_images(1))
    with pytest.raises(InputError, match="frames of one size"):
        session.step(random_images(1, 28, 28))
    with pytest.raises(InputError, match="multiples of 14"):
        StreamSession(model).step(random_images(1, 30, 30))


def test_a_frame_that_is_not_finite_leaves_no_trace(model: Vggt) -> None:
    images = random_images(3)
    session = StreamSession(model)
    session.step(images[:1])
    with pytest.raises(NotFiniteError):
        session.step(images[1:2] * torch.nan)
    ours = session.step(images[2:]).depth
    expected = depths(StreamSession(model), images[[0, 2]])[1]
    assert ours is not None and torch.equal(ours[0, 0], expected)


def bytes_per_frame(model: Vggt) -> int:
    session = StreamSession(model)
    session.step(random_images(1))
    return session.cache_bytes


@pytest.mark.parametrize("policy", ["overlap", "attention", "recency"])
@pytest.mark.parametrize("shared", [False, True])
def test_a_budget_is_never_exceeded_and_told_once(
    model: Vggt, policy: str, shared: bool, caplog: pytest.LogCaptureFixture
) -> None:
    budget = 5 * bytes_per_frame(model) + 100
    options = SessionOptions(shared_camera_cache=shared, budget=budget, policy=policy)
    session = StreamSession(model, options)
    with caplog.at_level(logging.WARNING):
        for image in random_images(14):
            session.step(image[None])
            assert isinstance(session.frames, FrameCache) and session.cameras is not None
            taken = session.allocated_bytes
            assert taken <= budget
    assert isinstance(session.frames, FrameCache)
    assert len(session.frames.frames) == 5 and {0, 12, 13} <= set(session.frames.frames)
    assert len([r for r in caplog.records if "kv_budget holds 5" in r.message]) == 1


def test_a_budget_is_exact_until_it_is_spent(model: Vggt) -> None:
    images = random_images(8)
    free = depths(StreamSession(model), images)
    budget = SessionOptions(budget=6 * bytes_per_frame(model))
    off = apart(depths(StreamSession(model, budget), images), free)
    assert off[:6].max() < 1e-5 and off[6:].min() > 1e-6


def test_a_budget_too_small_is_refused(model: Vggt) -> None:
    session = StreamSession(model, SessionOptions(budget=bytes_per_frame(model)))
    with pytest.raises(ConfigError, match=r"too small.*at least 2"):
        session.step(random_images(1))
    session = StreamSession(model, SessionOptions(budget=3 * bytes_per_frame(model)))
    with pytest.raises(ConfigError, match="do not fit"):
        session.step(random_images(4)[None])


def run_out(monkeypatch: pytest.MonkeyPatch, above: int, fault: Exception | None = None) -> None:
    """Let memory run out whenever the cache holds more than so many frames."""
    fault = fault or torch.OutOfMemoryError("made up")
    real = Vggt.read

    def read(self: Vggt, aggregated: object, mix: object, heads: object) -> VggtPrediction:
        if len(mix._cache.frames) + 1 > above:  # type: ignore[attr-defined]
            raise fault
        return real(self, aggregated, mix, heads)  # type: ignore[arg-type]

    monkeypatch.setattr(Vggt, "read", read)


@pytest.mark.parametrize(
    "fault",
    [torch.OutOfMemoryError("made up"), RuntimeError("DefaultCPUAllocator: can't allocate memory")],
)
def test_memory_that_runs_out_shortens_the_memory_and_loses_no_frame(
    fault: Exception, model: Vggt, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run_out(monkeypatch, 6, fault)
    session = StreamSession(model)
    with caplog.at_level(logging.WARNING):
        assert depths(session, random_images(15)).isfinite().all()
    assert isinstance(session.frames, FrameCache) and len(session.frames.frames) == 3  # half of six
    assert 0 in session.frames.frames
    assert len([r for r in caplog.records if "memory ran out" in r.message]) == 1


def test_a_spent_budget_does_not_hush_memory_that_runs_out(
    model: Vggt, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    session = StreamSession(model, SessionOptions(budget=6 * bytes_per_frame(model)))
    with caplog.at_level(logging.WARNING):
        depths(session, random_images(8))
        run_out(monkeypatch, 5)
        depths(session, random_images(4))
    told = [record.message[:9] for record in caplog.records]
    assert told == ["the kv_bu", "memory ra"]


def test_other_faults_are_not_taken_for_it(model: Vggt, monkeypatch: pytest.MonkeyPatch) -> None:
    run_out(monkeypatch, 0, RuntimeError("another fault"))
    session = StreamSession(model)
    with pytest.raises(RuntimeError, match="another fault"):
        session.step(random_images(1))
    assert isinstance(session.frames, FrameCache) and session.frames.frames == []


def test_memory_that_runs_out_at_once_is_an_error_with_a_remedy(
    model: Vggt, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_out(monkeypatch, above=0)
    with pytest.raises(InputError, match="smaller image_size"):
        StreamSession(model).step(random_images(1))


def test_unknown_modes_and_policies_are_refused(model: Vggt) -> None:
    with pytest.raises(ConfigError, match="causal or window"):
        SessionOptions(mode="full")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="expected one of"):
        SessionOptions(policy="random")
    with pytest.raises(ConfigError, match="expected one of"):
        model(random_images(2)[None], "backwards")


def test_nothing_of_old_frames_stays_but_the_cache(model: Vggt) -> None:
    session = StreamSession(model)
    image = random_images(1)
    early = 0
    for number in range(150):
        session.step(image)
        if number == 40:
            gc.collect()
            early = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - early)  # KiB on Linux
    cached = session.cache_bytes * (150 - 41) // 150
    # A page of either cache is taken ahead. One frame's outputs are 90 kB: keeping those of 109
    # would cost 10 MB.
    assert grown < cached + 6 * 2**20
