"""Brake, frame gate and chunks on top of a rule, against numbers worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from mapper.frontends.cut3r.rules.filtering import FilterRule
from mapper.frontends.cut3r.rules.remedies import Brake, Chunks, FrameGate
from mapper.frontends.cut3r.update_rules import Change, DampedRule, Gate, UpdateRule

HALF = DampedRule(0.5)


def change(candidate: Tensor, previous: Tensor, features: Tensor | None = None) -> Change:
    shown = torch.ones(1, 2, 2) if features is None else features
    ones = torch.ones(1, 1, 1)
    return Change(ones, candidate, previous, shown, shown, candidate[:, :1], None)


def gates(rule: UpdateRule, changes: list[Change]) -> list[Gate]:
    memory: tuple[Tensor, ...] = ()
    told = []
    for shown in changes:
        told.append(rule.gate(replace(shown, memory=memory)))
        memory = told[-1].memory
    return told


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_the_brake_holds_back_what_drifts_one_way() -> None:
    # Three tokens in the plane, four frames. The first goes on the same way, the second to and
    # fro, the third turns by a right angle each time.
    frames = torch.tensor(
        [
            [[0, 0], [0, 0], [0, 0]],
            [[1, 0], [1, 0], [1, 0]],
            [[2, 0], [0, 0], [1, 1]],
            [[3, 0], [1, 0], [0, 1]],
        ]
    ).float()[:, None]
    shown = [change(now, frames[max(i - 1, 0)]) for i, now in enumerate(frames)]
    told = gates(Brake(HALF, share=0.8, sharpness=2.0), shown)
    # Before there are two changes the cosine is 0 and the sigmoid a half: 0.5 * 0.8 * 0.5.
    for first in told[:2]:
        assert first.coefficient.flatten().tolist() == pytest.approx([0.2] * 3)
    expected = [0.4 * sigmoid(-2), 0.4 * sigmoid(2), 0.4 * sigmoid(0)]
    for later in told[2:]:
        assert later.coefficient.flatten().tolist() == pytest.approx(expected, abs=1e-6)


def test_the_frame_gate_writes_what_is_new_and_stops_when_the_camera_stands() -> None:
    # Features of one cell turn by 60 degrees at the second frame, and stay: 1 - cos = 0.5.
    turned = torch.tensor([[math.cos(math.pi / 3), math.sin(math.pi / 3)]]).expand(1, 2, 2)
    straight = torch.tensor([[1.0, 0.0]]).expand(1, 2, 2)
    still = torch.zeros(1, 3, 2)
    shown = [change(still, still, each) for each in (straight, turned, turned, turned)]
    told = gates(FrameGate(HALF, change_of_a_frame=1.0), shown)
    factors = [gate.coefficient.item() / 0.5 for gate in told]
    # The written features go half of the way to (0.75, 0.433), 30 degrees off: 1 - cos 30 deg.
    assert factors[:3] == pytest.approx([0.0, 0.5, 1 - math.sqrt(3) / 2], abs=1e-6)
    assert factors[3] < factors[2]


def test_a_standing_camera_writes_next_to_nothing_in_a_thousand_noisy_frames() -> None:
    generator = torch.Generator().manual_seed(5)
    view = torch.randn(1, 40, 16, generator=generator)
    noisy = [view + 0.02 * torch.randn(view.shape, generator=generator) for _ in range(1000)]
    still = torch.zeros(1, 3, 2)
    told = gates(FrameGate(HALF, change_of_a_frame=0.1), [change(still, still, n) for n in noisy])
    kept = math.prod(1 - gate.coefficient.item() for gate in told[:100])
    assert kept > 0.5  # a half step at each of a hundred frames would leave 1e-30


def test_a_slow_camera_is_written_though_no_step_is_large() -> None:
    # 2 degrees a frame: 1 - cos = 0.0006 from frame to frame, but what is written lags behind.
    angles = [math.radians(2 * i) for i in range(100)]
    features = [torch.tensor([[[math.cos(a), math.sin(a)]]]) for a in angles]
    still = torch.zeros(1, 3, 2)
    told = gates(
        FrameGate(HALF, change_of_a_frame=0.1), [change(still, still, f) for f in features]
    )
    assert sum(gate.coefficient.item() / 0.5 for gate in told) > 5


def test_only_the_chunks_that_agree_least_are_written_and_never_the_anchor() -> None:
    # Six tokens in three chunks; the mean image token is (1, 0). Agreement: -9, 3, 1.
    candidate = torch.tensor([[[-9, 0], [-9, 0], [2, 5], [4, 5], [1, 0], [1, 0]]]).float()
    shown = replace(change(candidate, candidate), image_tokens=torch.tensor([[[2.0, 1], [0, -1]]]))
    one = Chunks(HALF, chunks=3, written=1).gate(shown)
    assert one.coefficient.flatten().tolist() == [0, 0, 0, 0, 0.5, 0.5]
    both = Chunks(HALF, chunks=3, written=2).gate(shown)
    assert both.coefficient.flatten().tolist() == [0, 0, 0.5, 0.5, 0.5, 0.5]


def test_remedies_stack_and_each_keeps_its_own_memory() -> None:
    rng = torch.Generator().manual_seed(1)
    frames = torch.randn(4, 1, 3, 2, generator=rng)
    features = torch.randn(4, 1, 5, 2, generator=rng)
    shown = [change(now, frames[max(i - 1, 0)], features[i]) for i, now in enumerate(frames)]
    braked, gated = Brake(FilterRule(), 0.8, 2.0), FrameGate(HALF, 1.0)
    together = gates(Chunks(FrameGate(braked, 1.0), 3, 2), shown)
    apart = [gates(rule, shown) for rule in (braked, gated, Chunks(HALF, 3, 2))]
    for whole, brake, gate, chunk in zip(together, *apart, strict=True):
        product = brake.coefficient * (gate.coefficient / 0.5) * (chunk.coefficient / 0.5)
        torch.testing.assert_close(whole.coefficient, product)
