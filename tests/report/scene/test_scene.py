"""What the page's viewer reads is what was mapped."""

from __future__ import annotations

import base64
import json
from typing import Any

import cv2
import numpy as np

from mapper.core.geometry import exp_se3
from mapper.report.scene.scene import (
    MOST_IMAGES,
    KeyframeView,
    Scene,
    as_json,
    shown_images,
)
from tests.report.scene.test_thinning import hill

UP = np.array([0.0, 0.0, 1.0])


def scene(frames: int = 50, gap: float = 0.0) -> Scene:
    times = 100.0 + np.arange(frames) / 10 + gap * (np.arange(frames) >= frames // 2)
    positions = np.stack([np.linspace(0, 1, frames), np.zeros(frames), np.ones(frames)], 1)
    image = np.full((60, 80, 3), (200, 100, 50), np.uint8)
    poses = [exp_se3(np.array([0.1, 0.2, 0.3, k, 0, 1.0])) for k in range(3)]
    keyframes = [KeyframeView(100.0 + k, T, image if k else None) for k, T in enumerate(poses)]
    return Scene(hill(), UP, times, positions, keyframes, [(0, 2)])


def read(text: str, kind: str, width: int = 1) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), kind).reshape(-1, width)


def content(of: Scene) -> dict[str, Any]:
    return json.loads(as_json(of))


def test_the_surface_comes_back() -> None:
    found, mesh = content(scene()), hill()
    vertices = read(found["vertices"], "<u2", 3) / 65535 * found["size"] + found["low"]
    assert np.abs(vertices - mesh.vertices).max() < 1e-4
    assert found["small"] and (read(found["faces"], "<u2", 3) == mesh.faces).all()
    assert (read(found["colors"], "u1", 3) == mesh.colors).all()


def test_one_looks_at_the_middle_of_the_map_from_above() -> None:
    found = content(scene())
    assert np.abs(np.array(found["target"]) - [0.5, 0.5, 0.1]).max() < 0.05
    away = np.array(found["eye"]) - found["target"]
    assert away @ UP > 0.3 * np.linalg.norm(away)


def test_the_way_is_broken_where_frames_are_missing() -> None:
    whole, broken = content(scene())["way"], content(scene(gap=3.0))["way"]
    assert len(read(whole["points"], "<f4", 6)) == 49
    points = read(broken["points"], "<f4", 6)
    assert len(points) == len(read(broken["shares"], "<f4")) == 48
    assert np.abs(np.diff(points[:, [0, 3]], axis=1) - 1 / 49).max() < 1e-5


def test_a_long_way_is_shown_by_some_of_its_points() -> None:
    assert 2000 < len(read(content(scene(10_001))["way"]["points"], "<f4", 6)) <= 4000


def test_keyframes_have_time_pose_and_image() -> None:
    first, second, _ = content(scene())["keyframes"]
    assert first["time"] == 0.0 and second["time"] == 1.0 and "image" not in first
    pose = np.array(second["pose"]).reshape(3, 4)
    assert np.abs(pose - scene().keyframes[1].T_world_camera[:3]).max() < 1e-4
    image = cv2.imdecode(read(second["image"], "u1").ravel(), cv2.IMREAD_COLOR)
    assert image is not None and image.shape == (180, 240, 3)
    assert np.abs(image.reshape(-1, 3).mean(axis=0) - [50, 100, 200]).max() < 3


def test_a_map_of_one_frame_is_shown() -> None:
    one = scene(1)
    assert content(one)["way"]["points"] == ""


def test_a_page_holds_a_bounded_number_of_images() -> None:
    assert shown_images(0) == set()
    assert shown_images(3) == {0, 1, 2}
    many = sorted(shown_images(5000))
    assert len(many) == MOST_IMAGES and (many[0], many[-1]) == (0, 4999)
    assert max(np.diff(many)) < 1.1 * min(np.diff(many))
