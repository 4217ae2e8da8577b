"""The depth of one view by its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from mapper.frontends.mono.depth.refinement import refined
from mapper.frontends.mono.depth.sweep import aggregated, best_inverse, census, costs
from mapper.frontends.mono.depth.view import RawDepth, SweptView, between

NEARER: Final = 0.7  # than the nearest points the planes begin
FARTHER: Final = 2.5  # ... than the farthest they end


def sweep(
    view: SweptView, neighbours: Sequence[SweptView], planes: int, refine: bool = True
) -> RawDepth:
    """Inverse depths of a view, all of whose neighbours have its size.

    refine: between the planes by the images themselves, which also tells how well they fit.
    """
    inverses = np.linspace(1 / (FARTHER * view.farthest), 1 / (NEARER * view.nearest), planes)
    relations = [between(view, other) for other in neighbours]
    M, m = np.stack([M for M, _ in relations]), np.stack([m for _, m in relations])
    signs = np.stack([census(other.grey) for other in neighbours])
    total = aggregated(costs(census(view.grey), signs, M, m, inverses), view.grey)
    inverse = best_inverse(total, inverses)
    greys = np.stack([other.grey for other in neighbours])
    plane = float(inverses[1] - inverses[0])
    better, zncc = refined(view.grey, greys, M, m, inverse, plane)
    return RawDepth(view, better if refine else inverse, zncc)
