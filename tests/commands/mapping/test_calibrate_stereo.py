"""Two cameras that stand side by side look at a rendered chessboard; how they stand comes back."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mapper.cli import main
from mapper.core.geometry import inverse, pose
from mapper.errors import InputError
from mapper.io.cameras.chessboard import Board
from mapper.io.sequences.decode import read_image
from mapper.io.sequences.stereo.calibration import load_stereo
from mapper.io.sequences.stereo.chessboard import calibrate_stereo
from tests.commands.mapping.test_calibrate import COLUMNS, HEIGHT, ROWS, SQUARE, WIDTH, view

BASELINE = 0.06
RIGHT_LEFT = pose(cv2.Rodrigues(np.array([0.01, -0.03, 0.02]))[0], np.array([-BASELINE, 0.002, 0]))
PAIRS = 8


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders left and right."""
    folder = tmp_path_factory.mktemp("pair")
    rng = np.random.default_rng(6)
    for side in ("left", "right"):
        (folder / side).mkdir()
    for number in range(PAIRS):
        R = cv2.Rodrigues(rng.uniform([-0.5, -0.5, -0.3], [0.5, 0.5, 0.3]))[0]
        centre = np.array([(COLUMNS - 1) * SQUARE / 2, (ROWS - 1) * SQUARE / 2, 0])
        aim = np.array([*rng.uniform([0.0, -0.05], [0.06, 0.05]), rng.uniform(0.4, 0.55)])
        T_left_board = pose(R, aim - R @ centre)
        for side, T in (("left", T_left_board), ("right", RIGHT_LEFT @ T_left_board)):
            noisy = view(cv2.Rodrigues(T[:3, :3])[0].ravel(), T[:3, 3])
            noisy = noisy + rng.normal(0, 2, (HEIGHT, WIDTH))
            cv2.imwrite(str(folder / side / f"{number}.png"), np.clip(noisy, 0, 255).astype("u1"))
    return folder


def calibrated(left: Path, right: Path, out: Path) -> int:
    board = ["--pattern", f"{COLUMNS}x{ROWS}", "--square", str(SQUARE), "--json"]
    return main(["calibrate", str(left), "--stereo", str(right), *board, "--out", str(out)])


def test_both_cameras_come_back_as_the_readers_take_them(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "stereo.yaml"
    assert calibrated(pictures / "left", pictures / "right", out) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["baseline"] == pytest.approx(BASELINE, rel=0.01) and told["rmse"] < 0.5
    cameras = load_stereo(out)
    assert cameras is not None
    off = cameras.T_right_left @ inverse(RIGHT_LEFT)
    assert np.degrees(np.linalg.norm(cv2.Rodrigues(off[:3, :3])[0])) < 0.3
    assert np.linalg.norm(off[:3, 3]) < 0.003
    assert cameras.left.intrinsics.fx == pytest.approx(520, rel=0.02)


def test_swapped_pictures_are_refused(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert calibrated(pictures / "right", pictures / "left", tmp_path / "stereo.yaml") == 2
    assert "the pictures are swapped" in capsys.readouterr().err
    assert not (tmp_path / "stereo.yaml").exists()


def test_pictures_of_other_moments_are_refused(pictures: Path) -> None:
    read = {
        side: [read_image(pictures / side / f"{n}.png") for n in range(PAIRS)]
        for side in ("left", "right")
    }
    late = read["right"][1:] + read["right"][:1]
    with pytest.raises(InputError, match="not taken at the same moment"):
        calibrate_stereo(zip(read["left"], late, strict=True), Board(COLUMNS, ROWS, SQUARE))
    few = list(zip(read["left"], read["right"], strict=True))[:2]
    with pytest.raises(InputError, match=r"2 different views .* in both"):
        calibrate_stereo(few, Board(COLUMNS, ROWS, SQUARE))
