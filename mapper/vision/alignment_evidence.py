"""What speaks for and against an alignment of two views, whoever proposed it.

An alignment that has stopped moving, with small residuals where it found pairs, may still be wrong:
a floor agrees with any slide along it, and two floors with one another. What a wrong one cannot
have is both: no surface in space that the other view saw to be free, and light that agrees in its
details.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from mapper.core.depth_noise import depth_sigma
from mapper.runtime.kernels import kernel
from mapper.vision.dense_residuals import AlignmentView
from mapper.vision.depth_pyramid import DepthPyramid, Level
from mapper.vision.reprojection import (
    NEAREST,
    Motion,
    backprojected,
    camera_of,
    carried,
    f32,
    motion_of,
)

if TYPE_CHECKING:
    from jaxtyping import Float, Float32

LEVEL: Final = 1  # of the pyramid: half of what is aligned, less hurt by blur, and at a quarter
DETAIL_RADIUS: Final = 3.0  # pixels of that level: what is broader is shading or exposure
MOST_DETAIL: Final = f32(0.1)  # of 0..1: stronger edges count no more
TEXTURE: Final = f32(0.012)  # of 0..1: less detail is the camera's noise
# Share of the compared pixels that have texture, below which light says nothing.
MIN_TEXTURED: Final = 0.015
# A surface agrees within this many deviations of two readings' difference, and this share of the
# depth, for normals are not exact; along the ray by more, for it may be slanted.
AGREEING_SIGMAS: Final = f32(4.0)
AGREEING_SHARE: Final = f32(0.01)
TWO_READINGS: Final = f32(1.4142)
SLANTED: Final = f32(4.0)
# Costs of a compared pixel, in log-likelihood: at most of one that agrees, of one that is behind
# the other view's surface, which may hide it, of one in free space, which nothing explains, and of
# one of which nothing is known.
MOST_MISFIT: Final = 4.5
BEHIND_COST: Final = 3.0
FRONT_COST: Final = 6.0
UNKNOWN_COST: Final = 1.0
SHIFTS: Final = (-6, -3, 0, 3, 6)  # pixels
CORRELATED: Final = 100.0  # pixels that err together
# How a point stands to another view: not compared, on its surface, in free space before it, behind.
NOT_COMPARED: Final = 0
AGREES: Final = 1
FRONT: Final = 2
BEHIND: Final = 3


@dataclass(frozen=True, slots=True)
class Evidence:
    """Of the source's points in the reference.

    seen: share of them that the reference has a reading for. agree, front, behind: shares of these,
    that lie on its surface, in the free space before it, or behind it. light: correlation of the
    images' details where surfaces agree, -1 to 1; 0 where there is no texture. textured: share of
    the compared pixels that have some. score: log-likelihood of it all, up to a constant that is
    the same for all alignments of the two views. centred: by how much light agrees better there
    than where the source is shifted in the image.
    """

    seen: float
    agree: float
    front: float
    behind: float
    light: float
    textured: float
    score: float
    centred: float

    @property
    def has_light(self) -> bool:
        """Whether there is enough texture for the light to say anything."""
        return self.textured >= MIN_TEXTURED


def evidence_of(
    reference: DepthPyramid,
    source: DepthPyramid,
    S_reference_source: Float[np.ndarray, "4 4"],
    level: int = LEVEL,
) -> Evidence:
    """Compares the source's points with the reference, where the alignment puts them.

    level: of the pyramids; a coarser one where they have no such.
    """
    return Comparison.of(reference, source, level).evidence(S_reference_source)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two views, made ready to be compared at any alignment. noise: (3,), of the reference."""

    reference: AlignmentView
    source: AlignmentView
    noise: Float32[np.ndarray, " 3"]

    @classmethod
    def of(cls, reference: DepthPyramid, source: DepthPyramid, level: int = LEVEL) -> Comparison:
        """level: see `evidence_of`."""
        level = min(level, len(reference.levels) - 1, len(source.levels) - 1)
        a, b = reference.levels[level], source.levels[level]
        return cls(level_view(a), level_view(b), a.noise.coefficients)

    @property
    def readings(self) -> int:
        """Of the source: its points."""
        return int(np.count_nonzero(self.source.depth))

    @property
    def typical_depth(self) -> float:
        """Of the source's points, their median; 0 of none."""
        there = self.source.depth[self.source.depth > 0]
        return float(np.median(there)) if len(there) else 0.0

    def score(self, S_reference_source: Float[np.ndarray, "4 4"]) -> float:
        """See Evidence."""
        return _score(self._sums(S_reference_source))

    def evidence(self, S_reference_source: Float[np.ndarray, "4 4"]) -> Evidence:
        """Of the source's points, where the alignment puts them."""
        sums = self._sums(S_reference_source)
        points, agree, front, behind, textured = sums[:5]
        compared = max(agree + front + behind, 1.0)
        motion = motion_of(S_reference_source)
        return Evidence(
            compared / max(points, 1.0),
            agree / compared,
            front / compared,
            behind / compared,
            _light(sums) if textured >= MIN_TEXTURED * compared else 0.0,
            textured / compared,
            _score(sums),
            _centred((self.reference, self.source), motion, self.noise),
        )

    def _sums(self, S_reference_source: np.ndarray) -> np.ndarray:
        return np.asarray(
            _compare(self.reference, self.source, motion_of(S_reference_source), self.noise)
        )


def _light(sums: np.ndarray) -> float:
    """Correlation of the details."""
    ab, aa, bb = sums[6:]
    return float(ab / np.sqrt(aa * bb)) if aa > 0 and bb > 0 else 0.0


def _score(sums: np.ndarray) -> float:
    points, agree, front, behind, textured, misfit = sums[:6]
    unknown = points - (agree + front + behind)
    cost = misfit + BEHIND_COST * behind + FRONT_COST * front + UNKNOWN_COST * unknown
    light = min(max(_light(sums), 0.0), 0.999)
    return float(-0.5 * textured * np.log1p(-(light**2)) - cost) / CORRELATED


def level_view(level: Level) -> AlignmentView:
    """For kernels, its intensity without what is broad: shading, exposure, vignetting."""
    return AlignmentView(
        level.depth, level.normals, detail_of(level.intensity), camera_of(level.camera)
    )


def detail_of(intensity: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """What of an image of 0..1 is finer than DETAIL_RADIUS, limited to MOST_DETAIL."""
    broad = cv2.GaussianBlur(intensity, (0, 0), DETAIL_RADIUS)
    return np.clip(intensity - broad, -MOST_DETAIL, MOST_DETAIL)


@kernel(fastmath=True, inline="always")
def compared_with(reference, X, noise):
    """How a point X of another view stands to the reference: NOT_COMPARED, where that has no
    reading, AGREES, FRONT, in free space, or BEHIND; the pixel u, v where it appears; and its
    distance from the surface there in deviations of two readings' difference."""
    nowhere = f32(0)
    if X[2] <= NEAREST:
        return NOT_COMPARED, nowhere, nowhere, nowhere
    height, width = reference.depth.shape
    u = reference.camera.fx * X[0] / X[2] + reference.camera.cx
    v = reference.camera.fy * X[1] / X[2] + reference.camera.cy
    if u < 1 or v < 1 or u > width - 2 or v > height - 2:
        return NOT_COMPARED, nowhere, nowhere, nowhere
    i, j = int(v + f32(0.5)), int(u + f32(0.5))
    there = reference.depth[i, j]
    if there <= 0:
        return NOT_COMPARED, nowhere, nowhere, nowhere
    x, y, _ = backprojected(reference.camera, f32(j), f32(i), there)
    n = reference.normals[i, j]
    off = n[0] * (X[0] - x) + n[1] * (X[1] - y) + n[2] * (X[2] - there)
    sigma = TWO_READINGS * depth_sigma(max(there, X[2]), noise)
    within = AGREEING_SIGMAS * sigma + AGREEING_SHARE * there
    if abs(off) > within or abs(X[2] - there) > SLANTED * within:
        return FRONT if X[2] < there else BEHIND, u, v, off / sigma
    return AGREES, u, v, off / sigma


@kernel(fastmath=True)
def _compare(reference, source, motion, noise):
    """Sums (9,): points, agreeing, in front, behind, textured among the agreeing, their misfit, and
    of the details there the products a b, a a, b b."""
    sums = np.zeros(9)
    for row in range(source.depth.shape[0]):
        for column in range(source.depth.shape[1]):
            z = source.depth[row, column]
            if z <= 0:
                continue
            sums[0] += 1
            X = carried(source.camera, motion, f32(column), f32(row), z)
            stands, u, v, off = compared_with(reference, X, noise)
            if stands == NOT_COMPARED:
                continue
            sums[stands] += 1
            if stands != AGREES:
                continue
            sums[5] += min(f32(0.5) * off**2, f32(MOST_MISFIT))
            a, b = _between(reference.intensity, u, v), source.intensity[row, column]
            if max(abs(a), abs(b)) > TEXTURE:
                sums[4] += 1
                sums[6] += a * b
                sums[7] += a * a
                sums[8] += b * b
    return sums


def _centred(
    views: tuple[AlignmentView, AlignmentView], motion: Motion, noise: Float32[np.ndarray, " 3"]
) -> float:
    """The most light where the alignment puts the source or a little beside, less the most of it
    further beside.

    Of an alignment that slid along a surface light would agree better somewhere beside it. A
    little beside is no slide: colour may lag behind depth.
    """
    shifts = np.array([(u, v) for v in SHIFTS for u in SHIFTS], np.float32)
    sums = _compare_shifted(*views, motion, noise, shifts)
    light = sums[:, 0] / np.sqrt(np.maximum(sums[:, 1] * sums[:, 2], 1e-12))
    is_near = np.abs(shifts).max(axis=1) < SHIFTS[-1]
    return float(light[is_near].max() - light[~is_near].max())


@kernel(fastmath=True)
def _compare_shifted(reference, source, motion, noise, shifts):
    """For each shift (K, 2) in pixels the sums (K, 3) of the details' products a b, a a, b b."""
    sums = np.zeros((len(shifts), 3))
    height, width = reference.depth.shape
    border = f32(1 - SHIFTS[0])
    for row in range(0, source.depth.shape[0], 2):
        for column in range(0, source.depth.shape[1], 2):
            z = source.depth[row, column]
            if z <= 0:
                continue
            X = carried(source.camera, motion, f32(column), f32(row), z)
            if X[2] <= NEAREST:
                continue
            u = reference.camera.fx * X[0] / X[2] + reference.camera.cx
            v = reference.camera.fy * X[1] / X[2] + reference.camera.cy
            if u < border or v < border or u > width - 1 - border or v > height - 1 - border:
                continue
            there = reference.depth[int(v + f32(0.5)), int(u + f32(0.5))]
            sigma = TWO_READINGS * depth_sigma(max(there, X[2]), noise)
            if abs(X[2] - there) > SLANTED * (AGREEING_SIGMAS * sigma + AGREEING_SHARE * there):
                continue
            b = source.intensity[row, column]
            for s in range(len(shifts)):
                a = _between(reference.intensity, u + shifts[s, 0], v + shifts[s, 1])
                if max(abs(a), abs(b)) > TEXTURE:
                    sums[s, 0] += a * b
                    sums[s, 1] += a * a
                    sums[s, 2] += b * b
    return sums


@kernel(fastmath=True, inline="always")
def _between(image, u, v):
    """Bilinear; u, v inside of the image."""
    k, m = int(v), int(u)
    au, av = u - f32(m), v - f32(k)
    top = image[k, m] * (1 - au) + image[k, m + 1] * au
    low = image[k + 1, m] * (1 - au) + image[k + 1, m + 1] * au
    return top * (1 - av) + low * av
