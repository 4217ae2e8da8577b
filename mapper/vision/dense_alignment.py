"""Dense alignment of two depth views, rigid or up to scale: Gauss-Newton on planes and light."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import numpy as np

from mapper.core.geometry import exp_se3
from mapper.core.quantities import LISTED, Metres, NonNegative, SigmasOrZero, Whole
from mapper.core.settings_model import settings
from mapper.core.sim3 import rigid_part, scale_of, similarity
from mapper.vision.dense_residuals import AlignmentView, Limits, Scene, accumulate
from mapper.vision.depth_pyramid import LEVELS, DepthPyramid, Level
from mapper.vision.reprojection import camera_of, motion_of

if TYPE_CHECKING:
    from jaxtyping import Float, Float64

CONVERGED_TWIST = 1e-5  # rad and m: smaller steps than this change nothing that matters
MIN_INLIERS = 30  # fewer pairs of pixels tell nothing


@settings
class AlignmentConfig:
    """Dense alignment of two depth views.

    iterations: Gauss-Newton steps of each level, from the finest to the coarsest.
    max_distance: pairs of points further apart are no pairs; doubles per level.
    photometric_weight: of the intensity residual against the geometric one; 0 = depth alone.
    finest_level: of the pyramid that is aligned; 0 = its finest, 1 = half of that. A small image
        has fewer levels, of which the coarsest is aligned then.
    reach_sigmas: pairs may be apart by this much of the depth's deviation, if that is more.
    """

    iterations: Annotated[tuple[Whole, ...], LISTED] = (4, 5, 6)
    max_distance: Metres = 0.07
    photometric_weight: NonNegative = 0.05
    finest_level: Whole = 0
    reach_sigmas: SigmasOrZero = 3.0

    def __post_init__(self) -> None:
        if len(self.iterations) != LEVELS or self.finest_level >= LEVELS:
            raise ValueError(
                f"there are {LEVELS} levels, not iterations={list(self.iterations)} with "
                f"finest_level={self.finest_level}"
            )


@dataclass(frozen=True, slots=True)
class Alignment:
    """S_reference_source: (4, 4). inlier_ratio: inliers / source points that see the reference.

    overlap: source points that land in the reference's image / all source points.
    rmse: metres, point-to-plane over the inliers. information: (7, 7), rotation, translation and
    log scale (0 where it was held) of a left-multiplied twist, in units of the depth noise's
    variance. converged: the last step was small. pixels: of the source, at the finest level.
    """

    S_reference_source: Float64[np.ndarray, "4 4"]
    inlier_ratio: float
    overlap: float
    rmse: float
    information: Float64[np.ndarray, "7 7"]
    converged: bool
    pixels: int


def align(
    reference: DepthPyramid,
    source: DepthPyramid,
    S_reference_source: Float[np.ndarray, "4 4"],
    config: AlignmentConfig,
    with_scale: bool = False,
) -> Alignment:
    """Refine S_reference_source, coarse to fine; its scale only where asked to.

    Point-to-plane with projective data association (Newcombe et al., KinectFusion, 2011),
    residuals weighted by the depth noise, plus direct intensity residuals (Steinbruecker et al.,
    ICCV-W 2011), both under Huber-like robust weights.
    """
    dof = 7 if with_scale else 6
    now = _Progress(
        rigid_part(S_reference_source), float(scale_of(S_reference_source)), np.zeros((7, 7))
    )
    finest = min(config.finest_level, len(reference.levels) - 1)
    pixels = source.levels[finest].depth.size
    for index in reversed(range(finest, len(reference.levels))):
        views = _view(reference.levels[index]), _view(source.levels[index])
        limits = _limits(reference.levels[index], config, index - finest)
        steps = config.iterations[index], CONVERGED_TWIST * 4.0**index
        if not _descend(now, views, limits, steps, dof):
            S = similarity(now.scale, now.T)
            return Alignment(S, 0.0, 0.0, np.inf, now.information, False, pixels)
    points, visible, inliers, squared = now.sums
    return Alignment(
        similarity(now.scale, now.T),
        inliers / max(visible, 1.0),
        visible / max(points, 1.0),
        float(np.sqrt(squared / max(inliers, 1.0))),
        now.information,
        bool(np.abs(now.step).max() < 5e-3),
        pixels,
    )


@dataclass(slots=True)
class _Progress:
    """T, scale: how far an alignment has come. information, step, sums: of its last step."""

    T: np.ndarray
    scale: float
    information: np.ndarray
    step: np.ndarray = field(default_factory=lambda: np.zeros(7))
    sums: np.ndarray = field(default_factory=lambda: np.zeros(4))


def _descend(
    now: _Progress,
    views: tuple[AlignmentView, AlignmentView],
    limits: Limits,
    steps: tuple[int, float],
    dof: int,
) -> bool:
    """Gauss-Newton at one level; False where too little is seen of the reference. steps: at most
    so many, until one is shorter than that."""
    most, short = steps
    for _ in range(most):
        scene = Scene(*views, motion_of(now.T), np.float32(now.scale), limits)
        upper, b, now.sums = accumulate(scene, dof)
        H = upper + np.triu(upper, 1).T
        now.information[:dof, :dof] = H
        if now.sums[2] < MIN_INLIERS:
            return False
        now.step[:dof] = solve_damped(H, b)
        now.T = rigid_part(exp_se3(now.step[:6]) @ now.T)
        # exp(log scale) about the reference camera moves the source's origin too.
        now.scale *= np.exp(now.step[6])
        now.T[:3, 3] *= np.exp(now.step[6])
        if np.abs(now.step).max() < short:
            break
    return True


def _view(level: Level) -> AlignmentView:
    return AlignmentView(level.depth, level.normals, level.intensity, camera_of(level.camera))


def _limits(reference: Level, config: AlignmentConfig, coarser: int) -> Limits:
    """coarser: by how many levels it is coarser than the finest that is aligned."""
    return Limits(
        reference.noise.coefficients,
        np.float32(config.max_distance * 2.0**coarser),
        np.float32(config.reach_sigmas),
        np.float32(config.photometric_weight),
    )


def solve_damped(
    H: Float[np.ndarray, "n n"], b: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """Solve H x = -b; directions that the data does not constrain stay put (tiny damping)."""
    damping = 1e-6 * np.trace(H) / 6 + 1e-9
    return np.linalg.solve(H + damping * np.eye(len(H)), -b)
