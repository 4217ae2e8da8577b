"""Bundle adjustment: poses, points and, where wanted, the lens that explain what was seen.

Levenberg-Marquardt with Huber's weights; points are eliminated by the Schur complement.
Source: Triggs, McLauchlan, Hartley, Fitzgibbon, "Bundle adjustment, a modern synthesis", 1999.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from mapper.frontends.mono.geometry.bundle_kernels import (
    LENS,
    READOUT,
    normal_equations,
    residual_norms,
    robust_cost,
    stepped,
    without_points,
)
from mapper.frontends.mono.geometry.lens import Lens

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64, Int64

HUBER: Final = 1.0  # sigmas
LARGEST_DAMPING: Final = 1e6
ENOUGH: Final = 1e-6
SIGMA_K1: Final = 0.1  # what lenses are like
SIGMA_READOUT: Final = 0.02  # seconds, and what shutters are like


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """What was seen, sorted by points. starts: (P + 1,), the first of each point's. views: (N,),
    into the poses. pixels: (N, 2). weights: (N,), 1/sigma [1/px]. drifts: (N, 2), px/s, see
    rolling.py; None where nobody knows how the cameras moved."""

    starts: Int64[np.ndarray, " p+1"]
    views: Int64[np.ndarray, " n"]
    pixels: Float64[np.ndarray, "n 2"]
    weights: Float64[np.ndarray, " n"]
    drifts: Float64[np.ndarray, "n 2"] | None = None

    def straight(self, lens: Lens) -> Float64[np.ndarray, "n 2"]:
        """The pixels (N, 2), had all rows been read out at once."""
        if self.drifts is None or lens.readout == 0:
            return self.pixels
        return self.pixels - lens.readout * self.drifts

    def part(self, kept: Bool[np.ndarray, " n"]) -> Observations:
        """Some of them, of the same points: of some there may be none left."""
        starts = np.concatenate([[0], np.cumsum(kept)])[self.starts]
        drifts = None if self.drifts is None else self.drifts[kept]
        return Observations(starts, self.views[kept], self.pixels[kept], self.weights[kept], drifts)

    @classmethod
    def sorted_by(
        cls,
        points: Int64[np.ndarray, " n"],
        count: int,
        views: Int64[np.ndarray, " n"],
        pixels: Float64[np.ndarray, "n 2"],
        weights: Float64[np.ndarray, " n"],
    ) -> tuple[Observations, Int64[np.ndarray, " n"]]:
        """Of points (N,) < count in any order; and the order, (N,), they have been brought into."""
        order = np.argsort(points, kind="stable")
        starts = np.zeros(count + 1, np.int64)
        np.cumsum(np.bincount(points, minlength=count), out=starts[1:])
        seen = cls(
            starts,
            np.ascontiguousarray(views[order], np.int64),
            np.ascontiguousarray(pixels[order], np.float64),
            np.ascontiguousarray(weights[order], np.float64),
        )
        return seen, order


@dataclass(frozen=True, slots=True)
class FocalPrior:
    """What the focal length was taken for, pixels, and how well that is known, relative."""

    focal: float
    sigma: float


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """poses: T_camera_world (V, 3, 4). points: (P, 3), world. free: (V,), which poses may move.

    errors: weighted, (N,), of the observations in their order; infinite behind a camera. cost: the
    robust sum of them. Both are there once it was adjusted.
    """

    lens: Lens
    poses: Float64[np.ndarray, "v 3 4"]
    points: Float64[np.ndarray, "p 3"]
    free: Bool[np.ndarray, " v"]
    errors: Float64[np.ndarray, " n"] | None = None
    cost: float = 0.0


def adjust(
    scene: Scene,
    seen: Observations,
    iterations: int,
    refine: FocalPrior | None = None,
    enough: float = ENOUGH,
) -> Scene:
    """The scene after so many iterations, never worse than before. refine: the lens too.

    enough: share of the cost; a smaller gain ends it.
    """
    problem = _Problem(scene, seen, refine)
    scene = problem.measured(scene)
    damping = 1e-4
    for _ in range(iterations):
        equations = problem.equations(scene)
        while damping < LARGEST_DAMPING:
            tried = problem.tried(scene, equations, damping)
            if tried is not None and tried.cost < scene.cost:
                break
            damping *= 8
        else:
            break
        gain = scene.cost - tried.cost
        scene, damping = tried, max(damping / 5, 1e-9)
        if gain < enough * scene.cost:
            break
    return scene


def measured(scene: Scene, seen: Observations) -> Scene:
    """The same scene with its errors and cost, by what was seen."""
    return _Problem(scene, seen, None).measured(scene)


def pose_covariance(
    scene: Scene, seen: Observations, refine: FocalPrior | None = None
) -> Float64[np.ndarray, "n n"]:
    """(6 F, 6 F) of the free poses' twists from the left, the points being as unknown as they are.

    refine: so is the lens. If the errors are as the weights say. What nothing tells, such as the
    scale where no two poses are held, is left out.
    """
    problem = _Problem(scene, seen, refine)
    made = problem.equations(problem.measured(scene))
    S, _, _ = problem.reduced(made, 0.0)
    S = np.tril(S) + np.tril(S, -1).T
    n = 6 * int(scene.free.sum())
    return np.linalg.pinv(S, rcond=1e-9, hermitian=True)[:n, :n]


@dataclass(frozen=True, slots=True, eq=False)
class _Equations:
    H: Float64[np.ndarray, "n n"]
    g: Float64[np.ndarray, " n"]
    V: Float64[np.ndarray, "p 3 3"]
    gp: Float64[np.ndarray, "p 3"]
    W: Float64[np.ndarray, "k 6 3"]
    Wc: Float64[np.ndarray, "p l 3"]


class _LensPrior:
    """What is known of log f, k1 and the readout before anything is seen. precision: (LENS,)."""

    def __init__(self, focal: FocalPrior, shutter: bool) -> None:
        """shutter: how the cameras moved is known, without which no readout is told."""
        self._focal, self._shutter = focal.focal, shutter
        self.precision = np.array([focal.sigma, SIGMA_K1, SIGMA_READOUT / READOUT]) ** -2

    def off(self, lens: Lens) -> Float64[np.ndarray, " l"]:
        """By how much a lens is off."""
        readout = lens.readout / READOUT if self._shutter else 0.0
        return np.array([np.log(lens.fx / self._focal), lens.k1, readout])


class _Problem:
    """What stays the same from one iteration to the next."""

    def __init__(self, scene: Scene, seen: Observations, refine: FocalPrior | None) -> None:
        self._seen = seen
        self._drifts = np.zeros_like(seen.pixels) if seen.drifts is None else seen.drifts
        self._prior = None if refine is None else _LensPrior(refine, seen.drifts is not None)
        self._slots = np.where(scene.free, np.cumsum(scene.free) - 1, -1).astype(np.int64)
        self._unknowns = 6 * int(scene.free.sum()) + (LENS if refine else 0)

    def equations(self, scene: Scene) -> _Equations:
        """The normal equations at the scene, which must have a cost."""
        n, points = self._unknowns, len(scene.points)
        made = _Equations(
            np.zeros((n, n)),
            np.zeros(n),
            np.zeros((points, 3, 3)),
            np.zeros((points, 3)),
            np.zeros((len(self._seen.views), 6, 3)),
            np.zeros((points, LENS, 3)),
        )
        seen = self._seen
        normal_equations(
            scene.lens.vector, scene.poses, scene.points, seen.starts, seen.views, seen.pixels,
            seen.weights, self._drifts, self._slots, HUBER, self._prior is not None,
            made.H, made.g, made.V, made.gp, made.W, made.Wc,
        )  # fmt: skip
        if self._prior is not None:
            made.g[-LENS:] += self._prior.precision * self._prior.off(scene.lens)
            own = np.arange(n - LENS, n)
            made.H[own, own] += self._prior.precision
        return made

    def tried(self, scene: Scene, made: _Equations, damping: float) -> Scene | None:
        """The scene after a damped step; None where it cannot be solved for."""
        seen, slots, refine = self._seen, self._slots, self._prior is not None
        S, b, inverses = self.reduced(made, damping)
        try:
            step = -cho_solve(cho_factor(S, lower=True, check_finite=False), b)
        except LinAlgError:
            return None
        if not np.isfinite(step).all():
            return None
        poses, points = stepped(
            step, scene.poses, scene.points, seen.starts, seen.views, slots, refine,
            made.gp, made.W, made.Wc, inverses,
        )  # fmt: skip
        lens = scene.lens
        if refine:
            log_focal, k1, readout = step[-LENS:].tolist()
            lens = lens.changed(log_focal, lens.k1 + k1, lens.readout + READOUT * readout)
        return self.measured(replace(scene, lens=lens, poses=poses, points=points))

    def reduced(
        self, made: _Equations, damping: float
    ) -> tuple[Float64[np.ndarray, "n n"], Float64[np.ndarray, " n"], Float64[np.ndarray, "p 3 3"]]:
        """(S, b) without the points, of S the lower half, and the points' blocks inverted."""
        S, b = made.H.copy(), made.g.copy()
        S[np.diag_indices_from(S)] *= 1 + damping
        inverses = np.empty_like(made.V)
        without_points(
            self._seen.starts, self._seen.views, self._slots, self._prior is not None, damping,
            made.V, made.gp, made.W, made.Wc, S, b, inverses,
        )  # fmt: skip
        return S, b, inverses

    def measured(self, scene: Scene) -> Scene:
        """The scene with its errors and cost."""
        seen = self._seen
        errors = residual_norms(
            scene.lens.vector, scene.poses, scene.points, seen.starts, seen.views, seen.pixels,
            seen.weights, self._drifts,
        )  # fmt: skip
        cost = float(robust_cost(errors, HUBER))
        if self._prior is not None:
            cost += 0.5 * float(self._prior.precision @ self._prior.off(scene.lens) ** 2)
        return replace(scene, errors=errors, cost=cost)
