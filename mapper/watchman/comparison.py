"""What one prediction says of another: by where its points fall, in depth and in light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from mapper.core.geometry import inverse, transform
from mapper.core.prediction import Prediction

if TYPE_CHECKING:
    from jaxtyping import Float32

SAMPLES: Final = 40  # a side of the image
FEWEST: Final = 60  # points that a comparison needs
FLAT: Final = 0.1  # of varies: about a wall that is seen from before
SMALL: Final = (40, 30)  # of the images in which a standing camera is recognised
MARGIN: Final = 5  # a fifth of the image at each side: about 12 degrees of turn
BLUR: Final = 5  # pixels, so that half a pixel of error does not spoil the light


@dataclass(frozen=True, slots=True)
class Looks:
    """A prediction, and what is looked at of it again and again.

    light: grey image, blurred, at the prediction's size. small: the same, tiny.
    spread: of the logarithm of depth, from the tenth to the ninetieth percentile; 0 without points.
    confidence, middle: the medians of the confidence and the depth of points that count.
    """

    prediction: Prediction
    light: Float32[np.ndarray, "h w"]
    small: Float32[np.ndarray, "30 40"]
    spread: float
    confidence: float
    middle: float

    @staticmethod
    def of(prediction: Prediction) -> Looks:
        """Of a prediction with points or without."""
        grey = cv2.cvtColor(prediction.image, cv2.COLOR_RGB2GRAY).astype(np.float32)
        counts = (prediction.confidence > 0) & (prediction.depth > 0)
        depth = prediction.depth[counts]
        spread = varies(depth) if depth.size else 0.0
        return Looks(
            prediction,
            cv2.blur(grey, (BLUR, BLUR)),
            cv2.resize(grey, SMALL, interpolation=cv2.INTER_AREA),
            spread,
            float(np.median(prediction.confidence[counts])) if depth.size else 0.0,
            float(np.median(depth)) if depth.size else 0.0,
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the newer of two predictions of one segment says where the older one's points fall.

    shared: share of the points that lie in its image. scale: median of its depth over the depth
    that was expected. scatter: of the logarithm of that, robustly. explained: correlation of light
    where the motion puts the points; unmoved: where no motion would; followed: of the middle of
    each image where it lies best in the other one, wherever the camera turned. relief: how much the
    depth there varies, over how much was expected; 1 where a wall was expected. NaN where too few
    points are shared.
    """

    shared: float
    scale: float
    scatter: float
    explained: float
    unmoved: float
    followed: float
    relief: float

    @staticmethod
    def of(old: Looks, new: Looks) -> Comparison:
        """Carries the older one's points into the newer view by their poses."""
        a, b = old.prediction, new.prediction
        columns, rows = _grid(a)
        counts = (a.confidence[rows, columns] > 0) & (a.depth[rows, columns] > 0)
        columns, rows = columns[counts], rows[counts]
        unmoved = correlation(old.small.ravel(), new.small.ravel())
        again = followed(old.small, new.small)
        if len(rows) < FEWEST:
            return Comparison(0.0, np.nan, np.nan, np.nan, unmoved, again, np.nan)
        points = transform(inverse(b.T_world_camera) @ a.T_world_camera, a.pointmap[rows, columns])
        u, v, z = _projected(points, b)
        inside = (z > 0) & (u >= 0) & (v >= 0) & (u < b.depth.shape[1]) & (v < b.depth.shape[0])
        u, v, z = u[inside], v[inside], z[inside]
        told = np.where(b.confidence[v, u] > 0, b.depth[v, u], 0)
        seen = told > 0
        shared = float(inside.mean())
        if seen.sum() < FEWEST:
            return Comparison(shared, np.nan, np.nan, np.nan, unmoved, again, np.nan)
        ratio = np.log(told[seen] / z[seen])
        middle = float(np.median(ratio))
        light = old.light[rows[inside][seen], columns[inside][seen]]
        return Comparison(
            shared,
            float(np.exp(middle)),
            1.4826 * float(np.median(np.abs(ratio - middle))),
            correlation(light, new.light[v[seen], u[seen]]),
            unmoved,
            again,
            relief(told[seen], z[seen]),
        )


def followed(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation of the middle of each image with the part of the other one that is most like it;
    the lesser of both."""
    return min(_middle_found(a, b), _middle_found(b, a))


def _middle_found(image: np.ndarray, other: np.ndarray) -> float:
    height, width = other.shape
    rows, columns = height // MARGIN, width // MARGIN
    middle = other[rows : height - rows, columns : width - columns]
    return float(cv2.matchTemplate(image, middle, cv2.TM_CCOEFF_NORMED).max())


def relief(told: np.ndarray, expected: np.ndarray) -> float:
    """How much depths vary against those that were expected; 1 where these vary next to nothing."""
    spread = varies(expected)
    return varies(told) / spread if spread > FLAT else 1.0


def varies(depth: np.ndarray) -> float:
    """The logarithm of depth, from the tenth to the ninetieth percentile."""
    low, high = np.percentile(np.log(depth), [10, 90])
    return float(high - low)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """-1..1; 1 where neither varies: nothing speaks against their being the same then."""
    a, b = a - a.mean(), b - b.mean()
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / size if size > 1e-6 else 1.0


def _grid(prediction: Prediction) -> tuple[np.ndarray, np.ndarray]:
    """Columns and rows (n,), evenly over the image."""
    height, width = prediction.depth.shape
    columns = np.linspace(0, width - 1, min(SAMPLES, width)).round().astype(int)
    rows = np.linspace(0, height - 1, min(SAMPLES, height)).round().astype(int)
    both = np.meshgrid(columns, rows)
    return both[0].ravel(), both[1].ravel()


def _projected(
    points: np.ndarray, prediction: Prediction
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nearest column and row, and depth, of points in the camera; far outside where behind it."""
    k, z = prediction.intrinsics, points[:, 2]
    safe = np.where(z > 0, z, np.inf)
    u = np.clip(np.rint(k.fx * points[:, 0] / safe + k.cx), -1, 1e6).astype(int)
    v = np.clip(np.rint(k.fy * points[:, 1] / safe + k.cy), -1, 1e6).astype(int)
    return u, v, z
