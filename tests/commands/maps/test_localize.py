"""mapper localize: images in a map, and one line for what cannot be looked for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from mapper.core.geometry import inverse
from mapper.io.trajectory_files import read_tum
from mapper.run.directory import RunDirectory


@pytest.fixture
def photo(sample: Path, tmp_path: Path) -> Path:
    """A frame of the walk, by itself."""
    frames = sorted((sample / "rgb").iterdir())
    return Path(shutil.copy(frames[37], tmp_path / "photo.jpg"))


def test_a_sequence_is_placed_where_it_was_mapped(
    finished: RunDirectory, sample: Path, tmp_path: Path, command
) -> None:
    poses = tmp_path / "poses.txt"
    asked = ("--start", "10", "--stride", "25", "--max-frames", "3")
    code, out, _ = command("localize", finished.path, sample, *asked, "--out", poses)
    assert code == 0 and out.count("by depth and features") == 3
    assert "3 of 3 images are in this map" in out
    images = sorted((sample / "rgb").iterdir())[10:61:25]
    assert [line.split(": ")[0] for line in out.splitlines()[:3]] == [str(path) for path in images]
    found, known = read_tum(poses), read_tum(finished.trajectory)
    for time, T in zip(found.timestamps, found.T_world_camera, strict=True):
        there = known.T_world_camera[np.abs(known.timestamps - time).argmin()]
        assert np.linalg.norm((inverse(there) @ T)[:3, 3]) < 0.01
    code, _, err = command("localize", finished.path, sample, *asked, "--out", poses)
    assert code == 2 and "--overwrite" in err


def test_a_photograph_without_a_camera_and_a_picture_of_nothing(
    finished: RunDirectory, photo: Path, tmp_path: Path, command
) -> None:
    blank = tmp_path / "blank.png"
    cv2.imwrite(str(blank), np.full((240, 320, 3), 120, np.uint8))
    code, out, _ = command("localize", finished.path, photo, blank, "--json")
    assert code == 0
    here, nowhere = json.loads(out)["images"]
    assert here["found"] and here["focal_is_estimated"] and here["inliers"] > 40
    assert np.array(here["T_world_camera"]).shape == (4, 4)
    assert nowhere == nowhere | {"found": False, "reason": "featureless", "T_world_camera": None}


def test_an_interrupted_run_is_a_map_too(killed: RunDirectory, photo: Path, command) -> None:
    code, out, _ = command("localize", killed.path, photo)
    assert code == 0 and "1 of 1 images" in out


def test_what_cannot_be_read_is_one_line(
    finished: RunDirectory, photo: Path, sample: Path, tmp_path: Path, command
) -> None:
    photo.write_bytes(photo.read_bytes()[:200])
    code, out, err = command("localize", finished.path, photo)
    assert (code, out, err.count("\n")) == (2, "", 1) and photo.name in err
    code, _, err = command("localize", finished.path, tmp_path / "none.jpg")
    assert code == 2 and err.count("\n") == 1
    two = (sample, sample, "--out", tmp_path / "poses.txt")
    code, _, err = command("localize", finished.path, *two)
    assert code == 2 and "one sequence" in err


def test_a_run_of_later_days_and_one_without_keyframes(
    finished: RunDirectory, photo: Path, command
) -> None:
    described = finished.path / "run.yaml"
    says = yaml.safe_load(described.read_text())
    says["versions"]["mapper"] = "12.0.1"
    described.write_text(yaml.safe_dump(says))
    code, _, err = command("localize", finished.path, photo)
    assert code == 2 and "12.0.1" in err and err.count("\n") == 1
    says["versions"]["mapper"] = "0.0.9.dev1"
    described.write_text(yaml.safe_dump(says))
    shutil.rmtree(finished.path / "keyframes")
    code, _, err = command("localize", finished.path, photo)
    assert code == 2 and "without keyframe files" in err and err.count("\n") == 1
