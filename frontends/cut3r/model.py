"""CUT3R as a stream: one frame in, a prediction and the next state out."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from mapper.frontends.cut3r.network import Cut3rNetwork, Decoded
from mapper.frontends.cut3r.state import Cut3rPrediction, Cut3rState, StreamInput
from mapper.frontends.cut3r.stepping import Rollout, StepOptions
from mapper.frontends.cut3r.update_rules import Change, Gate, UpdateRule
from mapper.frontends.layers.attention import LogitObserver
from mapper.frontends.layers.encoded import Encoded


class Cut3r(Cut3rNetwork):
    """`state = model.initial_state(batch)`; `prediction, state = model.step(image, state)`."""

    def initial_state(self, batch: int = 1) -> Cut3rState:
        """The state before the first frame; it does not depend on the images."""
        tokens, memory = self.initial(batch)
        fresh = torch.ones(batch, dtype=torch.bool)
        return Cut3rState(tokens, memory, None, None, learned_pose=fresh, plain_gate=fresh)

    def step(
        self, view: StreamInput | Tensor, state: Cut3rState, options: StepOptions | None = None
    ) -> tuple[Cut3rPrediction, Cut3rState]:
        """One frame of every sequence of the batch; an image (B, 3, H, W) stands for its view.

        The prediction of a frame never depends on its own gate or reset: those act afterwards.
        """
        options = options or StepOptions()
        view = StreamInput(image=view) if isinstance(view, Tensor) else view
        observer = options.rule.observer()
        encoded = self.encode(view, options.rollout)
        decoded = self.decode(encoded, state, observer)
        prediction = self.predict(encoded, decoded, options)
        change = self.change(view, encoded, decoded, state, observer)
        gate = gate_of(options.rule, change, state)
        memory = state.memory
        if bool(view.permission.any()):
            memory = self.written_memory(encoded, decoded, state)
        blended = blend(state, change, gate, memory)
        fresh = options.rule.initial(change) if bool(view.resets.any()) else ()
        return prediction, self.after_reset(blended, view, options.rollout, fresh)

    def change(
        self,
        view: StreamInput,
        encoded: Encoded,
        decoded: Decoded,
        state: Cut3rState,
        observer: LogitObserver | None,
    ) -> Change:
        """What the update rule is shown of this frame."""
        permission = on_device(view.permission, decoded.candidate)[:, None, None]
        return Change(
            permission=permission,
            candidate=decoded.candidate,
            previous_candidate=first_of(state.candidate, decoded.candidate),
            features=encoded.features,
            previous_features=first_of(state.features, encoded.features),
            image_tokens=decoded.image_tokens_in,
            observer=observer,
            memory=state.rule,
        )

    def after_reset(
        self,
        state: Cut3rState,
        view: StreamInput,
        rollout: Rollout,
        fresh: tuple[Tensor, ...] = (),
    ) -> Cut3rState:
        """The state with the sequences whose view says so back at their beginning.

        Candidate and features stay: TTSA3R compares across a reset, as published. fresh: what the
        rule remembers before a first frame, for a rule that remembers anything.
        """
        resets = view.resets
        state = replace(
            state,
            learned_pose=resets & rollout.learned_pose_after_reset,
            plain_gate=resets & rollout.plain_gate_after_reset,
        )
        if not bool(resets.any()):
            return state
        tokens, memory = self.initial(len(resets))
        chosen = resets.to(tokens.device)[:, None, None]
        return replace(
            state,
            tokens=torch.where(chosen, tokens, state.tokens),
            memory=torch.where(chosen, memory, state.memory),
            rule=tuple(
                torch.where(chosen.view(-1, *(1,) * (now.ndim - 1)), first, now)
                for first, now in zip(fresh, state.rule, strict=True)
            ),
        )


def on_device(mask: Tensor, like: Tensor) -> Tensor:
    """(B,) bool on the CPU as numbers where `like` is, and of its type; made there if all agree:
    a copy in the midst of a frame would wait for it."""
    if bool(mask.all()):
        return like.new_ones(len(mask))
    return mask.to(like)


def first_of(before: Tensor | None, now: Tensor) -> Tensor:
    """What the frame before left, or this frame's own where there was none."""
    return now if before is None else before


def gate_of(rule: UpdateRule, change: Change, state: Cut3rState) -> Gate:
    """The rule's gate, but the bare permission where the state is replaced whatever the rule.

    A rule that remembers takes note of those frames, too.
    """
    if bool(state.plain_gate.all()) and not rule.remembers:
        return Gate(change.permission)
    gate = rule.gate(change)
    if not bool(state.plain_gate.any()):
        return gate
    plain = state.plain_gate.to(change.permission.device)[:, None, None]
    return replace(gate, coefficient=torch.where(plain, change.permission, gate.coefficient))


def blend(state: Cut3rState, change: Change, gate: Gate, memory: Tensor) -> Cut3rState:
    """The state moved by the gate; the memory knows only the permission, whatever the rule."""
    share, permission = gate.coefficient, change.permission
    return replace(
        state,
        tokens=share * change.candidate + (1 - share) * state.tokens,
        memory=permission * memory + (1 - permission) * state.memory,
        candidate=change.candidate,
        features=change.features,
        rule=gate.memory,
    )
