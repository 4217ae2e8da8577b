"""The inner loops of the vote, compiled by numba."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from mapper.backend.fusion.free_space_kernels import NearestDepths, nearest_and_share
from mapper.runtime.kernels import kernel
from mapper.vision.reprojection import (
    AGREEING,
    NEAREST,
    Camera,
    f32,
    is_inside,
    moved,
    nearest_pixel,
    projected,
    within,
)

OWN: Final = f32(3)  # deviations of a cell's own surface
FAR_OFF: Final = f32(0.1)  # of the depth: readings further apart are not of one surface, seen twice


class VotingView(NamedTuple):
    """depth: float32 (H, W). nearest: its pyramid. noise: (3,), see depth_sigma. misfit: share of
    the depth, by which it may be off the other views. clear_share, clear_depth: see the settings
    of these names."""

    depth: np.ndarray
    nearest: NearestDepths
    camera: Camera
    noise: np.ndarray
    misfit: np.float32
    clear_share: np.float32
    clear_depth: np.float32


class Tally(NamedTuple):
    """Of each cell, in the order of time. hits: views that saw it occupied. since: views that
    looked through it after the last of them; clear: those of them that saw nothing for a good way
    behind it. gone: the first that looked through it thereafter; -1 = none. All int32 (M,)."""

    hits: np.ndarray
    since: np.ndarray
    clear: np.ndarray
    gone: np.ndarray


@kernel()
def misfits(centres, view, motion):
    """float32 (M,): by which share of its depth a view sees a surface off its cell; NaN = none
    there. centres: float32 (M, 3). motion: world to camera."""
    off = np.full(len(centres), np.nan, np.float32)
    for cell in range(len(centres)):
        X = moved(motion, (centres[cell, 0], centres[cell, 1], centres[cell, 2]))
        if X[2] <= NEAREST:
            continue
        u, v = nearest_pixel(view.camera, X)
        if not is_inside(view.depth, u, v):
            continue
        difference = (view.depth[v, u] - X[2]) / X[2]
        if abs(difference) < FAR_OFF:
            off[cell] = difference
    return off


@kernel()
def vote(centres, sigma, half, view, motion, number, tally):
    """Enter what one view says of all cells. sigma: float32 (M,), how sure it is where the surface
    in each is. half: of a cell's side. number: the view's, in time.

    It looks through a cell where all that it sees around it, by as much as the views are off, lies
    clearly behind.
    """
    for cell in range(len(centres)):
        X = moved(motion, (centres[cell, 0], centres[cell, 1], centres[cell, 2]))
        z = X[2]
        if z <= NEAREST:
            continue
        u, v = nearest_pixel(view.camera, X)
        if not is_inside(view.depth, u, v):
            continue
        tolerance = within(AGREEING, z, view.noise) + view.misfit * z + half
        tolerance += OWN * sigma[cell]
        reach = (half + view.misfit * z) * view.camera.fx / z
        x, y = projected(view.camera, X)
        nearest, share = nearest_and_share(view.nearest, x + f32(0.5), y + f32(0.5), reach)
        seen = view.depth[v, u]
        if abs(seen - z) <= tolerance or abs(nearest - z) <= tolerance:
            tally.hits[cell] += 1
            tally.since[cell], tally.clear[cell], tally.gone[cell] = 0, 0, -1
        elif tally.hits[cell] > 0 and share >= view.clear_share and nearest > z + tolerance:
            if tally.since[cell] == 0:
                tally.gone[cell] = number
            tally.since[cell] += 1
            if nearest > z + max(tolerance, view.clear_depth * z):
                tally.clear[cell] += 1
