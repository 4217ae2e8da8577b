"""Loops are taken where the images, held out from the adjustment, are explained better with them.

What is tracked from image to image drifts, and would be bent by a wrong loop: observations that
took no part tell one from the other. In redkitchen right loops change what tracks are off by, held
out, by -0.3 to 0.2 %; the same loops, told of the next keyframe, raise it by 10 to 60 %.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.frontends.mono.geometry.bundle import (
    HUBER,
    FocalPrior,
    Observations,
    Scene,
    adjust,
    measured,
)
from mapper.frontends.mono.mapping.following import INLIER
from mapper.frontends.mono.mapping.local_map import LocalMap
from mapper.frontends.mono.mapping.loops import Loop

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64, Int64

logger = logging.getLogger(__name__)

ITERATIONS: Final = 20
SEED: Final = 4
HELD_TRACKS: Final = 0.1  # of the observations of points that have at least LEAST_VIEWS
HELD_LOOPS: Final = 0.2
LEAST_VIEWS: Final = 4
EXPLAINED: Final = 0.8  # of a loop's observations, within INLIER sigmas
WORSE: Final = 0.02  # share, by which what tracks are off by may grow
LARGEST: Final = 1e3  # sigmas that an observation counts for


@dataclass(frozen=True, slots=True, eq=False)
class _Trial:
    """All observations of a map and some loops. scene: the map as it is. seen: with the loops.

    loop: (N,), the place of an observation's loop among them, -1 of what was tracked. held: (N,).
    """

    scene: Scene
    seen: Observations
    loop: Int64[np.ndarray, " n"]
    held: Bool[np.ndarray, " n"]

    def adjusted(self, refine: FocalPrior | None, loops: bool) -> Scene:
        """The scene by what is not held out. loops: with them."""
        fitted = ~self.held & ((self.loop < 0) | loops)
        return adjust(self.scene, self.seen.part(fitted), ITERATIONS, refine)

    def errors(self, scene: Scene) -> Float64[np.ndarray, " n"]:
        """Of all observations, in sigmas."""
        errors = measured(scene, self.seen).errors
        assert errors is not None
        return np.minimum(errors, LARGEST)


def close_loops(
    local_map: LocalMap, loops: Sequence[Loop], refine: FocalPrior | None
) -> list[Loop]:
    """Those of the loops that explain the images better; the map stays as it is.

    What a common adjustment does not explain is given up, and the others are tried without it.
    refine: the lens is adjusted too.
    """
    loops = list(loops)
    while loops:
        trial = _trial(local_map, loops)
        errors = trial.errors(trial.adjusted(refine, loops=True))
        explained = np.array([np.mean(errors[trial.loop == k] < INLIER) for k in range(len(loops))])
        if (explained >= EXPLAINED).all():
            plain = trial.errors(trial.adjusted(refine, loops=False))
            logger.info("%d loops fit what was tracked", len(loops))
            return loops if _is_better(trial, plain, errors) else []
        logger.info(
            "%d loops of %d do not fit what was tracked", (explained < EXPLAINED).sum(), len(loops)
        )
        # The worst half of them: the others may not fit for their sake.
        worst = np.argsort(explained, kind="stable")[: -(-int((explained < EXPLAINED).sum()) // 2)]
        loops = [loop for k, loop in enumerate(loops) if k not in worst]
    return []


def _is_better(
    trial: _Trial, plain: Float64[np.ndarray, " n"], closed: Float64[np.ndarray, " n"]
) -> bool:
    """Whether what was held out is explained better. plain, closed: errors without the loops and
    with them."""
    tracks, loops = (trial.held & (trial.loop < 0), trial.held & (trial.loop >= 0))
    if not tracks.any() or not loops.any():
        return False
    before, after = _cost(plain[tracks]), _cost(closed[tracks])
    logger.info(
        "with loops held-out tracks cost %.4f (%.4f), loops %.3f (%.3f)",
        after, before, _cost(closed[loops]), _cost(plain[loops]),
    )  # fmt: skip
    return after <= (1 + WORSE) * before and _cost(closed[loops]) < _cost(plain[loops])


def _cost(errors: Float64[np.ndarray, " n"]) -> float:
    """Of an observation, robust as in the adjustment."""
    squares = np.where(errors < HUBER, 0.5 * errors**2, HUBER * (errors - 0.5 * HUBER))
    return float(squares.mean())


def _trial(local_map: LocalMap, loops: Sequence[Loop]) -> _Trial:
    scene, seen, of = local_map.everything()
    count = np.diff(seen.starts)
    rows = np.repeat(np.arange(len(of)), count)
    place = np.full(int(max(of.max(), max(loop.ids.max() for loop in loops))) + 1, -1)
    place[of] = np.arange(len(of))
    kept = [place[loop.ids] >= 0 for loop in loops]
    new = [place[loop.ids[k]] for loop, k in zip(loops, kept, strict=True)]
    views = [np.full(len(n), loop.later) for n, loop in zip(new, loops, strict=True)]
    numbers = [np.full(len(n), k) for k, n in enumerate(new)]
    both, order = Observations.sorted_by(
        np.concatenate([rows, *new]),
        len(of),
        np.concatenate([seen.views, *views]),
        np.concatenate([seen.pixels, *(p.pixels[k] for p, k in zip(loops, kept, strict=True))]),
        np.concatenate([seen.weights, *(p.weights[k] for p, k in zip(loops, kept, strict=True))]),
    )
    loop = np.concatenate([np.full(len(rows), -1), *numbers])[order]
    chance = np.random.default_rng(SEED).random(len(loop))
    often = np.repeat(count >= LEAST_VIEWS, np.diff(both.starts))
    held = np.where(loop < 0, often & (chance < HELD_TRACKS), chance < HELD_LOOPS)
    return _Trial(
        scene, local_map.with_drifts(both, of, np.arange(len(local_map.keyframes))), loop, held
    )
