"""An exported image that lies elsewhere than the model says is found out, by how much it is off."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from measures.export_reprojection import measure, tile_shifts

from mapper.cli import main
from mapper.run.directory import RunDirectory
from tests.support.networks.tiny_cut3r import write_checkpoint
from tests.support.room_views import Room

FACTOR = 3  # the exported image is so many times as large as the keyframe's


def textured(height: int, width: int) -> np.ndarray:
    noise = np.random.default_rng(0).uniform(0, 255, (height, width, 3))
    soft = cv2.GaussianBlur(noise, (0, 0), 2.0 * FACTOR)
    return cv2.normalize(soft, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)  # type: ignore[call-overload]


@pytest.mark.parametrize("off", [0.0, 2.0, 9.0])
def test_tiles_tell_how_far_off_the_colours_are(off: float) -> None:
    shown = textured(128 * FACTOR, 192 * FACTOR)
    worked = cv2.resize(shown, (192, 128), interpolation=cv2.INTER_AREA)
    columns, rows = np.meshgrid(np.arange(192), np.arange(128))
    pixels = np.stack([columns, rows], -1) * float(FACTOR) + (FACTOR - 1) / 2
    has_point = np.ones(worked.shape[:2], bool)
    shifts = tile_shifts(worked, shown, pixels + [off, 0], has_point) * FACTOR
    assert len(shifts) >= 4
    assert np.median(shifts) == pytest.approx(off, abs=0.1)
    assert len(tile_shifts(worked, shown[::-1].copy(), pixels, has_point)) == 0  # of other things
    has_point[:] = False
    assert len(tile_shifts(worked, shown, pixels, has_point)) == 0


@pytest.mark.parametrize("turned", [False, True])
def test_an_uncalibrated_run_is_exported_where_it_was_seen(
    turned: bool, room: Room, tmp_path: Path
) -> None:
    """Of networks whose keyframes differ in focal length, landscape and portrait, cut at the
    sides: to a pixel of the images as they are stored."""
    pytest.importorskip("pycolmap")
    (tmp_path / "images").mkdir()
    for index in range(6):
        bgr = room.frame(8 * index).image[..., ::-1]
        bgr = np.ascontiguousarray(np.rot90(bgr)) if turned else bgr
        cv2.imwrite(str(tmp_path / "images" / f"{index}.png"), bgr)
    weights = write_checkpoint(tmp_path / "tiny.pth")
    run, folder = tmp_path / "run", tmp_path / "colmap"
    options = ["cut3r.image_size=224", "cut3r.min_confidence=0", "cut3r.device=cpu"]
    options += ["backend.align=off", "backend.fusion.tsdf.voxel_size=0.2"]
    options = [word for option in options for word in ("--set", option)]
    given = [str(tmp_path / "images"), "--frontend", "cut3r", "--weights", str(weights)]
    assert main(["run", *given, "--out", str(run), "--no-save-rrd", *options]) == 0
    assert main(["export", str(run), "--format", "colmap", "--out", str(folder)]) == 0
    shape = cv2.imread(str(next((folder / "images").iterdir())))
    assert shape is not None and shape.shape == bgr.shape
    found = measure(RunDirectory.open(run), folder)
    assert found.images >= 1 and len(found.shifts) >= 4
    assert np.percentile(found.shifts, 95) < 1
