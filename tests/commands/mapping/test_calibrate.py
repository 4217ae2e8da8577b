"""A camera whose intrinsics are known looks at a rendered chessboard; they come back."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from mapper.cli import main
from mapper.io.cameras.calibration import load_calibration

WIDTH, HEIGHT = 640, 480
K = np.array([[520.0, 0, 310.0], [0, 515.0, 248.0], [0, 0, 1]])
DISTORTION = np.array([-0.12, 0.05, 0.001, -0.0005, 0.0])
COLUMNS, ROWS, SQUARE = 8, 5, 0.03
SUBPIXELS = 2  # a side
PIXELS = 40  # of a square in the flat picture


def flat_board() -> np.ndarray:
    """Grey picture of the board with a white margin of one square."""
    rows, columns = np.indices((ROWS + 3, COLUMNS + 3))
    black = ((rows + columns) % 2 == 0) & (rows > 0) & (columns > 0)
    black &= (rows < ROWS + 2) & (columns < COLUMNS + 2)
    return np.kron(np.where(black, 20, 235), np.ones((PIXELS, PIXELS))).astype(np.uint8)


@cache
def rays() -> np.ndarray:
    """(N, 3), with z = 1: of each subpixel, row by row."""
    columns, rows = np.meshgrid(np.arange(WIDTH * SUBPIXELS), np.arange(HEIGHT * SUBPIXELS))
    pixels = (np.stack([columns, rows], -1).reshape(-1, 1, 2) + 0.5) / SUBPIXELS - 0.5
    xy = cv2.undistortPoints(pixels.astype(np.float64), K, DISTORTION).reshape(-1, 2)
    return np.column_stack([xy, np.ones(len(xy))])


def view(rotation: np.ndarray, translation: np.ndarray) -> np.ndarray:
    """What the camera sees of the board at a pose: each pixel's ray met with its plane."""
    R = cv2.Rodrigues(rotation)[0]
    # x, y on the board from the ray: the homography of the plane, inverted.
    H = np.linalg.inv(np.column_stack([R[:, 0], R[:, 1], translation]))
    plane = rays() @ H.T
    # The first inner corner lies two squares into the picture; pixel centres are integers.
    uv = plane[:, :2] / plane[:, 2:] * (PIXELS / SQUARE) + 2 * PIXELS - 0.5
    shape = (HEIGHT * SUBPIXELS, WIDTH * SUBPIXELS, 1)
    u, v = (uv[:, i].reshape(shape).astype(np.float32) for i in (0, 1))
    seen = cv2.remap(flat_board(), u, v, cv2.INTER_LINEAR, borderValue=235)
    return cv2.resize(seen.reshape(shape[:2]), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("board")
    rng = np.random.default_rng(4)
    for number in range(11):
        rotation = rng.uniform([-0.5, -0.5, -0.3], [0.5, 0.5, 0.3])
        depth = rng.uniform(0.35, 0.55)
        centre = np.array([(COLUMNS - 1) * SQUARE / 2, (ROWS - 1) * SQUARE / 2, 0])
        aim = np.array([*rng.uniform([-0.08, -0.06], [0.08, 0.06]), depth])
        translation = aim - cv2.Rodrigues(rotation)[0] @ centre
        noisy = view(rotation, translation) + rng.normal(0, 2, (HEIGHT, WIDTH))
        cv2.imwrite(str(folder / f"{number}.png"), np.clip(noisy, 0, 255).astype(np.uint8))
    return folder


def test_the_known_camera_comes_back_within_one_percent(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "camera.yaml"
    arguments = ["calibrate", str(pictures), "--pattern", f"{COLUMNS}x{ROWS}", "--square"]
    assert main([*arguments, str(SQUARE), "--out", str(out), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["views"] >= 8 and report["rmse"] < 0.5
    camera = load_calibration(out).color
    assert (camera.intrinsics.width, camera.intrinsics.height) == (WIDTH, HEIGHT)
    for name, truth in (("fx", 520), ("fy", 515), ("cx", 310), ("cy", 248)):
        assert getattr(camera.intrinsics, name) == pytest.approx(truth, rel=0.01), name
    # Coefficients trade off against one another; what they do to a pixel does not.
    corner = np.array([[[40.0, 40.0]]])
    ours = cv2.undistortPoints(corner, camera.intrinsics.matrix, np.array(camera.distortion))
    truth_ray = cv2.undistortPoints(corner, K, DISTORTION)
    assert np.linalg.norm(ours - truth_ray) * 520 < 2  # pixels


def test_the_wrong_pattern_is_said_in_words(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["calibrate", str(pictures), "--square", "0.03", "--out", str(tmp_path / "c.yaml")]
    assert main([*arguments, "--every", "7", "--pattern", "9x6"]) == 2
    assert "inner corners" in capsys.readouterr().err
    assert main([*arguments, "--pattern", "nine"]) == 2
    assert "--pattern nine" in capsys.readouterr().err
    assert not (tmp_path / "c.yaml").exists()
