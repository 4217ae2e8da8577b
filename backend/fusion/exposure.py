"""How bright each keyframe was taken, by the colours of what several of them saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from scipy.sparse import coo_matrix, csr_matrix, diags_array

from mapper.backend.keyframes.keyframe_map import KeyframeMap

if TYPE_CHECKING:
    from jaxtyping import Float, Float32, Int64

ACROSS: Final = 40  # samples along a row
CELL: Final = 2.5  # voxels along the side of the cells in which colours are compared
DARKEST, BRIGHTEST = 10, 245  # grey levels between which a camera counts light
# Grey levels from which a gain fades out: a camera's response flattens, and what is white at one
# exposure is nearly white at another.
GLARE: Final = 150
ROUNDS: Final = 5  # of robust weighting
USUAL: Final = 0.15  # log: what is further off its cell's colour is of another surface, or glares
PRIOR: Final = 5.0  # samples that say that a keyframe is as bright as the others
MOST: Final = 1.2  # log: a camera's steps beyond that leave nothing to compare


@dataclass(frozen=True, slots=True)
class Exposure:
    """gain: of red, green and blue, to be as bright as the others. weight: of its colours, 0..1."""

    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    weight: float = 1.0

    def is_near(self, other: Exposure, tolerance: float) -> bool:
        """Whether no gain differs by more than that share."""
        return bool(np.abs(np.log(self.gain) - np.log(other.gain)).max() <= tolerance)

    def applied(self, image: np.ndarray) -> np.ndarray:
        """uint8 (H, W, 3), evened out; white stays white."""
        if self == NEUTRAL:
            return image
        level = np.arange(256)[:, None]
        glare = np.clip((level - GLARE) / (255 - GLARE), 0, 1)
        kept = 1 - glare * glare * (3 - 2 * glare)
        levels = level * (1 + (np.array(self.gain) - 1) * kept)
        table = np.clip(np.round(levels), 0, 255).astype(np.uint8)
        return np.asarray(cv2.LUT(image, table[None]))


NEUTRAL: Final = Exposure()


@dataclass(frozen=True, slots=True)
class Samples:
    """points: float32 (N, 3), of a keyframe's surface in its own frame. light: float32 (N, 3), the
    logarithm of their colours."""

    points: Float32[np.ndarray, "n 3"]
    light: Float32[np.ndarray, "n 3"]


def samples_of(source: KeyframeMap) -> Samples:
    """Some points of a keyframe with the mean colours around them, without black and glare."""
    height, width = source.depth.shape
    step = max(1, width // ACROSS)
    rows, columns = height // step, width // step
    whole = source.image[: rows * step, : columns * step]
    colors = cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA)
    v, u = np.mgrid[0:rows, 0:columns] * step + step // 2
    lit = (colors.min(axis=-1) >= DARKEST) & (colors.max(axis=-1) <= BRIGHTEST)
    chosen = lit & (source.depth[v, u] > 0) & (source.weight[v, u] > 0)
    camera, z = source.intrinsics, source.depth[v, u][chosen]
    x, y = (u[chosen] - camera.cx) / camera.fx * z, (v[chosen] - camera.cy) / camera.fy * z
    points = np.stack([x, y, z], axis=1).astype(np.float32)
    return Samples(points, np.log(colors[chosen].astype(np.float32)))


def estimated_exposures(
    samples: Mapping[int, Samples], poses: Mapping[int, np.ndarray], cell: float
) -> dict[int, Exposure]:
    """Of each keyframe, by id. poses: S_world_keyframe (4, 4). cell: side, in units of the world.

    The logarithm of a colour is that of its surface and that of the exposure together; both follow
    by least squares, with robust weights, from the cells that several keyframes saw. The keyframe
    in the middle keeps its brightness.
    """
    ids = [k for k in poses if k in samples and len(samples[k].points)]
    if not ids:
        return {}
    places = [samples[k].points @ poses[k][:3, :3].T + poses[k][:3, 3] for k in ids]
    keyframe = np.repeat(np.arange(len(ids)), [len(place) for place in places])
    cells = _numbered(np.floor(np.concatenate(places) / cell).astype(np.int64))
    light = np.concatenate([samples[k].light for k in ids]).astype(np.float64)
    logs = np.stack([_exposures(keyframe, cells, light[:, c], len(ids)) for c in range(3)], axis=1)
    return {k: _exposure(row) for k, row in zip(ids, logs, strict=True)}


def _exposure(log_light: Float[np.ndarray, " 3"]) -> Exposure:
    """A dark image is made bright together with its noise, and counts by the light that it got."""
    gain = np.exp(np.clip(-log_light, -MOST, MOST))
    weight = min(1.0, float(np.exp(2 * log_light.mean())))
    return Exposure((float(gain[0]), float(gain[1]), float(gain[2])), weight)


def _numbered(cells: Int64[np.ndarray, "n 3"]) -> Int64[np.ndarray, " n"]:
    """One number for each different cell."""
    low = cells.min(axis=0)
    span = cells.max(axis=0) - low + 1
    keys = ((cells - low) * [span[1] * span[2], span[2], 1]).sum(axis=1)
    return np.asarray(np.unique(keys, return_inverse=True)[1]).ravel()


def _exposures(
    keyframe: Int64[np.ndarray, " n"],
    cells: Int64[np.ndarray, " n"],
    light: Float[np.ndarray, " n"],
    count: int,
) -> Float[np.ndarray, " k"]:
    """Log of each keyframe's exposure; the median is 0."""
    weight = np.ones(len(light))
    exposure = np.zeros(count)
    for _ in range(ROUNDS):
        shape = (count, int(cells.max()) + 1)
        share: csr_matrix = coo_matrix((weight, (keyframe, cells)), shape=shape).tocsr()
        total = np.maximum(np.asarray(share.sum(axis=0)).ravel(), 1e-9)
        surface = np.bincount(cells, weight * light, shape[1]) / total
        # Least squares over both, from which the surfaces' light is eliminated.
        own = np.bincount(keyframe, weight, count)
        normal = np.diag(own + PRIOR) - (share @ diags_array(1 / total) @ share.T).toarray()
        right = np.bincount(keyframe, weight * (light - surface[cells]), count)
        exposure = np.linalg.solve(normal, right)
        left = light - exposure[keyframe]
        surface = np.bincount(cells, weight * left, shape[1]) / total
        weight = 1 / (1 + ((left - surface[cells]) / USUAL) ** 2) ** 2
    return np.asarray(exposure - np.median(exposure))
