"""What a solve of the pose graph is given."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import gtsam
import numpy as np

from mapper.backend.graph.edge import Edge


@dataclass(frozen=True, slots=True)
class Kernel:
    """A robust cost. name: Huber (convex) or GemanMcClure (redescending). scale: Mahalanobis
    distance from which an edge loses weight."""

    name: str
    scale: float

    def created(self) -> gtsam.noiseModel.mEstimator.Base:
        """GTSAM's kernel of this name and scale."""
        return getattr(gtsam.noiseModel.mEstimator, self.name)(self.scale)


@dataclass(frozen=True, slots=True)
class SolveOptions:
    """free_scale: Sim(3) variables; else SE(3). kernel: for the edges that may be wrong, or None.

    held: keyframes that stay where they are; each connected part needs one at least.
    """

    free_scale: bool
    kernel: Kernel | None
    held: Collection[int] = field(default_factory=tuple)
    max_iterations: int = 30


@dataclass(frozen=True, slots=True)
class Problem:
    """poses: S_world_keyframe to begin with, by keyframe. edges: what the optimum fits best."""

    poses: Mapping[int, np.ndarray]
    edges: Collection[Edge]
    options: SolveOptions
