"""Caches in which keyframes alone stay: frames that see what the last of them does not."""

from __future__ import annotations

import math
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from mapper.errors import ConfigError
from mapper.frontends.vggt.cache.later_anchors import seen_share, world_points
from mapper.frontends.vggt.cache.new_views import NewViews
from mapper.frontends.vggt.cache.session_options import SessionOptions
from mapper.frontends.vggt.network import Heads, Vggt, VggtPrediction
from mapper.frontends.vggt.session import StreamSession
from tests.support.networks.vggt_networks import random_images, random_network

DEPTH = Heads(depth=True, points=False)
pytestmark = pytest.mark.usefixtures("without_gradients")


@pytest.fixture(scope="module")
def model() -> Vggt:
    """Whose camera moves little."""
    network = random_network()
    last = network.camera_head.pose_branch.fc2
    with torch.no_grad():
        last.weight *= 0.02
        last.bias[:6] *= 0.02
        last.bias[6:] = 0.25  # four of which are a camera that is not turned, and sees a radian
    return network


def wall(x: float, z: float = 0.0, depth: bool = True) -> VggtPrediction:
    """A camera at (x, 0, z) that looks at a wall at z = 2, fields of view of 90 degrees."""
    encoding = torch.tensor([[[-x, 0.0, -z, 0.0, 0.0, 0.0, 1.0, math.pi / 2, math.pi / 2]]])
    maps = torch.full((1, 1, 31, 31), 2.0 - z) if depth else None
    told = SimpleNamespace(pose_encoding=encoding, depth=maps, points=None)
    return cast(VggtPrediction, told)


def test_a_frame_is_new_by_the_share_of_what_both_see() -> None:
    # 16 columns of points, 4/15 apart from -2 to 2: a step of 1 leaves those from -1 on, 12 of 16.
    for overlap, new in ((0.76, True), (0.75, False), (0.74, False)):
        views = NewViews(overlap)
        assert views.is_new(wall(0.0), 0)
        assert views.is_new(wall(1.0), 0) is new
        assert views.is_new(wall(-1.0), 0) is new  # from the last that stayed: a step of 1, or of 2


def test_it_is_the_last_that_stayed_and_not_the_last_that_frames_are_held_against() -> None:
    views = NewViews(0.7)
    # Shares of 16 columns that are left: 15, 14, 13, 12, 11 at steps of 1/4 of a unit.
    stayed = [views.is_new(wall(0.25 * step), 0) for step in range(11)]
    assert [step for step, new in enumerate(stayed) if new] == [0, 5, 10]


def test_a_camera_that_goes_closer_sees_less_and_one_that_goes_back_more() -> None:
    # At half the distance half of the columns and of the rows are seen: 8 x 8 of 16 x 16.
    for overlap, new in ((0.26, True), (0.25, False)):
        for first, second in ((0.0, 1.0), (1.0, 0.0)):
            views = NewViews(overlap)
            assert views.is_new(wall(0.0, first), 0)
            assert views.is_new(wall(0.0, second), 0) is new


def test_what_nobody_can_tell_stays() -> None:
    off, blind = NewViews(0.0), NewViews(0.9)
    for _ in range(3):
        assert off.is_new(wall(0.0), 0) and blind.is_new(wall(0.0, depth=False), 0)


@pytest.mark.parametrize("policy", ["overlap", "tokens", "special"])
def test_keyframes_stay_and_the_others_see_them_and_go(model: Vggt, policy: str) -> None:
    images = random_images(12)
    free = StreamSession(model, SessionOptions(heads=DEPTH))
    # A network of random weights moves the camera little: the overlap that about half fall below.
    shares = sorted(shares_of([free.step(image[None]) for image in images]))
    limit = shares[len(shares) // 2]
    session = StreamSession(model, SessionOptions(policy=policy, cache_overlap=limit, heads=DEPTH))
    told = [session.step(image[None]) for image in images]
    expected = [0]
    for number in range(1, len(images)):
        if shares_of([told[expected[-1]], told[number]])[0] < limit:
            expected.append(number)
    assert 1 < len(expected) < len(images)
    assert session.cameras is not None and sorted(session.cameras.frames) == expected
    plain = StreamSession(model, SessionOptions(heads=DEPTH))
    for number, image in enumerate(images):
        if number in expected:
            again = plain.step(image[None])
            assert again.depth is not None and told[number].depth is not None
            torch.testing.assert_close(told[number].depth, again.depth, rtol=1e-4, atol=1e-5)
    assert session.cache_bytes == plain.cache_bytes


def shares_of(told: list[VggtPrediction]) -> list[float]:
    """Of each with the one before it."""
    shares = []
    for a, b in pairwise(told):
        ours, theirs = world_points(a, 0), world_points(b, 0)
        assert ours is not None and theirs is not None
        there = seen_share(ours, b.pose_encoding[0, 0])
        back = seen_share(theirs, a.pose_encoding[0, 0])
        shares.append(float(min(there, back)))
    return shares


def test_a_session_that_begins_anew_keeps_its_first_frame(model: Vggt) -> None:
    session = StreamSession(model, SessionOptions(cache_overlap=0.01))
    for _ in range(2):
        for image in random_images(4):
            session.step(image[None])
        assert session.cameras is not None and session.cameras.frames[0] == 0
        session.reset()


@pytest.mark.parametrize("policy", ["overlap", "tokens"])
def test_keyframes_keep_a_budget(model: Vggt, policy: str) -> None:
    images, sizes = random_images(7), set()
    whole = StreamSession(model, SessionOptions(heads=Heads(False, False)))
    whole.step(images[:1])
    budget = 6 * whole.cache_bytes
    session = StreamSession(model, SessionOptions(budget=budget, policy=policy, cache_overlap=1.0))
    for number in range(80):
        session.step(images[number % 7][None])
        if number > 30:
            sizes.add(session.allocated_bytes)
    assert len(sizes) == 1 and session.cache_bytes <= budget


def test_of_two_rules_for_what_stays_one_is_left_out() -> None:
    options: dict[str, Any] = {"cache_every": 2, "cache_overlap": 0.5}
    with pytest.raises(ConfigError, match="leave one of them out") as caught:
        SessionOptions(**options)
    assert "\n" not in str(caught.value)
