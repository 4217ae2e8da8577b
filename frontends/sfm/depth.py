"""Depth of placed photographs by plane sweep over those that see the same."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from mapper.frontends.mono.depth.answers import LEAST_FIRST, OUTER, WITNESSES
from mapper.frontends.mono.depth.consistency import consistent
from mapper.frontends.mono.depth.neighbours import view_score
from mapper.frontends.mono.depth.plane_sweep import sweep
from mapper.frontends.mono.depth.sparse import patches_of
from mapper.frontends.mono.depth.view import DepthMap, RawDepth, SweptView
from mapper.frontends.mono.geometry.lens import Lens
from mapper.frontends.sfm.config import SfmConfig
from mapper.frontends.sfm.photographs import Photograph
from mapper.frontends.sfm.reconstruction import PlacedPhotograph

FEWEST_NEIGHBOURS: Final = 2


def depths_of(
    photographs: list[Photograph],
    placed: list[PlacedPhotograph],
    lens: Lens,
    config: SfmConfig,
) -> list[DepthMap | None]:
    """One for each; None where too few others see the same.

    The first has at least its points: else nobody would know the units.
    """
    others = [_ranked(placed, place, lens) for place in range(len(placed))]
    views = [_view(photographs[k], placed[k], lens) for k in range(len(placed))]
    raw: list[RawDepth | None] = [
        sweep(views[place], [views[k] for k in near[: config.neighbours]], config.planes)
        if len(near) >= FEWEST_NEIGHBOURS
        else None
        for place, near in enumerate(others)
    ]
    found = [_confirmed(raw, place, near) for place, near in enumerate(others)]
    if found[0] is None or found[0].share < LEAST_FIRST:
        found[0] = patches_of(placed[0].points, placed[0].T, views[0].camera)
    return found


def _ranked(placed: list[PlacedPhotograph], place: int, lens: Lens) -> list[int]:
    """Others that tell the depth of one, the best first."""
    own = placed[place]
    scores = [
        0.0 if k == place else view_score(lens, own.points, own.T, other.T)
        for k, other in enumerate(placed)
    ]
    order = sorted(range(len(placed)), key=lambda k: (-scores[k], k))
    return [k for k in order if scores[k] > 0]


def _view(photograph: Photograph, placed: PlacedPhotograph, lens: Lens) -> SweptView:
    height, width = photograph.image.shape[:2]
    grey = cv2.cvtColor(photograph.image, cv2.COLOR_RGB2GRAY)
    near, far = np.percentile(placed.points @ placed.T[2, :3] + placed.T[2, 3], OUTER)
    return SweptView(
        placed.T,
        lens.undistorted(grey, width, height),
        lens.pinhole.resized(width, height),
        float(near),
        float(far),
    )


def _confirmed(raw: list[RawDepth | None], place: int, near: list[int]) -> DepthMap | None:
    own = raw[place]
    if own is None:
        return None
    witnesses = [each for k in near if (each := raw[k]) is not None]
    return consistent(own, witnesses[:WITNESSES])
