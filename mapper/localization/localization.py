"""Where an image was taken in a map, or why nobody can say."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from mapper.core.intrinsics import Intrinsics

if TYPE_CHECKING:
    from jaxtyping import Float64


class Reason(StrEnum):
    """Why an image has no place in a map.

    featureless: there is next to nothing in it to recognise a place by. unseen: no keyframe shows
    what it shows. few: matches agree, but too few of them, or of what should be seen again.
    elsewhere: another place explains as much. loose: what agrees does not fix the pose, being in a
    small part of the image or on one line. contradicted: what is seen there looks otherwise.
    """

    FEATURELESS = "featureless"
    UNSEEN = "unseen"
    FEW = "few"
    ELSEWHERE = "elsewhere"
    LOOSE = "loose"
    CONTRADICTED = "contradicted"


@dataclass(frozen=True, slots=True, eq=False)
class Localization:
    """T_world_camera: (4, 4), in the map's world and units; None where `reason` says why.

    intrinsics: of the image as it was given; None where they were unknown and were not found.
    is_estimated: the focal length is our own. inliers: features of the image that agree. keyframes:
    ids of those that bear the place out, the best first. sigma_translation: units of the map,
    sigma_rotation: radians; the largest deviation in any direction; infinite without a place.
    by_depth: the pose is by the image's own depth, aligned densely. is_carried: it is told by the
    step from the next frame of its walk, and by the map's surfaces where that leads.
    """

    T_world_camera: Float64[np.ndarray, "4 4"] | None
    reason: Reason | None
    intrinsics: Intrinsics | None
    inliers: int = 0
    keyframes: tuple[int, ...] = ()
    sigma_translation: float = np.inf
    sigma_rotation: float = np.inf
    is_estimated: bool = False
    by_depth: bool = False
    is_carried: bool = False

    @property
    def is_found(self) -> bool:
        """Whether the image has a place in the map."""
        return self.T_world_camera is not None
