"""Undistortion and both warps, against scenes whose answer is known in closed form."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mapper.core.geometry import exp_se3
from mapper.core.intrinsics import Intrinsics
from mapper.io.cameras.calibration import Calibration, save_calibration
from mapper.io.cameras.camera import Camera
from mapper.io.cameras.depth_registration import Undistorter, color_to_depth, depth_to_color
from mapper.io.sequences.open_sequence import open_sequence

COLOR = Intrinsics(150.0, 152.0, 81.0, 58.5, 160, 120)
DEPTH = Intrinsics(170.0, 168.0, 78.0, 61.0, 160, 120)
T_COLOR_DEPTH = exp_se3(np.array([0.01, -0.02, 0.015, -0.03, 0.01, 0.005]))
PLANE = np.array([0.3, -0.2, 1.0])  # n . x = 2 in depth-camera coordinates


def plane_depth(camera: Intrinsics, normal: np.ndarray, offset: float) -> np.ndarray:
    """float32 (H, W): depth of the plane normal . x = offset."""
    rows, columns = np.indices((camera.height, camera.width), dtype=float)
    rays = np.stack([(columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy], -1)
    return (offset / (rays @ normal[:2] + normal[2])).astype(np.float32)


def plane_in_color() -> tuple[np.ndarray, float]:
    normal = T_COLOR_DEPTH[:3, :3] @ PLANE
    return normal, 2.0 + float(normal @ T_COLOR_DEPTH[:3, 3])


def gradient_image(camera: Intrinsics) -> np.ndarray:
    rows, columns = np.indices((camera.height, camera.width))
    return np.stack([columns, rows * 2, np.zeros_like(rows)], -1).astype(np.uint8)


def test_color_to_depth_fetches_the_colour_of_each_point() -> None:
    depth = plane_depth(DEPTH, PLANE, 2.0)
    warped = color_to_depth(gradient_image(COLOR), depth, COLOR, DEPTH, T_COLOR_DEPTH)
    for v, u in ((60, 80), (20, 30), (100, 120)):
        z = depth[v, u]
        point = np.array([(u - DEPTH.cx) / DEPTH.fx * z, (v - DEPTH.cy) / DEPTH.fy * z, z, 1.0])
        x, y, w = (T_COLOR_DEPTH @ point)[:3]
        place = (COLOR.fx * x / w + COLOR.cx, COLOR.fy * y / w + COLOR.cy)
        # The image is linear in the place; rounding to 8 bits leaves half a step.
        np.testing.assert_allclose(warped[v, u, :2], [place[0], 2 * place[1]], atol=0.55)


def test_color_to_depth_leaves_no_hole_where_depth_is_missing() -> None:
    full = plane_depth(DEPTH, np.array([0, 0, 1.0]), 2.0)
    holed = full.copy()
    holed[40:60, 50:90] = 0
    holed[80] = np.nan
    image = gradient_image(COLOR)
    expected = color_to_depth(image, full, COLOR, DEPTH, T_COLOR_DEPTH)
    warped = color_to_depth(image, holed, COLOR, DEPTH, T_COLOR_DEPTH)
    np.testing.assert_array_equal(warped, expected)  # neighbours have the same depth


def test_color_to_depth_without_any_depth_is_still_an_image() -> None:
    image = np.full((120, 160, 3), 200, np.uint8)
    empty = np.zeros((120, 160), np.float32)
    warped = color_to_depth(image, empty, COLOR, DEPTH, T_COLOR_DEPTH)
    assert (warped[10:110, 10:150] == 200).all()


def test_depth_to_color_measures_the_plane_from_the_colour_camera() -> None:
    depth = plane_depth(DEPTH, PLANE, 2.0)
    warped = depth_to_color(depth, COLOR, DEPTH, T_COLOR_DEPTH)
    expected = plane_depth(COLOR, *plane_in_color())
    inner = np.s_[15:105, 15:145]
    assert (warped[inner] > 0).mean() > 0.995
    seen = warped > 0
    # A reading lands up to half a pixel off; the plane's depth changes by 0.5 % a pixel at most.
    np.testing.assert_allclose(warped[seen], expected[seen], rtol=6e-3)


def test_depth_to_color_keeps_the_nearest_surface() -> None:
    depth = np.full((120, 160), 3.0, np.float32)
    depth[:, 60:100] = 1.0
    T = np.eye(4)
    T[0, 3] = -0.1  # near points move 17 pixels to the left, far ones 6
    warped = depth_to_color(depth, DEPTH, DEPTH, T)
    assert (warped[60, 44:82] == 1.0).all()


def test_depth_to_color_on_a_finer_image_has_no_gaps() -> None:
    depth = np.full((120, 160), 2.0, np.float32)
    warped = depth_to_color(depth, DEPTH.resized(400, 300), DEPTH, np.eye(4))
    assert (warped[5:-5, 5:-5] == 2.0).all()


def test_the_warps_undo_each_other() -> None:
    """Depth as colour: warped to colour, then fetched back, it is the depth it was."""
    depth = plane_depth(DEPTH, PLANE, 2.0)
    in_color = depth_to_color(depth, COLOR, DEPTH, T_COLOR_DEPTH)
    picture = np.repeat((in_color * 80).astype(np.uint8)[..., None], 3, axis=2)
    back = color_to_depth(picture, depth, COLOR, DEPTH, T_COLOR_DEPTH)[20:100, 25:135, 0]
    np.testing.assert_allclose(back / 80.0, depth[20:100, 25:135], rtol=0.03)


def test_undistortion_puts_pixels_where_the_pinhole_has_them() -> None:
    distortion = (0.26, -0.95, -0.005, 0.003, 1.16)
    corner = np.array([0.25, -0.2])  # on the plane z = 1
    place = cv2.projectPoints(
        np.array([[*corner, 1.0]]), np.zeros(3), np.zeros(3), COLOR.matrix, np.array(distortion)
    )[0].ravel()
    rows, columns = np.indices((120, 160))
    blob = np.exp(-((columns - place[0]) ** 2 + (rows - place[1]) ** 2) / 8.0)
    image = np.repeat((blob * 255).astype(np.uint8)[..., None], 3, axis=2)
    straight = Undistorter(COLOR, distortion).image(image)[..., 0].astype(float)
    centre = np.array([(straight * columns).sum(), (straight * rows).sum()]) / straight.sum()
    expected = corner * [COLOR.fx, COLOR.fy] + [COLOR.cx, COLOR.cy]
    assert np.linalg.norm(place - expected) > 0.4  # there was something to undo
    np.testing.assert_allclose(centre, expected, atol=0.1)


def test_undistortion_never_mixes_two_depths() -> None:
    depth = np.ones((120, 160), np.float32)
    depth[:, 80:] = 4.0
    straight = Undistorter(COLOR, (0.3, 0.1, 0.0, 0.0)).depth(depth)
    assert set(np.unique(straight).tolist()) <= {0.0, 1.0, 4.0}


@pytest.mark.parametrize("registration", ["auto", "color_to_depth"])
def test_a_calibrated_folder_is_registered_by_the_reader(tmp_path: Path, registration: str) -> None:
    (tmp_path / "rgb").mkdir()
    (tmp_path / "depth").mkdir()
    depth_camera = DEPTH.resized(80, 60)
    depth = plane_depth(depth_camera, PLANE, 2.0)
    cv2.imwrite(str(tmp_path / "rgb/0.png"), gradient_image(COLOR)[..., ::-1])
    cv2.imwrite(str(tmp_path / "depth/0.png"), np.rint(depth * 5000).astype(np.uint16))
    calibration = Calibration(Camera(COLOR), Camera(depth_camera), T_COLOR_DEPTH, 5000.0)
    save_calibration(calibration, tmp_path / "calibration.yaml")
    sequence = open_sequence(tmp_path, registration=registration)
    frame = sequence[0]
    assert sequence.intrinsics == (COLOR if registration == "auto" else depth_camera)
    assert frame.depth is not None
    if registration == "auto":
        expected = plane_depth(COLOR, *plane_in_color())
        np.testing.assert_allclose(frame.depth[60, 80], expected[60, 80], rtol=0.02)
    else:
        np.testing.assert_allclose(frame.depth, depth, atol=2e-4)
        assert frame.image.shape == (60, 80, 3) and frame.image[20:40, 20:60].any()


def test_a_fisheye_is_straightened_as_its_model_says() -> None:
    """A point seen at the angle t lies at f (t + k1 t^3) from the centre; afterwards at f tan t."""
    f, k1, angle = 100.0, 0.05, 0.5
    image = np.zeros((201, 201, 3), np.uint8)
    seen = round(100 + f * (angle + k1 * angle**3))
    image[98:103, seen - 2 : seen + 3] = 255
    undistorter = Undistorter(Intrinsics(f, f, 100, 100, 201, 201), (k1, 0, 0, 0), fisheye=True)
    columns = np.flatnonzero(undistorter.image(image)[100, :, 0] > 127)
    assert abs(columns.mean() - (100 + f * np.tan(angle))) < 1.0
