"""CUT3R as a stream: gates, resets, masks, queries, constant memory. Needs no recorded data."""

from __future__ import annotations

import gc
import resource
from dataclasses import replace

import pytest
import torch
from golden.cut3r_sequences import query
from torch import Tensor

from mapper.errors import InputError
from mapper.frontends.cut3r.frame_step import tensors_of
from mapper.frontends.cut3r.model import Cut3r, gate_of
from mapper.frontends.cut3r.rules.chosen import RULES
from mapper.frontends.cut3r.rules.filtering import FilterRule
from mapper.frontends.cut3r.rules.remedies import Brake, Chunks, FrameGate
from mapper.frontends.cut3r.state import Cut3rState, StreamInput
from mapper.frontends.cut3r.stepping import (
    FRAME_BY_FRAME,
    FRAME_BY_FRAME_TTT3R,
    StepOptions,
    whole_sequence,
)
from mapper.frontends.cut3r.update_rules import (
    AttentionRule,
    Change,
    DampedRule,
    Gate,
    TemporalSpatialRule,
)
from mapper.frontends.layers.attention import LogitObserver
from tests.support.networks.cut3r_streams import revisited, stream
from tests.support.networks.tiny_cut3r import random_network

HEIGHT, WIDTH = 48, 64


pytestmark = pytest.mark.usefixtures("without_gradients")


@pytest.fixture(scope="module")
def model() -> Cut3r:
    return random_network()


def image(seed: int, batch: int = 1) -> Tensor:
    return (
        torch.rand(batch, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    )


def rays(seed: int) -> Tensor:
    return torch.randn(1, HEIGHT, WIDTH, 6, generator=torch.Generator().manual_seed(seed))


class AllLogits:
    """What the gates avoid: every map of every layer."""

    def __init__(self, inner: LogitObserver) -> None:
        self.inner = inner
        self.layers: list[Tensor] = []

    def add(self, query: Tensor, key: Tensor) -> None:
        scale = query.shape[-1] ** -0.5
        self.layers.append(torch.einsum("bmhd,bnhd->bhmn", query, key) * scale)
        self.inner.add(query, key)


def second_frame(
    model: Cut3r, rule: AttentionRule | TemporalSpatialRule
) -> tuple[Tensor, Change, Gate]:
    """(logits (L, B, heads, S, 1 + n), what the rule sees, its gate)."""
    _, state = model.step(image(0), model.initial_state(), StepOptions(rule))
    inner = rule.observer()
    observer = AllLogits(inner)
    view = StreamInput(image=image(1))
    encoded = model.encode(view, FRAME_BY_FRAME)
    change = model.change(view, encoded, model.decode(encoded, state, observer), state, inner)
    return torch.stack(observer.layers), change, gate_of(rule, change, state)


def test_the_ttt3r_gate_equals_the_mean_of_materialised_logits(model: Cut3r) -> None:
    logits, _, gate = second_frame(model, AttentionRule())
    naive = logits.mean((0, 2, 4)).sigmoid()[..., None]
    torch.testing.assert_close(gate.coefficient, naive, rtol=1e-5, atol=1e-6)


def test_the_ttsa3r_gate_equals_its_formula_on_materialised_logits(model: Cut3r) -> None:
    logits, change, gate = second_frame(model, TemporalSpatialRule())
    magnitude = logits.mean((0, 2))[..., 1:].abs()
    dissimilarity = 1 - torch.cosine_similarity(change.features, change.previous_features, -1)
    spatial = (magnitude * dissimilarity[:, None]).amax(-1).sigmoid()
    moved = (change.candidate - change.previous_candidate).norm(dim=-1)
    temporal = (moved / moved.mean() - 1.5).sigmoid()
    torch.testing.assert_close(gate.coefficient[..., 0], spatial * temporal, rtol=1e-5, atol=1e-6)


def test_the_first_frame_replaces_the_state_whatever_the_rule(model: Cut3r) -> None:
    states = [
        model.step(image(0), model.initial_state(), StepOptions(rule()))[1].tokens
        for rule in RULES.values()
    ]
    for tokens in states[1:]:
        torch.testing.assert_close(tokens, states[0])


def test_the_damped_rule_goes_half_way(model: Cut3r) -> None:
    _, before = model.step(image(0), model.initial_state())
    _, plain = model.step(image(1), before)
    _, damped = model.step(image(1), before, StepOptions(DampedRule(0.5)))
    torch.testing.assert_close(damped.tokens, (plain.tokens + before.tokens) / 2)


@pytest.mark.parametrize("rule", ["cut3r", "damped", "ttt3r"])
def test_without_permission_state_and_memory_stay(model: Cut3r, rule: str) -> None:
    _, before = model.step(image(0), model.initial_state())
    view = StreamInput(image=image(1), update=torch.tensor([False]))
    _, after = model.step(view, before, StepOptions(RULES[rule]()))
    torch.testing.assert_close(after.tokens, before.tokens)
    torch.testing.assert_close(after.memory, before.memory)


def test_ttsa3r_moves_the_state_but_not_the_memory_without_permission(model: Cut3r) -> None:
    _, before = model.step(image(0), model.initial_state())
    view = StreamInput(image=image(1), update=torch.tensor([False]))
    _, after = model.step(view, before, StepOptions(TemporalSpatialRule()))
    assert (after.tokens - before.tokens).abs().max() > 1e-3
    torch.testing.assert_close(after.memory, before.memory)


def test_a_reset_acts_after_its_frame(model: Cut3r) -> None:
    _, before = model.step(image(0), model.initial_state())
    plain, _ = model.step(image(1), before)
    reset, after = model.step(StreamInput(image=image(1), reset=torch.tensor([True])), before)
    torch.testing.assert_close(reset.pose, plain.pose)
    fresh = model.initial_state()
    torch.testing.assert_close(after.tokens, fresh.tokens)
    torch.testing.assert_close(after.memory, fresh.memory)


def test_only_ttt3r_starts_a_new_chunk_from_the_learned_pose_token(model: Cut3r) -> None:
    first, _ = model.step(image(2), model.initial_state())
    view = StreamInput(image=image(1), reset=torch.tensor([True]))
    same = {}
    for name, rollout in (("cut3r", FRAME_BY_FRAME), ("ttt3r", FRAME_BY_FRAME_TTT3R)):
        options = StepOptions(rollout=rollout)
        _, state = model.step(view, model.initial_state(), options)
        again, _ = model.step(image(2), state, options)
        same[name] = torch.allclose(again.pose, first.pose)
    assert same == {"cut3r": False, "ttt3r": True}


def test_masked_rows_may_be_full_of_nan(model: Cut3r) -> None:
    view = StreamInput(
        image=torch.full_like(image(0), torch.nan),
        ray_map=rays(0),
        image_mask=torch.tensor([False]),
        ray_mask=torch.tensor([True]),
    )
    for rollout in (FRAME_BY_FRAME, whole_sequence(any_ray_map=True)):
        prediction, _ = model.step(view, model.initial_state(), StepOptions(rollout=rollout))
        assert prediction.pointmap.isfinite().all()


def test_masked_tokens_make_whole_sequences_differ_only_with_ray_maps(model: Cut3r) -> None:
    model.masked_ray_map_token.fill_(0.5)
    frame = model.encode(StreamInput(image=image(0)), FRAME_BY_FRAME).features
    alone = model.encode(StreamInput(image=image(0)), whole_sequence(any_ray_map=False)).features
    mixed = model.encode(StreamInput(image=image(0)), whole_sequence(any_ray_map=True)).features
    torch.testing.assert_close(alone, frame)
    torch.testing.assert_close(mixed, frame + 0.5)


@pytest.mark.parametrize("rule", RULES)
def test_sequences_of_a_batch_do_not_touch_one_another(model: Cut3r, rule: str) -> None:
    options = StepOptions(RULES[rule](), world=True, rgb=True)
    together = list(
        stream(model, [StreamInput(torch.cat([image(i), image(i + 9)])) for i in range(3)], options)
    )
    for row, offset in enumerate((0, 9)):
        alone = list(stream(model, [StreamInput(image(i + offset)) for i in range(3)], options))
        # Rounding in half precision (image encoder) lets the batch size show a little.
        for a, b in zip(together, alone, strict=True):
            torch.testing.assert_close(a.pose[row], b.pose[0], rtol=1e-3, atol=1e-4)


def test_a_query_leaves_the_state_alone_and_needs_no_image(model: Cut3r) -> None:
    _, state = model.step(image(0), model.initial_state())
    kept = replace(state, tokens=state.tokens.clone(), memory=state.memory.clone())
    prediction = query(model, rays(1), state, StepOptions(rgb=True))
    assert prediction.rgb is not None and prediction.rgb.shape == (1, HEIGHT, WIDTH, 3)
    torch.testing.assert_close(state.tokens, kept.tokens)
    torch.testing.assert_close(state.memory, kept.memory)


def test_a_revisit_without_update_leaves_the_state_of_the_first_pass(model: Cut3r) -> None:
    views = [StreamInput(image(i)) for i in range(2)]
    state: Cut3rState = model.initial_state()
    ends = []
    for view in revisited(views, passes=2, update=False):
        _, state = model.step(view, state)
        ends.append(state.tokens)
    torch.testing.assert_close(ends[3], ends[1])


def test_only_what_is_asked_for_is_computed(model: Cut3r) -> None:
    prediction, _ = model.step(image(0), model.initial_state())
    assert prediction.pointmap_world is None and prediction.rgb is None
    assert prediction.pointmap.shape == (1, HEIGHT, WIDTH, 3)
    assert prediction.confidence.shape == (1, HEIGHT, WIDTH)
    assert prediction.pose.shape == (1, 7)


def test_sizes_that_are_no_whole_patches_are_refused(model: Cut3r) -> None:
    with pytest.raises(InputError, match="multiples of 16"):
        model.step(torch.zeros(1, 3, 40, 64), model.initial_state())


def test_memory_stays_flat_over_500_frames_whatever_is_on_top(model: Cut3r) -> None:
    state = model.initial_state()
    braked = Brake(TemporalSpatialRule(), share=0.8, sharpness=2.0)
    options = StepOptions(Chunks(FrameGate(braked, 0.5), chunks=5, written=2))
    early = 0
    for i in range(500):
        _, state = model.step(image(i % 7), state, options)
        if i == 20:
            gc.collect()
            early = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - early
    # KiB on Linux. One frame's outputs are 64 KiB: keeping them would cost 30 MiB.
    assert grown < 4096
    assert state.tokens.isfinite().all()


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_leaves_as_much_with_every_frame(model: Cut3r, rule: str) -> None:
    state, sizes = model.initial_state(), []
    for i in range(4):
        _, state = model.step(image(i), state, StepOptions(RULES[rule]()))
        sizes.append([part.shape for part in tensors_of(state)])
    assert sizes[1:] == sizes[:-1]


def test_a_reset_starts_the_rule_anew_in_the_sequence_that_asks_for_it(model: Cut3r) -> None:
    options = StepOptions(FilterRule())
    _, state = model.step(image(0, batch=2), model.initial_state(2), options)
    view = StreamInput(image=image(1, batch=2), reset=torch.tensor([False, True]))
    _, state = model.step(view, state, options)
    variance, usual, seen = state.rule
    assert seen.flatten().tolist() == [1, 0] and usual[1] == 1
    assert bool((variance[0] < 1).all()) and bool((variance[1] == 1.5).all())
