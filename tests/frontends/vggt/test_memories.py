"""Streams of which single tokens, special tokens or every other frame stay."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from mapper.errors import ConfigError
from mapper.frontends.vggt.cache.frame_memory import CacheShapes, FrameMemory
from mapper.frontends.vggt.cache.later_anchors import LaterAnchors, seen_share, world_points
from mapper.frontends.vggt.cache.pages import CacheShape
from mapper.frontends.vggt.cache.session_options import ALL_POLICIES, SessionOptions
from mapper.frontends.vggt.cache.storage import Storage
from mapper.frontends.vggt.cache.token_memory import shared_budget
from mapper.frontends.vggt.network import Heads, Vggt, VggtPrediction
from mapper.frontends.vggt.session import StreamSession
from tests.support.networks.vggt_networks import random_images, random_network

pytestmark = pytest.mark.usefixtures("without_gradients")
NO_MAPS = Heads(False, False)
PER_FRAME = 17  # tokens: 12 patches, a camera and four registers


@pytest.fixture(scope="module")
def model() -> Vggt:
    return random_network()


def bytes_of(model: Vggt, frames: int, **options: Any) -> int:
    session = StreamSession(model, SessionOptions(heads=NO_MAPS, **options))
    session.step(random_images(1))
    return frames * session.cache_bytes


@pytest.mark.parametrize("policy", ["tokens", "special"])
@pytest.mark.parametrize("more", [{}, {"shared_camera_cache": True}, {"storage": "int8"}])
def test_the_cache_is_as_large_as_the_budget_and_stays_so(
    model: Vggt, policy: str, more: dict[str, Any]
) -> None:
    budget = bytes_of(model, 40, **more)
    options = SessionOptions(budget=budget, policy=policy, heads=NO_MAPS, **more)
    session, sizes = StreamSession(model, options), []
    images = random_images(60)
    for image in images:
        session.step(image[None])
        sizes.append((session.cache_bytes, session.allocated_bytes))
        assert session.allocated_bytes <= budget
    assert len({allocated for _, allocated in sizes[50:]}) == 1
    assert sizes[-1][1] > 0.99 * budget
    if policy == "tokens":
        assert sizes[-1][0] > 0.99 * budget


@pytest.mark.parametrize(
    "options",
    [*({"policy": name} for name in ALL_POLICIES), {"cache_every": 3}, {"mode": "window"}],
)
def test_what_a_frame_sees_and_takes_is_flat_over_five_hundred_frames(
    model: Vggt, options: dict[str, Any]
) -> None:
    budget = None if "mode" in options else bytes_of(model, 6)
    session = StreamSession(model, SessionOptions(budget=budget, heads=NO_MAPS, **options))
    images, sizes = random_images(7), set()
    for number in range(500):
        session.step(images[number % 7][None])
        if number > 30:
            sizes.add((session.allocated_bytes, session.cache_bytes))
    assert len({allocated for allocated, _ in sizes}) == 1
    assert max(held for _, held in sizes) <= (budget or max(sizes)[0])


@pytest.mark.parametrize("policy", ["tokens", "special"])
def test_a_budget_is_exact_until_it_is_spent(model: Vggt, policy: str) -> None:
    images = random_images(9)
    free = StreamSession(model)
    bounded = StreamSession(model, SessionOptions(budget=bytes_of(model, 6), policy=policy))
    off = []
    for image in images:
        expected, found = free.step(image[None]).depth, bounded.step(image[None]).depth
        assert expected is not None and found is not None
        off.append(float(((found - expected).abs() / expected).max()))
    assert max(off[:4]) < 1e-5 and off[-1] > 1e-5


def test_the_first_frame_stays_whole(model: Vggt) -> None:
    images = random_images(20)
    session = StreamSession(model, SessionOptions(budget=bytes_of(model, 4), policy="tokens"))
    session.step(images[:1])
    assert session.frames is not None
    before = [session.frames.keys(layer).clone() for layer in range(4)]  # type: ignore[union-attr]
    for image in images[1:]:
        session.step(image[None])
    for layer, keys in enumerate(before):
        after = session.frames.keys(layer)[:, :PER_FRAME]  # type: ignore[union-attr]
        torch.testing.assert_close(after, keys)


@pytest.mark.parametrize("policy", ["overlap", "tokens", "special"])
def test_frames_between_see_the_past_and_go(model: Vggt, policy: str) -> None:
    images = random_images(7)
    session = StreamSession(model, SessionOptions(policy=policy, cache_every=3))
    found = [session.step(image[None]).depth for image in images]
    # What a frame sees: the frames 0, 3 and 6 before it.
    for last in (2, 4, 5):
        plain = StreamSession(model)
        for seen in [i for i in (0, 3) if i < last]:
            plain.step(images[seen][None])
        expected = plain.step(images[last][None]).depth
        assert expected is not None and found[last] is not None
        torch.testing.assert_close(found[last], expected, rtol=1e-4, atol=1e-5)
    assert session.cameras is not None and sorted(session.cameras.frames) == [0, 3, 6]
    assert session.cache_bytes == bytes_of(model, 3)


def test_a_window_is_of_whole_frames_all_of_them(model: Vggt) -> None:
    for options in (
        {"policy": "tokens"},
        {"policy": "special"},
        {"cache_every": 2},
        {"cache_overlap": 0.5},
    ):
        with pytest.raises(ConfigError, match="are for mode=causal"):
            SessionOptions(mode="window", **options)


@pytest.mark.parametrize(("policy", "frames"), [("tokens", 2), ("special", 2)])
def test_a_budget_too_small_is_refused(model: Vggt, policy: str, frames: int) -> None:
    options = SessionOptions(budget=bytes_of(model, frames), policy=policy)
    with pytest.raises(ConfigError, match="the kv_budget holds") as caught:
        StreamSession(model, options).step(random_images(1))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("policy", ["tokens", "special"])
def test_memory_that_runs_out_halves_what_is_kept(
    model: Vggt, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = StreamSession(model, SessionOptions(policy=policy, heads=NO_MAPS))
    images = random_images(10)
    for image in images[:8]:
        session.step(image[None])
    real = Vggt.read
    failed: list[bool] = []

    def read(self: Vggt, *arguments: Any) -> VggtPrediction:
        if not failed:
            failed.append(True)
            raise torch.OutOfMemoryError("made up")
        return real(self, *arguments)

    monkeypatch.setattr(Vggt, "read", read)
    for image in images[8:]:
        session.step(image[None])
    assert session.frames is not None
    assert session.frames.capacity == 8 * PER_FRAME // 2 + PER_FRAME
    assert session.frames_seen == 10


@pytest.mark.parametrize("storage", ["bfloat16", "int8", "float8"])
@pytest.mark.parametrize("policy", ALL_POLICIES)
def test_at_the_published_sizes_eight_gigabytes_are_filled(policy: str, storage: str) -> None:
    # 518x392: 28 x 37 patches and 5 special tokens; 24 layers of 16 heads of 64.
    frames = CacheShape(24, 1, 5 + 28 * 37, 16, 64, Storage(storage))
    cameras = CacheShape(4 * 4, 1, 1, 16, 128, Storage("float32"))
    shapes = CacheShapes(frames, cameras, 1, 5, (28, 37))
    budget = 8 * 10**9
    # Keys and values of 1024 numbers a token and layer; of eight bits, a scale a head of 2 bytes.
    a_token = 2 * (1024 * 2 if storage == "bfloat16" else 1024 + 16 * 2)
    if policy not in ("tokens", "special"):
        a_frame = 1041 * 24 * a_token + 16 * 2 * 2048 * 4
        assert shapes.bytes_per_frame == a_frame
        kept = FrameMemory(shapes, torch.device("meta"), budget, policy, window=False).capacity
        assert kept == budget // a_frame  # whole frames, as many as fit
        return
    tokens, kept = shared_budget(shapes, budget, policy == "special")
    assert kept is not None
    assert 0.99 * budget < tokens * 24 * a_token + kept * 16 * 2 * 2048 * 4 <= budget
    frames_worth = budget / (1041 * 24 * a_token)
    # Of a quarter of it special tokens of thousands of frames.
    assert tokens == pytest.approx(frames_worth * 1041, rel=0.01 if policy == "tokens" else 0.3)
    assert kept <= frames_worth if policy == "tokens" else kept > 3000


def seen_from(x: float, depth: float = 2.0) -> VggtPrediction:
    """A wall before a camera that stands at (x, 0, 0) and looks along z; 90 degrees wide."""
    encoding = torch.tensor([[[-x, 0, 0, 0, 0, 0, 1, torch.pi / 2, torch.pi / 2]]])
    nothing: Any = None
    wall = torch.full((1, 1, 30, 40), depth)
    return VggtPrediction(encoding, [], torch.zeros(1, 1, 2), nothing, depth=wall)


def test_the_share_that_is_seen_is_that_of_the_wall() -> None:
    points = world_points(seen_from(0.0), 0)
    assert points is not None
    # The wall is 4 wide; from 3 further right a quarter of it is seen.
    share = seen_share(points, seen_from(3.0).pose_encoding[0, 0])
    assert float(share) == pytest.approx(0.25, abs=0.07)
    assert float(seen_share(points, seen_from(0.0).pose_encoding[0, 0])) == pytest.approx(
        1, abs=0.13
    )


def test_an_anchor_follows_where_little_of_the_last_one_is_seen_and_time_has_passed() -> None:
    anchors = LaterAnchors()
    told = [n for n in range(600) if anchors.is_next(n, seen_from(0.0 if n < 100 else 10.0), 0)]
    assert told == [250]  # and from there on it is seen
    near = LaterAnchors()
    assert not any(near.is_next(n, seen_from(0.5), 0) for n in range(600))
