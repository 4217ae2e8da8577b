"""What is measured of a finished map: numbers, and the pairs and keyframes behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mapper.checking.drift import Drift, measure_drift
from mapper.checking.finished_map import FinishedMap
from mapper.checking.ghosts import Ghosts, find_ghosts
from mapper.checking.held_out import HeldOut, hold_out
from mapper.checking.loops import Loops, count_loops
from mapper.checking.resolved import Resolved, resolve
from mapper.checking.revisits import Compared, Comparison, compare_revisits
from mapper.checking.tracking import Tracking, measure_tracking


@dataclass(frozen=True, slots=True)
class Measures:
    """way, extent, depth: units, see FinishedMap. compared: pairs of views. held_out: keyframes
    against the map of the others. doubtful: whether the run itself says that its map is wrong."""

    way: float
    extent: float
    depth: float
    keyframes: int
    compared: Compared
    held_out: Sequence[HeldOut]
    ghosts: Ghosts
    drift: Drift
    resolved: Resolved
    loops: Loops
    tracking: Tracking
    doubtful: bool

    @property
    def near(self) -> list[Comparison]:
        """Pairs that follow each other closely."""
        return [pair for pair in self.compared.pairs if not pair.is_revisit]

    @property
    def revisits(self) -> list[Comparison]:
        """Pairs between which the camera was elsewhere."""
        return [pair for pair in self.compared.pairs if pair.is_revisit]

    @property
    def usual(self) -> float:
        """Units by which neighbouring views are off, median."""
        return _median([pair.off for pair in self.near])

    @property
    def local(self) -> float:
        """The same, mean: a few bad steps carry all that comes after them."""
        offs = [pair.off for pair in self.near]
        return float(np.mean(offs)) if offs else 0.0

    @property
    def revisited(self) -> float:
        """Units by which views that see a place again are off, root mean square; 0 without any."""
        offs = [pair.off for pair in self.revisits]
        return float(np.sqrt(np.mean(np.square(offs)))) if offs else 0.0

    @property
    def depth_conflict(self) -> float:
        """Share of points that lie before or behind the other view's surfaces, mean over pairs."""
        conflicts = [p.conflict for p in self.compared.pairs if p.conflict is not None]
        return float(np.mean(conflicts)) if conflicts else 0.0

    @property
    def unfit(self) -> float:
        """Share of the pairs that should fit and do so nowhere near."""
        count = len(self.compared.unfit)
        return count / max(count + len(self.compared.pairs), 1)

    @property
    def held_share(self) -> float:
        """Share of the depth by which held-out keyframes are off, median."""
        return _median([held.share for held in self.held_out])


def measure(each: FinishedMap) -> Measures:
    """All of it."""
    compared = compare_revisits(each)
    return Measures(
        each.way,
        each.extent,
        each.median_depth,
        len(each.keyframes),
        compared,
        hold_out(each),
        find_ghosts(each.mesh, each.config.fusion.tsdf),
        measure_drift(each, compared.pairs),
        resolve(each, compared.pairs),
        count_loops(each),
        measure_tracking(each),
        bool(each.metrics.get("self_doubt", {}).get("doubtful")),
    )


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if values else 0.0
