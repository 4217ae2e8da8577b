"""Levenberg-Marquardt over all keyframes, on the device where they are."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from mapper.backend.alignment.geometry import State
from mapper.backend.alignment.matching import Matches, compared_at
from mapper.backend.alignment.normal_equations import assemble
from mapper.backend.alignment.problem import Problem

MAX_TRIALS = 5  # of a step, each damped ten times as much as the one before
# Of the cost: a step that gains less is a round's last. A tenth of it changed nothing on the walk
# that is named at alignment.SETTLED.
SMALL_GAIN = 1e-3


def optimise(
    problem: Problem, state: State, matches: Matches, steps: int, damping: float = 1e-4
) -> tuple[State, tuple[float, float], float]:
    """(the state after at most `steps` accepted steps, the cost at the start and what they left
    of it, the damping to go on with). A step that raises the cost is undone and tried shorter.

    A step is judged on the residuals that there were before it: those that come and go with the
    poses would have most steps refused. Which depths are compared is seen anew after each. Of
    each step, and of each trial, the host is told the cost and nothing else.
    """
    first, left = 0.0, 1.0
    for number in range(steps):
        matches = compared_at(problem.views, state, matches)
        blocks = problem.linearised(state, matches)
        equations = assemble(problem, state, blocks)
        before = told(blocks.cost + problem.prior_cost(state))
        first = before if number == 0 else first
        tried, after = damping, math.nan
        for _ in range(MAX_TRIALS):
            moved, cost = _try(problem, state, matches, equations.step(tried))
            after = told(cost)
            if math.isfinite(after) and after < before:
                break
            tried *= 10
        else:
            if not math.isfinite(after):
                raise RuntimeError("the alignment's linear system is singular")
            break  # nothing helped: what that took must not cripple the next round's steps
        state, damping = moved, max(tried / 10, 1e-7)
        left *= after / before
        if after > (1 - SMALL_GAIN) * before:
            break
    return state, (first, left * first), damping


def told(cost: Tensor) -> float:
    """What the host waits for, once a step and once a trial; all else stays on the device."""
    return float(cost)


def _try(
    problem: Problem, state: State, matches: Matches, step: tuple[Tensor, Tensor]
) -> tuple[State, Tensor]:
    """(the state after a step, its cost ()). A step that is no number is not taken, and costs NaN:
    where it led, there would be no pixel to look up."""
    views, focal = step
    solved = views.isfinite().all() & focal.isfinite()
    moved = state.moved(torch.where(solved, views, 0), torch.where(solved, focal, 0))
    cost = problem.correspondence_cost(moved, matches) + problem.prior_cost(moved)
    return moved, torch.where(solved, cost, torch.nan)
