"""A tag in a picture says how large a keyframe's unit is, and where the tag is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mapper.backend.graph.priors import TagSighting
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.geometry import pose
from mapper.core.intrinsics import Intrinsics
from mapper.core.sim3 import scale_of
from mapper.errors import ConfigError, InputError
from mapper.measured.tags import FAMILIES, SeenTag, TagKind, found_tags, refuse_none, sighting

CAMERA = Intrinsics(500, 500, 319.5, 239.5, 640, 480)
WORKED = CAMERA.resized(320, 240)
KIND = TagKind("36h11", 0.16)
UNIT = 1.7  # keyframe's units of a metre


def picture(T_camera_tag: np.ndarray, number: int = 5) -> np.ndarray:
    """The tag on a grey wall, as the camera sees it."""
    dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, FAMILIES[KIND.family]))
    side, margin = 200, 40
    marker = cv2.aruco.generateImageMarker(dictionary, number, side)
    marker = np.pad(marker, margin, constant_values=255)
    # Pixel of the marker -> metres on the tag, x to the right and y up.
    step, middle = KIND.size / side, margin + side / 2 - 0.5
    on_tag = np.array([[step, 0, -middle * step], [0, -step, middle * step], [0, 0, 1.0]])
    H = CAMERA.matrix @ T_camera_tag[:3, [0, 1, 3]] @ on_tag
    size = (CAMERA.width, CAMERA.height)
    seen = cv2.warpPerspective(marker, H, size, flags=cv2.INTER_AREA, borderValue=128)
    return np.repeat(seen[..., None], 3, axis=2)


def map_of(T_camera_tag: np.ndarray) -> KeyframeMap:
    """Depth of the tag's plane, in the keyframe's units, at half the size."""
    u, v = np.meshgrid(np.arange(320), np.arange(240))
    rays = np.stack(
        [(u - WORKED.cx) / WORKED.fx, (v - WORKED.cy) / WORKED.fy, np.ones(u.shape)], -1
    )
    normal = T_camera_tag[:3, 2]
    depth = UNIT * (normal @ T_camera_tag[:3, 3]) / (rays @ normal)
    depth = np.where(depth > 0, depth, 0).astype(np.float32)
    return KeyframeMap(depth, depth, np.zeros((240, 320, 3), np.uint8), WORKED)


def tag_at(x: float, z: float, turned: float) -> np.ndarray:
    """T_camera_tag: upright, its face to the camera, turned by some degrees."""
    facing = Rotation.from_euler("x", 180, degrees=True) * Rotation.from_euler(
        "y", turned, degrees=True
    )
    return pose(facing.as_matrix(), np.array([x, 0.05, z]))


@pytest.mark.parametrize("T", [tag_at(0.1, 0.9, 25), tag_at(-0.3, 1.5, -35), tag_at(0, 2.5, 40)])
def test_a_tag_is_found_where_it_is_and_in_units(T: np.ndarray) -> None:
    (seen,) = found_tags(picture(T), KIND)
    assert seen.number == 5
    made = sighting(seen, KIND, 3, CAMERA, map_of(T))
    assert made is not None and (made.tag, made.keyframe, made.name) == (5, 3, "tag 36h11 5")
    assert scale_of(made.S_keyframe_tag) == pytest.approx(UNIT, rel=0.03)
    np.testing.assert_allclose(made.S_keyframe_tag[:3, 3], UNIT * T[:3, 3], rtol=0.01, atol=0.01)
    turn = Rotation.from_matrix(made.S_keyframe_tag[:3, :3] / UNIT).inv() * Rotation.from_matrix(
        T[:3, :3]
    )
    assert np.degrees(turn.magnitude()) < 6
    np.linalg.cholesky(made.information)


def test_another_family_is_not_seen() -> None:
    assert found_tags(picture(tag_at(0, 1, 10)), TagKind("25h9", 0.16)) == []


def test_a_tag_too_small_or_without_depth_says_nothing() -> None:
    T = tag_at(0.1, 0.9, 25)
    (seen,) = found_tags(picture(T), KIND)
    blind = map_of(T)
    blind.depth[:] = 0
    assert sighting(seen, KIND, 0, CAMERA, blind) is None
    small = SeenTag(
        5, seen.corners.mean(axis=0) + 0.05 * (seen.corners - seen.corners.mean(axis=0))
    )
    assert sighting(small, KIND, 0, CAMERA, map_of(T)) is None


def test_the_scale_moves_the_tag_along_its_ray() -> None:
    """What is uncertain about the unit is uncertain about the place, and both together."""
    T = tag_at(0, 1.5, 20)
    (seen,) = found_tags(picture(T), KIND)
    made = sighting(seen, KIND, 0, CAMERA, map_of(T))
    assert isinstance(made, TagSighting)
    covariance = np.linalg.inv(made.information)
    along = T[:3, :3].T @ T[:3, 3]
    np.testing.assert_allclose(covariance[3:6, 6], along * covariance[6, 6], rtol=0.05, atol=1e-5)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("36h11", "expected FAMILY:SIZE"),
        ("36h11:0", "a size in metres, larger than 0"),
        ("36h11:-1", "a size in metres, larger than 0"),
        ("36h11:inf", "a size in metres, larger than 0"),
        ("37h1:0.1", "family 37h1 is unknown; choose 16h5"),
    ],
)
def test_tags_that_there_are_not(text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        TagKind.of(text)


def test_the_usual_names_of_families_are_known() -> None:
    for text in ("tag36h11:0.1", "DICT_4X4_50:0.1", "4x4_50:0.1", "36H11:0.1"):
        kind = TagKind.of(text)
        assert hasattr(cv2.aruco, FAMILIES[kind.family])


def test_no_tag_is_told() -> None:
    with pytest.raises(InputError, match="none was seen in 7 keyframes"):
        refuse_none([], KIND, 7)
