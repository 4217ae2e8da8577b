"""Whether an image's place in a map is to be believed, and if not, why.

What repeats itself, another room with the same chairs, or a poster that hangs in two places, gives
matches that agree. What they cannot give is a place where nothing else explains as much, where the
light of all that is between the matches agrees too, and the more so the nearer it is compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.localization.appearance import appearance
from mapper.localization.dense_placement import DensePlace
from mapper.localization.landmarks import Landmarks
from mapper.localization.localization import Reason
from mapper.localization.refinement import largest_sigmas
from mapper.localization.sighting import Sighting

if TYPE_CHECKING:
    from jaxtyping import UInt8

LOOKED_AT: Final = 3  # keyframes whose light is compared with the image's
FEWEST: Final = 25  # features that agree
FEWEST_ALONE: Final = 40  # the same where the image has no depth that agrees too
MOST_RIVAL: Final = 0.5  # of them, that another place may explain as well
NARROWEST: Final = 0.02  # of the longer side: deviation of the agreeing pixels across their line
LOOSEST: Final = 0.05, 0.05  # radians, and share of the depth, by which a pose may be unknown
# Correlation of the details, and by how much it must be better there than beside.
LEAST_LIGHT: Final = 0.5
LEAST_CENTRED: Final = 0.3
LEAST_BEARING: Final = 2  # keyframes: a wall that looks like another one is seen by one
IN_FREE_SPACE: Final = 0.1  # share of an image's own depth that may lie where the map saw nothing


@dataclass(frozen=True, slots=True)
class Light:
    """light, centred: see Evidence, of the keyframe with which the image agrees most."""

    light: float
    centred: float

    @property
    def agrees(self) -> bool:
        """Whether a slide, or matches that repeat, could not have made it."""
        return self.light >= LEAST_LIGHT and self.centred >= LEAST_CENTRED


def why_not(
    landmarks: Landmarks,
    image: UInt8[np.ndarray, "h w 3"],
    found: Sighting,
    dense: DensePlace | None,
) -> Reason | None:
    """Why a place is not believed; None where it is. dense: by the image's own depth, None where it
    has none, or no surface bears it out."""
    if found.inliers < FEWEST or len(found.bearing) < LEAST_BEARING:
        return Reason.FEW
    if found.rival > MOST_RIVAL * found.inliers:
        return Reason.ELSEWHERE
    rotation, translation = largest_sigmas(found.refined.covariance)
    is_loose = rotation > LOOSEST[0] or translation > LOOSEST[1] * found.depth
    if is_loose or narrowness(found) < NARROWEST:
        return Reason.LOOSE
    if dense is not None and dense.evidence.front > IN_FREE_SPACE:
        return Reason.CONTRADICTED
    if dense is not None and Light(dense.evidence.light, dense.evidence.centred).agrees:
        return None
    if found.inliers < FEWEST_ALONE:
        return Reason.FEW
    return None if light_of(landmarks, image, found).agrees else Reason.CONTRADICTED


def narrowness(found: Sighting) -> float:
    """Deviation of the agreeing pixels across the line that they are nearest to, as a share of the
    image's longer side."""
    camera = found.refined.camera
    pixels = found.pool.pixels[found.pool.agreeing(found.refined.T_world_camera, camera)]
    spread = np.linalg.eigvalsh(np.cov(pixels.T / max(camera.width, camera.height)))
    return float(np.sqrt(max(spread[0], 0.0)))


def light_of(landmarks: Landmarks, image: UInt8[np.ndarray, "h w 3"], found: Sighting) -> Light:
    """How much the image's light agrees with that of the keyframes with the most matches."""
    T, camera = found.refined.T_world_camera, found.refined.camera
    best = Light(-1.0, 0.0)
    for keyframe in found.bearing[:LOOKED_AT]:
        landmark, pyramid = landmarks.view(keyframe), landmarks.pyramid(keyframe)
        seen = appearance(image, camera, T, landmark, pyramid)
        if seen.light > best.light:
            best = Light(seen.light, seen.centred)
    return best
