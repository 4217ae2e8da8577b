"""What the tool writes is read back as the predictions that it was made of."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mapper.core.prediction_files import save_prediction
from mapper.frontends.predictions.config import PredictionsConfig
from mapper.frontends.predictions.frontend import create
from mapper.vision.orb import OrbMatcher
from tests.support.paths import ROOT
from tests.support.room_views import Room, in_units

TOOL = ROOT / "tools" / "write_predictions.py"


@pytest.fixture(scope="module")
def saved(room: Room, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    for place, frame in enumerate((0, 12)):
        prediction = in_units(room.prediction(frame), 0.7)
        save_prediction(folder, dataclasses.replace(prediction, frame_index=place))
    return folder


def written(saved: Path, style: str, out: Path) -> None:
    call = [sys.executable, str(TOOL), str(saved), "--style", style, "--out", str(out)]
    done = subprocess.run(call, capture_output=True, text=True, cwd=ROOT, check=True)
    assert f"2 predictions as {style}" in done.stdout


@pytest.mark.parametrize("style", ["vggt", "da3", "cut3r-demo", "per-frame"])
def test_every_layout_says_the_same(room: Room, saved: Path, tmp_path: Path, style: str) -> None:
    written(saved, style, tmp_path)
    frontend = create(PredictionsConfig(path=str(tmp_path)), OrbMatcher())
    expected = in_units(room.prediction(12), 0.7)
    frame = dataclasses.replace(room.frame(12), index=1)
    (found,) = frontend.step(frame)
    np.testing.assert_array_equal(found.image, expected.image)
    np.testing.assert_array_equal(found.confidence, expected.confidence)
    np.testing.assert_allclose(found.pointmap, expected.pointmap, atol=1e-5)
    np.testing.assert_allclose(found.T_world_camera, expected.T_world_camera, atol=1e-6)


def test_depth_has_a_factor_of_each_frame(room: Room, saved: Path, tmp_path: Path) -> None:
    from mapper.frontends.predictions.adapters.registry import choose_adapter

    written(saved, "depth", tmp_path)
    source = choose_adapter("auto", tmp_path).open(tmp_path)
    ratios = []
    for place, frame in enumerate((0, 12)):
        (piece,), truth = source.pieces(place), room.prediction(frame).depth
        assert piece.depth is not None
        ratio = piece.depth[truth > 0] / truth[truth > 0]
        np.testing.assert_allclose(ratio, np.median(ratio), rtol=1e-3)
        ratios.append(np.median(ratio))
    assert not source.has_poses and abs(np.log(ratios[0] / ratios[1])) > 0.01
