"""A relative similarity between two keyframes, as the pose graph takes it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from mapper.core.sim3 import adjoint_sim3, inverse_similarity

# Information on a log scale that is not free: more, and products of it with what is known least
# (1e-6) leave no digits to factorise by, and no step is found.
HELD_SCALE = 1e9


class EdgeKind(StrEnum):
    """odometry: the frontend's own chain. adjusted: the same, of a frontend that adjusted its poses
    and points together, so not measured on depths. overlap: two segments share a frame, so the
    camera is the same. These are trusted; the others may be wrong and are robustified."""

    ODOMETRY = "odometry"
    ADJUSTED = "adjusted"
    OVERLAP = "overlap"
    COVISIBILITY = "covisibility"
    LOOP = "loop"

    @property
    def is_trusted(self) -> bool:
        """Whether such an edge is taken at its word, without a robust kernel."""
        return self in (EdgeKind.ODOMETRY, EdgeKind.ADJUSTED, EdgeKind.OVERLAP)


@dataclass(frozen=True, slots=True)
class Edge:
    """S_i_j: (4, 4), keyframe j in keyframe i, so S_world_j = S_world_i @ S_i_j at zero residual.

    Its scale is what j's depths must be multiplied by to be in i's units; 1 between metric ones.
    information: (7, 7), inverse covariance of a right-multiplied tangent vector: rotation [rad],
    translation [units of j], log scale; S_i_j_true = S_i_j @ exp(xi). Where scales are held only
    its first six rows and columns count.
    when_confirmed: (7, 7), what the information will be once something else than the edge itself
    speaks for it; None of an edge that has its full weight.
    """

    i: int
    j: int
    S_i_j: np.ndarray
    information: np.ndarray
    kind: EdgeKind
    when_confirmed: np.ndarray | None = None

    @property
    def is_confirmed(self) -> bool:
        """Whether it has its full weight."""
        return self.when_confirmed is None

    def confirmed(self) -> Edge:
        """The same at full weight."""
        if self.when_confirmed is None:
            return self
        return replace(self, information=self.when_confirmed, when_confirmed=None)

    def doubted(self, doubt: np.ndarray) -> Edge:
        """The same until something confirms it: by as much as `doubt`, a covariance (7, 7) of the
        same tangent, it may be off besides."""
        full = self.confirmed().information
        # (information^-1 + doubt)^-1, whatever directions either leaves open.
        loose = np.linalg.solve(np.eye(7) + full @ doubt, full)
        return replace(self, information=0.5 * (loose + loose.T), when_confirmed=full)

    def with_held_scale(self) -> Edge:
        """The same between keyframes whose units are one, whatever the alignment could tell."""
        full = self.when_confirmed
        return replace(
            self,
            information=_scale_held(self.information),
            when_confirmed=None if full is None else _scale_held(full),
        )

    @property
    def is_finite(self) -> bool:
        """Whether measurement and information are numbers."""
        return bool(np.isfinite(self.S_i_j).all() and np.isfinite(self.information).all())

    def reversed(self) -> Edge:
        """The same from j to i: (S exp(x))^-1 = S^-1 exp(-Ad(S) x)."""
        inverse = np.linalg.inv(adjoint_sim3(self.S_i_j))
        full = self.when_confirmed
        return Edge(
            self.j,
            self.i,
            inverse_similarity(self.S_i_j),
            inverse.T @ self.information @ inverse,
            self.kind,
            None if full is None else inverse.T @ full @ inverse,
        )


def composed(first: Edge, second: Edge, kind: EdgeKind, free_scale: bool) -> Edge:
    """The edge from first.i to second.j by way of the keyframe in between.

    S exp(x) S' exp(y) = S S' exp(Ad(S'^-1) x) exp(y): to first order the covariances add up.
    """
    if first.j != second.i:
        raise ValueError(f"edges {first.i}-{first.j} and {second.i}-{second.j} do not meet")
    adjoint = adjoint_sim3(inverse_similarity(second.S_i_j))
    carried = adjoint @ _covariance(first, free_scale) @ adjoint.T
    information = np.linalg.inv(carried + _covariance(second, free_scale))
    S = first.S_i_j @ second.S_i_j
    return Edge(first.i, second.j, S, 0.5 * (information + information.T), kind)


def _covariance(edge: Edge, free_scale: bool) -> np.ndarray:
    """(7, 7). Of a scale that is held nothing is in doubt, whatever the alignment could tell."""
    return np.linalg.inv(edge.information if free_scale else _scale_held(edge.information))


def _scale_held(information: np.ndarray) -> np.ndarray:
    held = information.copy()
    held[6, :] = held[:, 6] = 0.0
    held[6, 6] = HELD_SCALE
    return held
