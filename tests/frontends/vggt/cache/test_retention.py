"""Which frames a full cache keeps, and what that costs against keeping all."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from golden.recording import Golden, load_tensors
from golden.vggt_sequences import build
from torch import Tensor

from mapper.errors import ConfigError
from mapper.frontends.vggt.cache.retention import POLICIES, KeptFrame, victim
from mapper.frontends.vggt.cache.session_options import SessionOptions
from mapper.frontends.vggt.network import Heads, Vggt
from mapper.frontends.vggt.session import StreamSession
from tests.support.paths import COMMITTED_GOLDEN

FOLDER = COMMITTED_GOLDEN / "vggt"
# Out, a rest, back, another rest, out again: what a camera in a room does.
WALK = (*range(9), 8, 8, *range(7, -1, -1), 0, 0, *range(1, 5))


def kept(*frames: tuple[int, list[float], float]) -> dict[int, KeptFrame]:
    return {
        number: KeptFrame(number, torch.tensor(descriptor), attention)
        for number, descriptor, attention in frames
    }


FRAMES = kept(
    (0, [1.0, 0.0], 1.0),
    (1, [0.0, 1.0], 1.4),
    (2, [0.1, 1.0], 0.3),
    (3, [-1.0, 0.2], 0.2),
    (4, [-1.0, -1.0], 0.1),
    (5, [0.3, -1.0], 0.0),
)


def test_each_policy_drops_what_it_says() -> None:
    assert victim(FRAMES, "recency") == 1
    assert victim(FRAMES, "overlap") == 1  # and 2 see the same; the older one goes
    assert victim(FRAMES, "attention") == 3  # 4 and 5 are the last ones, which stay


@pytest.mark.parametrize("policy", POLICIES)
def test_the_anchor_always_stays(policy: str) -> None:
    frames = dict(FRAMES)
    while len(frames) > 1:
        del frames[victim(frames, policy)]
        assert 0 in frames
    with pytest.raises(ConfigError, match="nothing to drop"):
        victim(frames, policy)


def test_attention_is_a_running_mean() -> None:
    frame = KeptFrame(1, torch.zeros(2)).after(2.0).after(0.0)
    assert frame.attention == pytest.approx(0.9 * (0.9 + 0.1 * 2.0))


def outputs(model: Vggt, images: Tensor, options: SessionOptions) -> tuple[Tensor, int]:
    """Camera positions (frames, 3), and the bytes of the cache."""
    session = StreamSession(model, replace(options, heads=Heads(depth=False, points=False)))
    encodings = [session.step(image[None]).pose_encoding[0, 0, :3] for image in images]
    return torch.stack(encodings), session.cache_bytes


def policy_errors(model: Vggt, images: Tensor, frames: int, shared: bool) -> dict[str, float]:
    """Mean distance of the cameras from those of the unbounded run, by policy, in a cache of so
    many frames."""
    free, size = outputs(model, images, SessionOptions(shared_camera_cache=shared))
    budget = size // len(images) * frames
    errors = {}
    for policy in POLICIES:
        options = SessionOptions(shared_camera_cache=shared, budget=budget, policy=policy)
        bounded, taken = outputs(model, images, options)
        assert taken <= budget
        errors[policy] = float((bounded - free).norm(dim=1).mean())
    return errors


@pytest.mark.parametrize("name", ["stream3r", "streamvggt"])
def test_spread_out_keyframes_stay_closer_to_the_unbounded_run_than_the_last_frames(
    name: str,
) -> None:
    model = build(Golden.open(FOLDER / f"{name}_tiny_weights.json"))
    images = load_tensors(FOLDER / f"{name}_tiny_inputs.safetensors")["images"][list(WALK)]
    errors = policy_errors(model, images, 9, shared=name == "streamvggt")
    assert 0 < errors["overlap"] < errors["recency"]
    more = policy_errors(model, images, 18, shared=name == "streamvggt")
    assert all(more[policy] < errors[policy] for policy in POLICIES)
