"""Finds what moved: cells that views look through after others saw a surface in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from mapper.backend.fusion.free_space import nearest_depths
from mapper.backend.moving.cells import components, coordinates_of, neighbours
from mapper.backend.moving.config import MovingConfig
from mapper.backend.moving.surface import Sighting, SurfaceCells
from mapper.backend.moving.vote_kernels import Tally, VotingView, misfits, vote
from mapper.core.sim3 import inverse_similarity
from mapper.vision.reprojection import camera_of, f32, motion_of

# More than half, for a view agrees with the cells that its like have brought, be they all off.
MOST: Final = 2 / 3
NORMAL: Final = 0.9674  # that quantile of a normal distribution's magnitude, in deviations
EVERY: Final = 5  # th cell tells by how much a view is off the others
ENOUGH: Final = 50  # cells seen again, that this takes
GROWN: Final = 8  # cells by which a thing reaches on into what fewer views looked through


@dataclass(frozen=True, slots=True)
class MovedThing:
    """Something that stood somewhere for a while. keyframes: ids of those that saw it there, in
    order. seen_from, seen_until, gone_by: seconds, when it was first and last seen, and when its
    place was first seen empty. centre, size: (3,), units, along the axes of the world. area: of its
    surface that was seen, units^2."""

    keyframes: tuple[int, ...]
    seen_from: float
    seen_until: float
    gone_by: float
    centre: np.ndarray
    size: np.ndarray
    area: float


@dataclass(frozen=True, slots=True)
class Moving:
    """things: what moved, the largest first. pixels: by keyframe, the flat pixels (N,) int32 that
    show one of them there."""

    things: list[MovedThing] = field(default_factory=list)
    pixels: dict[int, np.ndarray] = field(default_factory=dict)

    def joined(self, later: Moving) -> Moving:
        """With what was found of what this had left."""
        things = sorted([*self.things, *later.things], key=lambda each: -each.area)
        each = [*self.pixels.items(), *later.pixels.items()]
        ids = dict.fromkeys(keyframe_id for keyframe_id, _ in each)
        pixels = {k: np.concatenate([own for i, own in each if i == k]) for k in ids}
        return Moving(things, pixels)


def find_moving(
    ids: Sequence[int], seen: Callable[[int], Sighting], config: MovingConfig, size: float
) -> Moving:
    """What moved while keyframes, in the order of time, were taken.

    seen: asked three times for each. size: side of a cell, in units of the map.
    """
    cells = SurfaceCells(size)
    for keyframe_id in ids:
        cells.add(seen(keyframe_id))
    cells.merge()
    tally = voted(ids, seen, config, cells)
    labels = _things(cells, tally, config)
    if not labels.any():
        return Moving()
    return _described(ids, seen, cells, tally, labels)


def voted(
    ids: Sequence[int],
    seen: Callable[[int], Sighting],
    config: MovingConfig,
    cells: SurfaceCells,
) -> Tally:
    """What all views say of all cells, in the order of time."""
    count, half = len(cells.keys), f32(0.5 * cells.size)
    hits, since, clear = np.zeros((3, count), np.int32)
    tally = Tally(hits, since, clear, np.full(count, -1, np.int32))
    centres, sigma = cells.centres, cells.sigma
    for number, keyframe_id in enumerate(ids):
        view = seen(keyframe_id)
        motion = motion_of(inverse_similarity(view.T_world_camera))
        # What is further away than is trusted lies at least that far away.
        depth = np.minimum(view.depth, f32(view.limit))
        voting = VotingView(
            depth,
            nearest_depths(depth),
            camera_of(view.intrinsics),
            view.noise.coefficients,
            f32(0),
            f32(config.clear_share),
            f32(config.clear_depth),
        )
        known = np.flatnonzero(tally.hits > 0)[::EVERY]
        off = misfits(centres[known], voting, motion)
        off = np.abs(off[np.isfinite(off)])
        misfit = float(np.quantile(off, MOST)) / NORMAL if len(off) >= ENOUGH else 0.0
        voting = voting._replace(misfit=f32(config.misfit_factor * misfit))
        vote(centres, sigma, half, voting, motion, number, tally)
    return tally


def _things(cells: SurfaceCells, tally: Tally, config: MovingConfig) -> np.ndarray:
    """int (M,): which moved thing each cell is part of, from 1; 0 = none."""
    needed = np.maximum(config.min_views, config.min_share * tally.hits)
    seen = tally.hits > 0
    left, clear = seen & (tally.since >= needed), seen & (tally.clear >= needed)
    labels = np.zeros(len(cells.keys), int)
    # What fewer views looked through belongs to what it hangs on.
    rows = np.flatnonzero(_grown(cells, left, seen & (tally.since > 0)))
    if not len(rows):
        return labels
    count, part = components(cells.keys[rows])
    many, clear_ones = (np.bincount(part[each[rows]], minlength=count) for each in (left, clear))
    # A surface whose views lie a little apart is left nearly everywhere, and clear nowhere.
    kept = (many >= config.min_cells) & (clear_ones >= config.min_clear * many)
    for number in np.flatnonzero(kept):
        kept[number] = _is_wide(cells.keys[rows[part == number]], config)
    labels[rows] = np.where(kept, np.cumsum(kept), 0)[part]
    return labels


def _grown(cells: SurfaceCells, left: np.ndarray, doubtful: np.ndarray) -> np.ndarray:
    """bool (M,): cells that were left, and doubtful ones that hang on them by a few steps."""
    i, j = neighbours(cells.keys)
    for _ in range(GROWN):
        grown = left.copy()
        grown[i] |= left[j]
        grown[j] |= left[i]
        grown &= left | doubtful
        if (grown == left).all():
            break
        left = grown
    return left


def _is_wide(keys: np.ndarray, config: MovingConfig) -> bool:
    """Whether cells reach far in at least two directions."""
    points = coordinates_of(keys).astype(float)
    _, extents, _ = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)
    # Of what is evenly spread over a length L the deviation is L / sqrt(12).
    widths = extents * np.sqrt(12 / len(keys))
    return bool(widths[1] >= config.min_width)


def _described(
    ids: Sequence[int],
    seen: Callable[[int], Sighting],
    cells: SurfaceCells,
    tally: Tally,
    labels: np.ndarray,
) -> Moving:
    pixels: dict[int, np.ndarray] = {}
    witnesses: dict[int, list[int]] = {}
    times = []
    for number, keyframe_id in enumerate(ids):
        view = seen(keyframe_id)
        times.append(view.timestamp)
        at, rows = cells.rows(view)
        of_pixel = np.where(rows >= 0, labels[rows], 0)
        if of_pixel.any():
            pixels[keyframe_id] = at[of_pixel > 0].astype(np.int32)
            for thing in np.unique(of_pixel[of_pixel > 0]).tolist():
                witnesses.setdefault(thing, []).append(number)
    things = [
        _thing(np.flatnonzero(labels == thing), numbers, ids, times, cells, tally)
        for thing, numbers in witnesses.items()
    ]
    return Moving(sorted(things, key=lambda each: -each.area), pixels)


def _thing(
    rows: np.ndarray,
    numbers: list[int],
    ids: Sequence[int],
    times: Sequence[float],
    cells: SurfaceCells,
    tally: Tally,
) -> MovedThing:
    points = cells.centres[rows]
    low, high = points.min(axis=0), points.max(axis=0)
    gone = tally.gone[rows]
    return MovedThing(
        tuple(ids[number] for number in numbers),
        times[numbers[0]],
        times[numbers[-1]],
        times[int(gone[gone >= 0].min())],
        (low + high).astype(float) / 2,
        (high - low).astype(float) + cells.size,
        len(rows) * cells.size**2,
    )
