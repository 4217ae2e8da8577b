"""mapper screenshot: pictures and films of a map."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from mapper.core.trajectory import Trajectory
from mapper.io.meshes.mesh_files import write_mesh
from mapper.io.trajectory_files import write_tum
from mapper.rooms.sample.camera import sample_poses
from mapper.rooms.sample.sequence import room_mesh
from mapper.run.directory import RunDirectory
from tests.support.made_up_records import described


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """The exact room as a map, from which the camera's first four poses are known."""
    run = RunDirectory.create(tmp_path / "run", False)
    run.write_description(described())
    write_mesh(run.mesh, room_mesh())
    write_tum(run.trajectory, Trajectory(np.arange(4) / 10, sample_poses(16)[:4]))
    return run


def frames(path: Path) -> list[np.ndarray]:
    capture = cv2.VideoCapture(str(path))
    found = []
    while (answer := capture.read())[0]:
        found.append(answer[1])
    return found


@pytest.mark.parametrize("place", ["outside", "above", "camera"])
def test_a_screenshot_shows_the_map(place: str, run: RunDirectory, tmp_path: Path, command) -> None:
    out = tmp_path / "picture.png"
    assert command("screenshot", run.path, out, "--from", place, "--size", "160x120")[0] == 0
    picture = cv2.imread(str(out))
    assert picture is not None and picture.shape == (120, 160, 3)
    assert picture.std() > 10  # more than the background's faint gradient


@pytest.mark.parametrize("path", ["orbit", "trajectory"])
def test_a_film_moves_and_is_as_long_as_asked(
    path: str, run: RunDirectory, tmp_path: Path, command
) -> None:
    out = tmp_path / "film.mp4"
    options = ("--path", path, "--size", "96x64", "--seconds", 2, "--fps", 4)
    code, said, _ = command("screenshot", run.path, out, *options, "--json")
    assert code == 0 and '"frames": 8' in said
    shown = frames(out)
    assert len(shown) == 8 and {frame.shape for frame in shown} == {(64, 96, 3)}
    assert all(frame.std() > 10 for frame in shown)
    changes = [np.abs(a - b.astype(float)).mean() for a, b in pairwise(shown)]
    assert min(changes) > 1
    assert [file.name for file in tmp_path.iterdir() if file.suffix == ".tmp"] == []


def test_the_film_of_a_camera_that_never_moved_is_refused(
    run: RunDirectory, tmp_path: Path, command
) -> None:
    write_tum(run.trajectory, Trajectory(np.zeros(1), sample_poses(2)[:1]))
    code, _, err = command("screenshot", run.path, tmp_path / "x.mp4", "--path", "trajectory")
    assert code == 2 and "--path orbit" in err and not (tmp_path / "x.mp4").exists()


@pytest.mark.parametrize("name", ["x.png", "x.mp4"])
def test_an_empty_map_has_neither_picture_nor_film(
    name: str, run: RunDirectory, tmp_path: Path, command
) -> None:
    mesh = room_mesh()
    write_mesh(run.mesh, replace(mesh, faces=mesh.faces[:0]))
    code, _, err = command("screenshot", run.path, tmp_path / name)
    assert code == 2 and "no faces" in err and not (tmp_path / name).exists()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("x.gif", (), ".mp4"),
        ("x.mp4", ("--from", "above"), "--path"),
        ("x.png", ("--path", "orbit"), "--path is of films"),
        ("x.png", ("--fps", "10"), "--fps is of films"),
        ("x.mp4", ("--seconds", "nan"), "--seconds nan"),
        ("x.mp4", ("--seconds", "0"), "2 to 20000 frames"),
        ("x.mp4", ("--fps", "0"), "1 to 120 a second"),
        ("x.mp4", ("--size", "101x64"), "must be even"),
        ("x.mp4", ("--size", "8x8"), "16 to 8192"),
        ("x.mp4", ("--size", "wide"), "like 1280x800"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    run: RunDirectory, tmp_path: Path, command, name: str, options: tuple[str, ...], message: str
) -> None:
    code, _, err = command("screenshot", run.path, tmp_path / name, *options)
    assert code == 2 and message in err and err.count("\n") == 1


def test_a_screenshot_of_nothing_is_one_clear_line(tmp_path: Path, command) -> None:
    code, _, err = command("screenshot", tmp_path, tmp_path / "x.png")
    assert code == 2 and "no run here" in err
