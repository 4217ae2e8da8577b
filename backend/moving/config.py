"""When a surface counts as moved."""

from __future__ import annotations

from mapper.core.quantities import AtLeastTwo, Count, NonNegative, PositiveShare, Share, Voxels
from mapper.core.settings_model import settings


@settings
class MovingConfig:
    """When a surface counts as moved: later views look through where it was.

    cell_voxels: side of the cells in which views vote, in voxels of the map.
    min_views: keyframes that must have looked through a cell since it was last seen occupied.
    min_share: the same as a share of those that saw it occupied, where that is more.
    misfit_factor: times how far a keyframe is off the others (by what most of it that it sees again
        is off: pose, depth and scale together), that it must look past a cell to look through it.
    clear_share: of the pixels around a cell, that must have a reading, all of them behind it.
    clear_depth: share of the depth behind a cell, in which a view that looks through it sees
        nothing: what lies closer may be the same surface, seen twice.
    min_clear: share of the cells that so many views looked through, which they must have looked
        through that far.
    min_width: in cells: what is narrower in two directions is not taken out, like chair legs and
        edges, which an error of the pose alone may seem to move.
    min_cells: what has fewer cells that so many views looked through is not taken out either.
    """

    cell_voxels: Voxels = 2.0
    min_views: AtLeastTwo = 3
    min_share: Share = 0.2
    misfit_factor: NonNegative = 3.0
    clear_share: PositiveShare = 0.9
    clear_depth: Share = 0.1
    min_clear: Share = 0.3
    min_width: Voxels = 2.5
    min_cells: Count = 12
