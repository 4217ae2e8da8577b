"""FILT3R: every token of the state is filtered, by how much its candidates wander."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from torch import Tensor

from mapper.frontends.cut3r.update_rules import Change, Gate

FIRST_VARIANCE: Final = 1.5  # of a token before the first frame, in units of a candidate's variance
FIRST_CHANGE: Final = 1.0  # of a candidate, at a frame that has none before it
NOVELTY: Final = 0.05  # weight of a frame in the running mean of the changes
SMALLEST_MEAN: Final = 0.01
LEAST_NOISE, MORE_NOISE = 0.02, 0.48
STEEPNESS, MANY_TIMES = 20.0, 3.0  # where a change is so many times the usual, noise rises
LEAST_GAIN, MOST_GAIN = 0.01, 0.99


@dataclass(frozen=True, slots=True)
class FilterRule:
    """A Kalman filter a token, whose observation is the candidate with a variance of one.

    What the state may have changed by itself since the last frame, the process noise, is told by
    the change of the candidate against what is usual. No attention is read. As everywhere, the
    first frame replaces the state; the filter has taken note of it.
    Memory: variance (B, S) of every token, usual change (B, 1), 1 once there was a frame (B, 1).
    Source: the description of FILT3R, 2026.
    """

    remembers: ClassVar = True

    def observer(self) -> None:
        """None: the attention is not looked at."""
        return None

    def initial(self, change: Change) -> tuple[Tensor, ...]:
        """Tokens that are known less well than one candidate tells them."""
        like = change.candidate.float()
        one = like.new_ones(len(like), 1)
        variance = like.new_full(like.shape[:2], FIRST_VARIANCE)
        return variance, one * FIRST_CHANGE, one * 0

    def gate(self, change: Change) -> Gate:
        """The filter's gain. Without permission it neither moves the state nor takes note."""
        variance, usual, seen = memory = change.memory or self.initial(change)
        moved = (change.candidate - change.previous_candidate).float().norm(dim=-1)
        moved = moved.where(seen > 0, FIRST_CHANGE)
        usual = usual + NOVELTY * (moved.mean(-1, keepdim=True) - usual)
        usual = usual.clamp(min=SMALLEST_MEAN)
        surprise = (STEEPNESS * (moved / usual - MANY_TIMES)).sigmoid()
        predicted = variance + LEAST_NOISE + MORE_NOISE * surprise
        gain = (predicted / (predicted + 1)).clamp(LEAST_GAIN, MOST_GAIN)
        variance = (1 - gain) ** 2 * predicted + gain**2
        permitted = change.permission[..., 0] > 0
        noted = (variance, usual, seen * 0 + 1)
        return Gate(
            change.permission * gain[..., None],
            {"filt_gain": gain},
            tuple(now.where(permitted, old) for now, old in zip(noted, memory, strict=True)),
        )
