"""What several tests need: the shared data, and tiny sequences of every format."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from mapper.rooms.sample.sequence import make_sample
from tests.support.images import HEIGHT, WIDTH, write_depth, write_image
from tests.support.paths import SHARED
from tests.support.quick_outputs import shrink_pictures
from tests.support.room_views import WALK, Room
from tests.support.shared_folder import made_once

CALIBRATION = f"fx: 40\nfy: 41\ncx: 19.5\ncy: 14.5\nwidth: {WIDTH}\nheight: {HEIGHT}\n"

# Of pytest-xdist, in pyproject.toml.
PARALLEL_OPTIONS = ("--numprocesses", "--maxprocesses", "--dist")
# Of PyTorch, OpenBLAS and OpenMP. There are as many workers as cores, and for small networks
# threads that wait for one another cost more than they give: up to twenty times, if it is busy.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Under -p no:xdist the options of pyproject.toml are known all the same and mean nothing."""
    if not pluginmanager.has_plugin("xdist"):
        for option in PARALLEL_OPTIONS:
            parser.addoption(option, help="without pytest-xdist: nothing")


def pytest_configure() -> None:
    """Before PyTorch is imported, and before the workers start, who inherit it."""
    for variable in THREAD_VARIABLES:
        os.environ.setdefault(variable, "1")


@pytest.fixture(scope="session", autouse=True)
def small_pictures() -> Iterator[None]:
    """Of a run's mesh, in its report; those that are asked for by name are as large as asked."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        shrink_pictures(monkeypatch)
        yield


@pytest.fixture(scope="session")
def room() -> Room:
    """The sample room, to be looked at from anywhere."""
    return Room()


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole walk through the sample room at 320x240, on disk."""
    return made_once(tmp_path_factory, "room", lambda path: make_sample(path, WALK, 320, 240))


@pytest.fixture
def shared_data() -> Callable[[str], Path]:
    """shared_data("tum/NAME"): that path in the shared data folder; skips where it is absent."""

    def find(name: str) -> Path:
        path = SHARED / "data" / name
        if not path.exists():
            pytest.skip(f"../shared/data/{name} is not on this machine")
        return path

    return find


@pytest.fixture
def tum(tmp_path: Path) -> Path:
    """Five frames at 10 Hz, depth 4 ms late, depth 1 + 0.1 i metres, ground truth at 20 Hz."""
    folder = tmp_path / "made_up"
    lists: dict[str, list[str]] = {"rgb": ["# time file"], "depth": ["# time file"]}
    for i in range(5):
        write_image(folder / f"rgb/{i}.png", i)
        write_depth(folder / f"depth/{i}.png", 5000 + 500 * i)
        lists["rgb"].append(f"{100 + 0.1 * i:.4f} rgb/{i}.png")
        lists["depth"].append(f"{100.004 + 0.1 * i:.4f} depth/{i}.png")
    for name, lines in lists.items():
        (folder / f"{name}.txt").write_text("\n".join(lines))
    poses = [f"{100 + 0.05 * i:.4f} {i} 0 0 0 0 0 1" for i in range(10)]
    (folder / "groundtruth.txt").write_text("# comment\n" + "\n".join(poses))
    (folder / "calibration.yaml").write_text(CALIBRATION)
    return folder


@pytest.fixture
def sevenscenes(tmp_path: Path) -> Path:
    """A scene with one sequence of four frames; depth 2 m with one gap of each kind."""
    folder = tmp_path / "office" / "seq-03"
    for i in range(4):
        write_image(folder / f"frame-{i:06d}.color.png", i, 640, 480)
        depth = np.full((480, 640), 2000, np.uint16)
        depth[5, 7], depth[6, 7] = 65535, 0
        assert cv2.imwrite(str(folder / f"frame-{i:06d}.depth.png"), depth)
        T_world_depth = np.eye(4)
        T_world_depth[0, 3] = i
        np.savetxt(folder / f"frame-{i:06d}.pose.txt", T_world_depth)
    return folder


@pytest.fixture
def kitti(tmp_path: Path) -> Path:
    """Three colour frames of sequence 07 with poses; camera 2 sits 0.06 m left of camera 0."""
    folder = tmp_path / "dataset" / "sequences" / "07"
    for i in range(3):
        write_image(folder / f"image_2/{i:06d}.png", i)
    (folder / "times.txt").write_text("0.0\n1.0e-01\n0.2\n")
    (folder / "calib.txt").write_text(
        "P0: 40 0 19.5 0 0 41 14.5 0 0 0 1 0\nP2: 40 0 19.5 2.4 0 41 14.5 0 0 0 1 0\n"
    )
    poses = tmp_path / "dataset" / "poses" / "07.txt"
    poses.parent.mkdir()
    poses.write_text("".join(f"1 0 0 0 0 1 0 0 0 0 1 {i}\n" for i in range(3)))
    return folder


@pytest.fixture
def rgbd_folder(tmp_path: Path) -> Path:
    """rgb/ and depth/ with eleven frames whose names need natural sorting."""
    folder = tmp_path / "scan"
    for i in range(11):
        write_image(folder / f"rgb/{i}.png", i)
        write_depth(folder / f"depth/{i}.png", 1000 + 100 * i)
    (folder / "calibration.yaml").write_text(CALIBRATION)
    return folder


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Twelve frames at 10 Hz whose brightness is 20 times their index."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (64, 48))
    for i in range(12):
        writer.write(np.full((48, 64, 3), 20 * i, np.uint8))
    writer.release()
    return path


@pytest.fixture
def cut() -> Callable[[Path], None]:
    """cut(path) removes the second half of a file."""

    def halve(path: Path) -> None:
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])

    return halve
