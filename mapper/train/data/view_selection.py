"""Which images of a scene a sample is made of, as CUT3R and what follows it draw them.

Section 7.3 of the training specification; the draws come in the published order, so that a seed
gives the published views.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

RANDOM_REPEATS, SORTED_REPEATS = 0.5, 0.9  # of the draw that says how views come again


@dataclass(frozen=True, slots=True)
class ViewRule:
    """intervals: smallest and largest number of images from a view to the next. video: share of
    samples whose views are in order. steady: share of those with equal intervals. block: views
    within so many are shuffled where they are no video, None = all. repeats: scenes that are too
    short show images again.
    """

    intervals: tuple[int, int] = (1, 25)
    video: float = 0.5
    steady: float = 0.5
    block: int | None = None
    repeats: bool = False


class Chosen(NamedTuple):
    """positions: in the scene's list of images. in_order: as a video has them."""

    positions: list[int]
    in_order: bool


def choose_views(
    views: int, first: int, images: int, rule: ViewRule, rng: np.random.Generator
) -> Chosen:
    """Views of a scene of `images`, from the one at `first` on."""
    rest = images - 1 - first
    if rest >= views - 1:
        return _without_repeats(views, first, images, rule, rng)
    if not rule.repeats or rest < 2:
        raise ValueError(f"{views} views from image {first} of {images}: there are too few")
    return _with_repeats(views, first, images, rule, rng)


def _without_repeats(
    views: int, first: int, images: int, rule: ViewRule, rng: np.random.Generator
) -> Chosen:
    rest = images - 1 - first
    if views == 1:
        return Chosen([first], True)
    if rest == views - 1:
        return Chosen(list(range(first, images)), True)
    lowest, highest = rule.intervals
    highest = min(highest, 2 * rest // (views - 1))
    intervals = [int(rng.choice(range(lowest, highest + 1))) for _ in range(views - 1)]
    in_order = bool(rng.random() < rule.video)
    if in_order and rng.random() < rule.steady:
        same = int(rng.choice(range(1, min(rest // (views - 1), highest) + 1)))
        intervals = [same] * (views - 1)
    reached = [first + int(step) for step in np.cumsum([0, *intervals])]
    positions = [position for position in reached if position < images]
    unused = sorted(set(range(first, images)) - set(positions))
    missing = views - len(positions)
    if missing:
        positions += rng.choice(unused, missing, replace=False).tolist()
    once = sorted(positions) if in_order else _shuffled(positions, rule.block, rng)
    return Chosen(once, in_order)


def _with_repeats(
    views: int, first: int, images: int, rule: ViewRule, rng: np.random.Generator
) -> Chosen:
    """As published, of the images that are left all but one are used."""
    distinct = images - 1 - first
    start = int(rng.choice(range(first + 1)))
    rest = images - 1 - start
    highest = min(rule.intervals[1], rest // (distinct - 1))
    steps = range(rule.intervals[0], highest + 1)
    intervals = [int(rng.choice(steps)) for _ in range(distinct - 1)]
    how, order, steady = rng.random(), rng.random(), rng.random()
    if steady < rule.steady and order < rule.video:
        intervals = [int(rng.choice(range(1, highest + 1)))] * (distinct - 1)
    positions = [start + int(step) for step in np.cumsum([0, *intervals])]
    if how < RANDOM_REPEATS or rule.video == 1:
        in_order = bool(order < rule.video)
        once = positions if in_order else _shuffled(positions, rule.block, rng)
        return Chosen((once * (views // distinct + 1))[:views], in_order)
    drawn = rng.choice(positions, views, replace=True).tolist()
    return Chosen(drawn if how < SORTED_REPEATS else sorted(drawn), False)


def _shuffled(positions: list[int], block: int | None, rng: np.random.Generator) -> list[int]:
    size = block or len(positions)
    found: list[int] = []
    for start in range(0, len(positions), size):
        found += rng.permutation(positions[start : start + size]).tolist()
    return found
