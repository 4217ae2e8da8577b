"""What was decided about a pair of keyframes that may see the same place, and by which numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from mapper.backend.graph.edge import Edge, EdgeKind


class Refusal(StrEnum):
    """Why a pair is no edge of the graph. All but the first follow from what was measured.

    features: most matched features say that the pair is elsewhere. cycle: other edges lead from one
    to the other, and not to where this one does; it may have been an edge until they came.
    doubted: it would look as right elsewhere, and nothing else joins the two parts of the map.
    contradicted: it passed, and the optimised graph gave it up.
    """

    NO_MATCHES = "no_matches"
    NOT_CONVERGED = "not_converged"
    OVERLAP = "overlap"
    AGREEMENT = "agreement"
    RESIDUAL = "residual"
    DISTANCE = "distance"
    CHAIN = "chain"
    UNLIKELY = "unlikely"
    FEATURES = "features"
    CYCLE = "cycle"
    DOUBTED = "doubted"
    CONTRADICTED = "contradicted"


@dataclass(frozen=True, slots=True)
class Measured:
    """A pair whose surfaces were compared. Lengths in the earlier keyframe's units.

    overlap: share of agreeing points. agreement: of agreeing against conflicting ones; both the
    lower of the two ways. rmse: point-to-plane, None where no point was left to fit.
    correction: how far the graph had the new keyframe off. scale: of its units in the earlier
    one's. distance_ratio: between the cameras, in median depths. chain_sigmas: how far off the
    odometry chain, in its standard deviations (7 dof); None where the chain says nothing of them.
    probability: that they are where they were found to be, by surfaces and light; None of a
    network's, whose depth is not measured.
    """

    overlap: float
    agreement: float
    rmse: float | None
    correction: float
    scale: float
    distance_ratio: float
    chain_sigmas: float | None
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class LoopDecision:
    """One pair that was tried: earlier keyframe i, newer keyframe j.

    found_by: see Candidate; cycle of an edge that others have contradicted since. feature_inliers:
    matches that agree on a pose, 0 where none were needed. refusal: None for a pair that became an
    edge. limit: the bound that it missed, in the unit of the number that missed it. measured: None
    where there was nothing to compare.
    """

    i: int
    j: int
    kind: EdgeKind
    found_by: str
    feature_inliers: int
    refusal: Refusal | None
    limit: float | None
    measured: Measured | None

    @property
    def accepted(self) -> bool:
        """Whether the pair became an edge."""
        return self.refusal is None


def latest(decisions: Iterable[LoopDecision]) -> list[LoopDecision]:
    """The last word on each pair, in the order in which they were first tried."""
    return list({(d.i, d.j): d for d in decisions}.values())


def withdrawn(edge: Edge) -> LoopDecision:
    """That an edge is one no more, as others contradict it."""
    return LoopDecision(edge.i, edge.j, edge.kind, "cycle", 0, Refusal.CYCLE, None, None)
