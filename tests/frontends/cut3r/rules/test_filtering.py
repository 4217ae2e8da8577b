"""The filter of FILT3R against numbers worked out by hand: three tokens, four frames."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from mapper.frontends.cut3r.model import blend, gate_of
from mapper.frontends.cut3r.rules.filtering import FilterRule
from mapper.frontends.cut3r.state import Cut3rState
from mapper.frontends.cut3r.update_rules import Change

# One channel a token, so that a change's norm is its size. The first token stands still, the
# second drifts by 1, the third jumps by 8 at the second frame and then stands.
CANDIDATES = [[5.0, 0.0, 0.0], [5.0, 1.0, 8.0], [5.0, 2.0, 8.0], [5.0, 3.0, 8.0]]


def change(candidates: list[float], before: Cut3rState, permission: float = 1.0) -> Change:
    candidate = torch.tensor(candidates)[None, :, None]
    features = torch.ones(1, 2, 4)
    return Change(
        permission=torch.full((1, 1, 1), permission),
        candidate=candidate,
        previous_candidate=candidate if before.candidate is None else before.candidate,
        features=features,
        previous_features=features,
        image_tokens=features,
        observer=None,
        memory=before.rule,
    )


def first_state() -> Cut3rState:
    fresh = torch.tensor([True])
    return Cut3rState(torch.full((1, 3, 1), -7.0), torch.zeros(1, 1, 2), None, None, fresh, fresh)


def after(state: Cut3rState, shown: Change) -> Cut3rState:
    blended = blend(state, shown, gate_of(FilterRule(), shown, state), state.memory)
    seen = torch.tensor([False])
    return Cut3rState(
        blended.tokens,
        blended.memory,
        blended.candidate,
        blended.features,
        seen,
        seen,
        blended.rule,
    )


def stream(count: int) -> Cut3rState:
    state = first_state()
    for candidates in CANDIDATES[:count]:
        state = after(state, change(candidates, state))
    return state


def gain_of(state: Cut3rState, shown: Change) -> list[float]:
    gain: Tensor = gate_of(FilterRule(), shown, state).coefficient
    return gain.flatten().tolist()


def test_the_first_frame_replaces_the_state_and_is_noted_with_a_change_of_one() -> None:
    # d = 1, m = 1, g = 1: q = 0.02, P- = 1.52, K = 1.52 / 2.52, and P = K where the other
    # variance is 1: (1 - K)^2 1.52 + K^2 = 0.603175.
    state = stream(1)
    assert state.tokens.flatten().tolist() == CANDIDATES[0]
    variance, usual, _ = state.rule
    assert variance.flatten().tolist() == pytest.approx([1.52 / 2.52] * 3, abs=1e-6)
    assert usual.item() == pytest.approx(1.0)


def test_the_second_frame_follows_what_jumps_more_than_what_stands() -> None:
    # d = 0, 1, 8: m = 0.95 + 0.05 * 3 = 1.1, g = 0, 0.91, 7.27: q = 0.02, 0.02, 0.5.
    state = stream(1)
    standing = 0.603175 + 0.02
    jumping = 0.603175 + 0.5
    gain = gain_of(state, change(CANDIDATES[1], state))
    expected = [standing / (1 + standing)] * 2 + [jumping / (1 + jumping)]
    assert gain == pytest.approx(expected, abs=1e-6)
    assert expected == pytest.approx([0.383924, 0.383924, 0.524528], abs=1e-5)
    # state += K (c - state): 5 stays 5, 0 goes to 0.3839, 0 to 8 * 0.5245.
    assert stream(2).tokens.flatten().tolist() == pytest.approx([5, 0.383924, 4.196224], abs=1e-4)


def test_all_four_frames_follow_the_written_formula_token_by_token() -> None:
    state, usual = [0.0] * 3, 1.0
    variance = [1.5] * 3
    for number, candidates in enumerate(CANDIDATES):
        before = CANDIDATES[max(number - 1, 0)]
        moved = [
            1.0 if number == 0 else abs(c - b) for c, b in zip(candidates, before, strict=True)
        ]
        usual = max(0.95 * usual + 0.05 * sum(moved) / 3, 0.01)
        for token in range(3):
            noise = 0.02 + 0.48 / (1 + math.exp(-20 * (moved[token] / usual - 3)))
            predicted = variance[token] + noise
            gain = min(max(predicted / (predicted + 1), 0.01), 0.99)
            variance[token] = (1 - gain) ** 2 * predicted + gain**2
            step = 1.0 if number == 0 else gain
            state[token] += step * (candidates[token] - state[token])
    found = stream(4)
    assert found.tokens.flatten().tolist() == pytest.approx(state, abs=1e-4)
    assert found.rule[0].flatten().tolist() == pytest.approx(variance, abs=1e-5)
    assert found.rule[1].item() == pytest.approx(usual, abs=1e-6)


def test_a_standing_scene_is_written_less_and_less_down_to_the_steady_gain() -> None:
    state, gains = stream(1), []
    for _ in range(60):
        shown = change(CANDIDATES[0], state)
        gains.append(gain_of(state, shown)[0])
        state = after(state, shown)
    assert all(later <= earlier for earlier, later in itertools.pairwise(gains))
    # Where P stays as it is: P = P- / (P- + 1) with P- = P + 0.02, so P^2 + 0.02 P - 0.02 = 0.
    assert gains[-1] == pytest.approx((-0.02 + math.sqrt(0.02**2 + 0.08)) / 2, abs=1e-3)


def test_without_permission_the_filter_takes_no_note() -> None:
    state = stream(2)
    later = after(state, change(CANDIDATES[2], state, permission=0.0))
    torch.testing.assert_close(later.tokens, state.tokens)
    for now, before in zip(later.rule, state.rule, strict=True):
        torch.testing.assert_close(now, before)
