"""Tags of known size that keyframes see: AprilTags and ArUco markers, by OpenCV's detector.

The pose of a camera before a tag comes in metres, by the tag's size; the keyframe's depth of it
comes in the keyframe's units. Together they say how many metres a unit is, and where the tag is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from mapper.backend.graph.priors import TagSighting
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.geometry import pose
from mapper.core.intrinsics import Intrinsics
from mapper.core.sim3 import similarity
from mapper.errors import ConfigError, InputError

CORNER_PX: Final = 0.5  # how far off a corner is found
DEPTH_SHARE: Final = 0.03  # by which a keyframe's depth of a tag is off
LEAST_PX: Final = 12.0  # side of a tag: of a smaller one the corners say too little of its distance
LEAST_DEPTHS: Final = 0.3  # of a tag's pixels must have a depth
FAMILIES: Final = {
    "16h5": "DICT_APRILTAG_16h5",
    "25h9": "DICT_APRILTAG_25h9",
    "36h10": "DICT_APRILTAG_36h10",
    "36h11": "DICT_APRILTAG_36h11",
    **{f"{side}x{side}_{count}": f"DICT_{side}X{side}_{count}" for side in (4, 5, 6, 7)
       for count in (50, 100, 250, 1000)},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TagKind:
    """family: one of FAMILIES. size: side of its black square, metres."""

    family: str
    size: float

    @classmethod
    def of(cls, text: str) -> TagKind:
        """Of `FAMILY:SIZE`. Raises ConfigError."""
        family, _, size = text.partition(":")
        family = family.removeprefix("tag").removeprefix("DICT_")
        known = {name.lower(): name for name in FAMILIES}
        if family.lower() not in known:
            raise ConfigError(
                f"--tag {text}: family {family} is unknown; choose {', '.join(FAMILIES)}"
            )
        try:
            metres = float(size)
        except ValueError:
            raise ConfigError(f"--tag {text}: expected FAMILY:SIZE, like 36h11:0.16") from None
        if not (np.isfinite(metres) and metres > 0):
            raise ConfigError(f"--tag {text}: a tag has a size in metres, larger than 0")
        return cls(known[family.lower()], metres)


@dataclass(frozen=True, slots=True, eq=False)
class SeenTag:
    """number: which. corners: pixels (4, 2), of the image that it was found in, from the top left
    one clockwise as the tag is seen upright."""

    number: int
    corners: np.ndarray


def found_tags(image: np.ndarray, kind: TagKind) -> list[SeenTag]:
    """In an image uint8 (H, W, 3), RGB."""
    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, FAMILIES[kind.family]))
    detector = cv2.aruco.ArucoDetector(dictionary, parameters)
    corners, numbers, _ = detector.detectMarkers(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
    if numbers is None:
        return []
    return [
        SeenTag(int(number), np.asarray(four, float).reshape(4, 2))
        for number, four in zip(np.ravel(numbers), corners, strict=True)
    ]


def sighting(
    seen: SeenTag, kind: TagKind, keyframe: int, camera: Intrinsics, view: KeyframeMap
) -> TagSighting | None:
    """What a keyframe says of a tag; None where it is too small, or its depth is not known.

    camera: of the image that the tag was found in, which shows the same as the keyframe's.
    """
    side = float(np.mean(np.linalg.norm(seen.corners - np.roll(seen.corners, 1, axis=0), axis=1)))
    if side < LEAST_PX:
        return None
    T_camera_tag = _metric_pose(seen, kind, camera)
    depth = None if T_camera_tag is None else _depth_of(seen, T_camera_tag, camera, view)
    if T_camera_tag is None or depth is None:
        return None
    unit = depth / float(T_camera_tag[2, 3])  # keyframe's units of a metre
    S = similarity(unit, T_camera_tag)
    S[:3, 3] *= unit
    information = np.linalg.inv(_covariance(T_camera_tag, side, kind, camera))
    name = f"tag {kind.family} {seen.number}"
    return TagSighting(name, seen.number, keyframe, S, 0.5 * (information + information.T))


def _metric_pose(seen: SeenTag, kind: TagKind, camera: Intrinsics) -> np.ndarray | None:
    """T_camera_tag (4, 4), metres; the better of the two poses that a square has."""
    half = kind.size / 2
    square = np.array([[-half, half, 0], [half, half, 0], [half, -half, 0], [-half, -half, 0]])
    K = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1.0]])
    count, turns, ways, _ = cv2.solvePnPGeneric(
        square, seen.corners[:, None], K, None, flags=cv2.SOLVEPNP_IPPE_SQUARE
    )
    if not count:
        return None
    R, _ = cv2.Rodrigues(turns[0])
    T = pose(R, np.asarray(ways[0], float).ravel())
    return T if T[2, 3] > 0 else None


def _depth_of(
    seen: SeenTag, T_camera_tag: np.ndarray, camera: Intrinsics, view: KeyframeMap
) -> float | None:
    """Depth of the tag's middle in the keyframe's units: that of the plane through its pixels."""
    worked = view.intrinsics
    rays = (seen.corners - [camera.cx, camera.cy]) / [camera.fx, camera.fy]
    pixels = rays * [worked.fx, worked.fy] + [worked.cx, worked.cy]
    inside = np.zeros(view.depth.shape, np.uint8)
    cv2.fillConvexPoly(inside, np.rint(pixels).astype(np.int32), 1)
    rows, columns = np.nonzero(inside)
    depths = view.depth[rows, columns]
    known = depths > 0
    if not len(known) or known.mean() < LEAST_DEPTHS or known.sum() < 4:
        return None
    # 1 / z of a plane is linear in the pixels.
    ray = T_camera_tag[:2, 3] / T_camera_tag[2, 3]
    middle = ray * [worked.fx, worked.fy] + [worked.cx, worked.cy]
    A = np.column_stack([np.ones(known.sum()), columns[known] - middle[0], rows[known] - middle[1]])
    weights = np.ones(len(A))
    inverse_depths = 1 / depths[known].astype(float)
    for _ in range(5):
        solved = np.linalg.lstsq(A * weights[:, None], inverse_depths * weights, rcond=None)[0]
        off = np.abs(inverse_depths - A @ solved)
        weights = 1 / (1 + off / max(float(np.median(off)), 1e-9))
    return float(1 / solved[0]) if solved[0] > 0 else None


def _covariance(
    T_camera_tag: np.ndarray, side: float, kind: TagKind, camera: Intrinsics
) -> np.ndarray:
    """(7, 7) of S_keyframe_tag, perturbed on the right: rotation [rad], translation [metres], log
    scale. The scale moves the tag along its ray with it."""
    z = float(T_camera_tag[2, 3])
    across, along = CORNER_PX / camera.fx * z, CORNER_PX / side * z
    R = T_camera_tag[:3, :3]
    covariance = np.zeros((7, 7))
    covariance[:3, :3] = np.eye(3) * (2 * CORNER_PX / side) ** 2 * 4
    covariance[3:6, 3:6] = R.T @ np.diag([across**2, across**2, along**2]) @ R
    covariance[6, 6] = DEPTH_SHARE**2
    moved = np.eye(7)
    moved[3:6, 6] = R.T @ T_camera_tag[:3, 3]
    return moved @ covariance @ moved.T


def numbers_of(sightings: Iterable[TagSighting]) -> str:
    """Which tags were seen and how often, in words."""
    count: dict[int, int] = {}
    for seen in sightings:
        count[seen.tag] = count.get(seen.tag, 0) + 1
    return ", ".join(f"{tag} ({times}x)" for tag, times in sorted(count.items()))


def refuse_none(sightings: list[TagSighting], kind: TagKind, looked_at: int) -> None:
    """Raise InputError where no tag was seen."""
    if not sightings:
        raise InputError(
            f"--tag {kind.family}:{kind.size:g}: none was seen in {looked_at} keyframes; is it of "
            "this family, and large enough in the images?"
        )
