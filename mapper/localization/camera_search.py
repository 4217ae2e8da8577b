"""The camera of an image of which nobody knows it: the focal length with which most agrees."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.localization.sighting import MatchedView
from mapper.vision.local_features import LocalFeatures

TRIED: Final = 4  # keyframes that look most alike
# Shares of the longer side: from wide angle (84 degrees) to short telephoto lenses (31 degrees).
FOCALS: Final = np.geomspace(0.55, 1.8, 9)
AROUND_EXIF: Final = (0.9, 1.0, 1.1)  # makers go by the width or by the diagonal
LEAST: Final = 12  # matches


def guessed_camera(
    views: Sequence[MatchedView],
    features: LocalFeatures,
    size: tuple[int, int],
    exif_focal: float | None,
) -> Intrinsics | None:
    """Pinhole, of square pixels, its axis in the middle; None where no focal length explains
    anything. views: keyframes that look like the image, the most alike first. size: (width,
    height). exif_focal: see Frame."""
    if exif_focal is not None:
        shares = [exif_focal * factor for factor in AROUND_EXIF]
    else:
        shares = [*FOCALS.tolist(), *_of_the_map(views)]
    cameras = [pinhole_of(share, size) for share in shares]
    best, most = None, LEAST - 1
    for view in views[:TRIED]:
        for camera in cameras:
            found = view.pose(features, camera)
            if found is not None and found.inliers > most:
                best, most = camera, found.inliers
    return best


def pinhole_of(share: float, size: tuple[int, int]) -> Intrinsics:
    """A camera whose focal length is that share of the longer side."""
    width, height = size
    focal = share * max(size)
    return Intrinsics(focal, focal, (width - 1) / 2, (height - 1) / 2, width, height)


def _of_the_map(views: Iterable[MatchedView]) -> list[float]:
    """Focal shares of the cameras that it was made with: it may be one of them."""
    cameras = {view.landmark.intrinsics for view in views}
    return [camera.fx / max(camera.width, camera.height) for camera in cameras]
