"""Dense alignment of two depth views, rigid or up to scale: Gauss-Newton on planes and light."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import numpy as np

from mapper.core.geometry import exp_se3, inverse
from mapper.core.quantities import LISTED, Metres, NonNegative, Share, SigmasOrZero, Whole
from mapper.core.settings_model import settings
from mapper.core.sim3 import log_sim3, rigid_part, scale_of, similarity
from mapper.vision.dense_residuals import AlignmentView, Limits, Scene, accumulate
from mapper.vision.depth_pyramid import LEVELS, DepthPyramid, Level
from mapper.vision.reprojection import camera_of, motion_of
from mapper.vision.weak_directions import Combined, combined, without_exposure

if TYPE_CHECKING:
    from jaxtyping import Float, Float64

# rad and m: each step is a third to a fifth of the one before, so that after one of 0.03 mm what is
# left is a hundredth of a depth camera's noise.
CONVERGED_TWIST = 3e-5
SPARSE = 4  # every 4th pixel a side tells the median depth
MIN_INLIERS = 30  # fewer pairs of pixels tell nothing
# Neighbours' residuals err together: an image full of them tells a step as well as so many would.
INDEPENDENT_RESIDUALS = 100.0
MIN_INFORMATION = 1e-2  # of a direction in which nothing is known: sigma 10


@settings
class AlignmentConfig:
    """Dense alignment of two depth views.

    iterations: Gauss-Newton steps of each level, from the finest to the coarsest.
    max_distance: pairs of points further apart are no pairs; doubles per level.
    photometric_weight: of the intensity residual against the geometric one in directions that
        planes know well; up to 1 in those that a depth camera's do not. 0 = depth alone.
    finest_level: of the pyramid that is aligned; 0 = its finest, 1 = half of that. A small image
        has fewer levels, of which the coarsest is aligned then.
    reach_sigmas: pairs may be apart by this much of the depth's deviation, if that is more.
    evenness: a reading counts as if it deviated by at least this share of what one at the median
        depth does. 0 = as it is, so that what is near counts most; 1 = nothing counts more than
        the nearer half's furthest, for what is near may move by itself.
    """

    iterations: Annotated[tuple[Whole, ...], LISTED] = (4, 5, 6)
    max_distance: Metres = 0.07
    photometric_weight: NonNegative = 0.05
    finest_level: Whole = 0
    reach_sigmas: SigmasOrZero = 3.0
    evenness: Share = 0.0

    def __post_init__(self) -> None:
        if len(self.iterations) != LEVELS or self.finest_level >= LEVELS:
            raise ValueError(
                f"there are {LEVELS} levels, not iterations={list(self.iterations)} with "
                f"finest_level={self.finest_level}"
            )


@dataclass(frozen=True, slots=True)
class PosePrior:
    """What is known of an alignment before the views are compared.

    T_reference_source: (4, 4), expected. information: (6, 6), inverse covariance of a
    left-multiplied twist, rotation [rad], then translation [units]. slides: (K, 6), twists along
    which what the views tell is not to be trusted.
    """

    T_reference_source: Float64[np.ndarray, "4 4"]
    information: Float64[np.ndarray, "6 6"]
    slides: Float64[np.ndarray, "k 6"] | None = None


@dataclass(frozen=True, slots=True)
class Alignment:
    """S_reference_source: (4, 4). inlier_ratio: inliers / source points that see the reference.

    overlap: source points that land in the reference's image / all source points.
    rmse: metres, point-to-plane over the inliers. information: (7, 7), rotation, translation and
    log scale (0 where it was held) of a left-multiplied twist, in units of the depth noise's
    variance, a prior's with it. converged: the last step was small. pixels: of the source, at the
    finest level. inliers: pairs of points. weakest: what a pixel's plane tells of the direction
    that planes know least, a motion by the scene's depth or by a radian in inverse variances.
    """

    S_reference_source: Float64[np.ndarray, "4 4"]
    inlier_ratio: float
    overlap: float
    rmse: float
    information: Float64[np.ndarray, "7 7"]
    converged: bool
    pixels: int
    inliers: int = 0
    weakest: float = 0.0

    @property
    def covariance(self) -> Float64[np.ndarray, "6 6"]:
        """(6, 6), of a left-multiplied twist, as INDEPENDENT_RESIDUALS would leave it."""
        information = self.information[:6, :6] * INDEPENDENT_RESIDUALS / max(self.inliers, 1)
        return np.linalg.inv(information + MIN_INFORMATION * np.eye(6))


def align(
    reference: DepthPyramid,
    source: DepthPyramid,
    S_reference_source: Float[np.ndarray, "4 4"],
    config: AlignmentConfig,
    with_scale: bool = False,
    prior: PosePrior | None = None,
) -> Alignment:
    """Refine S_reference_source, coarse to fine; its scale only where asked to.

    prior: holds directions in which the views tell little.

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
        known = _Known(config.photometric_weight, _in_weak_directions(reference, config), prior)
        seen = _descend(now, views, limits, steps, known, dof)
        # A coarse level may have too few readings where the finest has enough.
        if not seen and index == finest:
            S = similarity(now.scale, now.T)
            return Alignment(S, 0.0, 0.0, np.inf, now.information, False, pixels)
    points, visible, inliers, squared, _ = now.sums
    return Alignment(
        similarity(now.scale, now.T),
        inliers / max(visible, 1.0),
        visible / max(points, 1.0),
        float(np.sqrt(squared / max(inliers, 1.0))),
        now.information,
        bool(np.abs(now.step).max() < 5e-3),
        pixels,
        int(inliers),
        now.weakest,
    )


def told_at(
    reference: DepthPyramid,
    source: DepthPyramid,
    T_reference_source: Float[np.ndarray, "4 4"],
    config: AlignmentConfig,
    level: int,
) -> tuple[Float64[np.ndarray, "6 6"], Float64[np.ndarray, " 6"]] | None:
    """What planes and light tell at a pose: information and gradient of a left-multiplied twist, as
    so many residuals as are independent would; None where too little is seen of the reference."""
    level = min(level, len(reference.levels) - 1)
    views = _view(reference.levels[level]), _view(source.levels[level])
    limits = _limits(reference.levels[level], config, level - config.finest_level)
    one, none = np.float32(1), np.float32(0)
    scene = Scene(*views, motion_of(T_reference_source), one, one, none, limits)
    of_planes, of_light, sums = accumulate(scene, 6)
    if (inliers := sums[2]) < MIN_INLIERS:
        return None
    weights = config.photometric_weight, _in_weak_directions(reference, config)
    reduced, _ = without_exposure(of_light)
    told = combined(of_planes, reduced, inliers, sums[4] / inliers, weights)
    independent = INDEPENDENT_RESIDUALS / inliers
    return told.information * independent, told.gradient * independent


@dataclass(slots=True)
class _Progress:
    """T, scale: how far an alignment has come, and by how much the reference is exposed longer.
    information, step, sums, weakest: of its last step."""

    T: np.ndarray
    scale: float
    information: np.ndarray
    gain: float = 1.0
    offset: float = 0.0
    weakest: float = 0.0
    step: np.ndarray = field(default_factory=lambda: np.zeros(7))
    sums: np.ndarray = field(default_factory=lambda: np.zeros(5))


@dataclass(frozen=True, slots=True)
class _Known:
    """light: its weight where planes know the motion, and where they do not. prior: of the pose,
    or None."""

    light: float
    light_where_weak: float
    prior: PosePrior | None


def _descend(
    now: _Progress,
    views: tuple[AlignmentView, AlignmentView],
    limits: Limits,
    steps: tuple[int, float],
    known: _Known,
    dof: int,
) -> bool:
    """Gauss-Newton at one level; False where too little is seen of the reference. steps: at most
    so many, until one is shorter than that."""
    most, short = steps
    for _ in range(most):
        light = np.float32(now.gain), np.float32(now.offset)
        scene = Scene(*views, motion_of(now.T), np.float32(now.scale), *light, limits)
        of_planes, of_light, now.sums = accumulate(scene, dof)
        inliers = now.sums[2]
        if inliers < MIN_INLIERS:
            return False
        reduced, follow = without_exposure(of_light)
        weights = known.light, known.light_where_weak
        depth = now.sums[4] / inliers
        told = combined(of_planes, reduced, inliers, depth, weights)
        if known.prior is not None:
            told = _held(told, known.prior, now.T, inliers)
        now.information[:dof, :dof], now.weakest = told.information, told.weakest
        now.step[:dof] = solve_damped(told.slope, told.gradient)
        now.gain, now.offset = (now.gain, now.offset) - follow.T @ [*now.step[:dof], 1.0]
        now.T = rigid_part(exp_se3(now.step[:6]) @ now.T)
        # exp(log scale) about the reference camera moves the source's origin too.
        now.scale *= np.exp(now.step[6])
        now.T[:3, 3] *= np.exp(now.step[6])
        if np.abs(now.step).max() < short:
            break
    return True


def _held(told: Combined, prior: PosePrior, T: np.ndarray, inliers: float) -> Combined:
    """With what is known beforehand, as so many residuals as there are would have to say it."""
    H, A, b = told.information.copy(), told.slope.copy(), told.gradient.copy()
    for slide in () if prior.slides is None else prior.slides:
        turned = A[:6, :6] @ slide
        if (across := float(slide @ turned)) > 0:
            b[:6] -= turned * float(slide @ b[:6]) / across
        _forget(A[:6, :6], slide)
        _forget(H[:6, :6], slide)
    information = prior.information * inliers / INDEPENDENT_RESIDUALS
    H[:6, :6] += information
    A[:6, :6] += information
    b[:6] += information @ log_sim3(T @ inverse(prior.T_reference_source))[:6]
    return Combined(H, A, b, told.weakest)


def _forget(matrix: np.ndarray, slide: np.ndarray) -> None:
    """Take out, in place, what a matrix (6, 6) tells along a twist."""
    told = float(slide @ matrix @ slide)
    if told > 0:
        matrix -= np.outer(matrix @ slide, slide @ matrix) / told


def _in_weak_directions(reference: DepthPyramid, config: AlignmentConfig) -> float:
    """The light's weight there. A network errs alike in views that are alike, so that its planes
    fit where light, which goes by parallax, would take the depth's error for motion or scale."""
    is_measured = reference.levels[0].noise.is_measured
    return max(1.0, config.photometric_weight) if is_measured else config.photometric_weight


def _view(level: Level) -> AlignmentView:
    return AlignmentView(level.depth, level.normals, level.intensity, camera_of(level.camera))


def _limits(reference: Level, config: AlignmentConfig, coarser: int) -> Limits:
    """coarser: by how many levels it is coarser than the finest that is aligned."""
    return Limits(
        reference.noise.coefficients,
        np.float32(config.max_distance * 2.0**coarser),
        np.float32(config.reach_sigmas),
        np.float32(_least_sigma(reference, config.evenness)),
        np.bool_(config.photometric_weight > 0),
    )


def _least_sigma(reference: Level, evenness: float) -> float:
    if evenness <= 0:
        return 0.0
    sparse = reference.depth[::SPARSE, ::SPARSE]
    there = sparse[sparse > 0]
    return evenness * reference.noise.sigma(float(np.median(there))) if len(there) else 0.0


def solve_damped(
    H: Float[np.ndarray, "n n"], b: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """Solve H x = -b; directions that the data does not constrain stay put (tiny damping)."""
    damping = 1e-6 * np.trace(H) / 6 + 1e-9
    return np.linalg.solve(H + damping * np.eye(len(H)), -b)
