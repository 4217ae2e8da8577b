"""Trajectory files come back as they were, evo reads them, and bad lines are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from evo.tools import file_interface
from scipy.spatial.transform import Rotation

from mapper.core.geometry import pose_from_quaternion_xyzw
from mapper.core.trajectory import Trajectory
from mapper.errors import ConfigError, InputError
from mapper.io.trajectory_files import (
    WRITERS,
    read_euroc,
    read_tum,
    write_trajectory,
    write_tum_parts,
)

READERS = {"tum": read_tum, "euroc": read_euroc}


@pytest.fixture
def trajectory() -> Trajectory:
    rng = np.random.default_rng(0)
    quaternions = Rotation.random(50, rng=0).as_quat()
    poses = pose_from_quaternion_xyzw(quaternions, rng.normal(scale=100, size=(50, 3)))
    return Trajectory(1403636579.763555 + np.cumsum(rng.uniform(0.01, 0.1, 50)), poses)


@pytest.mark.parametrize("format", READERS)
def test_round_trip_is_exact_to_a_billionth(
    format: str, trajectory: Trajectory, tmp_path: Path
) -> None:
    write_trajectory(tmp_path / "t.txt", trajectory, format)
    result = READERS[format](tmp_path / "t.txt")
    np.testing.assert_allclose(result.T_world_camera, trajectory.T_world_camera, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(result.timestamps, trajectory.timestamps)


@pytest.mark.parametrize("format", WRITERS)
def test_an_empty_trajectory_is_a_valid_file(format: str, tmp_path: Path) -> None:
    empty = Trajectory(np.zeros(0), np.zeros((0, 4, 4)))
    write_trajectory(tmp_path / "t.txt", empty, format)
    lines = (tmp_path / "t.txt").read_text().splitlines()
    assert all(line.startswith("#") for line in lines)
    if format in READERS:
        assert len(READERS[format](tmp_path / "t.txt")) == 0


def test_parts_make_the_file_of_the_whole(trajectory: Trajectory, tmp_path: Path) -> None:
    times, poses = trajectory.timestamps, trajectory.T_world_camera
    cuts = [slice(0, 7), slice(7, 7), slice(7, 50)]
    write_tum_parts(tmp_path / "parts", (Trajectory(times[cut], poses[cut]) for cut in cuts))
    write_trajectory(tmp_path / "whole", trajectory, "tum")
    assert (tmp_path / "parts").read_text() == (tmp_path / "whole").read_text()


def test_evo_reads_all_three(trajectory: Trajectory, tmp_path: Path) -> None:
    readers = {
        "tum": file_interface.read_tum_trajectory_file,
        "kitti": file_interface.read_kitti_poses_file,
        "euroc": file_interface.read_euroc_csv_trajectory,
    }
    for format, reader in readers.items():
        write_trajectory(tmp_path / format, trajectory, format)
        result = reader(str(tmp_path / format))
        np.testing.assert_allclose(result.poses_se3, trajectory.T_world_camera, atol=1e-9)
        if format != "kitti":
            # 1e-6: evo reads nanoseconds as floats, good to a quarter of a microsecond.
            np.testing.assert_allclose(result.timestamps, trajectory.timestamps, rtol=0, atol=1e-6)


def test_orders_of_numbers_by_hand(tmp_path: Path) -> None:
    """A quarter turn about z at (1, 2, 3): x of the camera points to y of the world."""
    half = np.sqrt(0.5)
    T = np.array([[0, -1, 0, 1], [1, 0, 0, 2], [0, 0, 1, 3], [0, 0, 0, 1.0]])
    one = Trajectory(np.array([2.5]), T[None])
    rows = {}
    for format in WRITERS:
        write_trajectory(tmp_path / format, one, format)
        line = (tmp_path / format).read_text().splitlines()[-1]
        rows[format] = np.array(line.replace(",", " ").split(), float)
    np.testing.assert_allclose(rows["tum"], [2.5, 1, 2, 3, 0, 0, half, half])
    np.testing.assert_allclose(rows["euroc"], [2.5e9, 1, 2, 3, half, 0, 0, half])
    np.testing.assert_allclose(rows["kitti"], [0, -1, 0, 1, 1, 0, 0, 2, 0, 0, 1, 3])


def test_nanoseconds_are_whole_and_exact(tmp_path: Path) -> None:
    one = Trajectory(np.array([1403636579.763555]), np.eye(4)[None])
    write_trajectory(tmp_path / "t.csv", one, "euroc")
    assert (tmp_path / "t.csv").read_text().splitlines()[1].startswith("1403636579763555000,")


def test_euroc_ground_truth_has_more_columns(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("#timestamp, p_RS_R_x [m]\n5000000000, 1,2,3, 1,0,0,0, 9,9,9\n")
    result = read_euroc(tmp_path / "t.csv")
    assert result.timestamps.tolist() == [5.0]
    np.testing.assert_allclose(result.positions, [[1, 2, 3]])


@pytest.mark.parametrize(
    ("format", "line", "message"),
    [
        ("tum", "1 2 3", "3 numbers"),
        ("tum", "9 0 0 zero 0 0 0 1", "'zero' is not a number"),
        ("tum", "9 0 0 nan 0 0 0 1", "not finite"),
        ("tum", "9 0 0 0 0 0 0 0", "quaternion"),
        ("tum", "0.5 0 0 0 0 0 0 1", "not later"),
        ("euroc", "9.5,0,0,0,1,0,0,0", "whole nanoseconds"),
        ("euroc", "9000000000;0,0,0,1,0,0,0", "7 numbers"),
    ],
)
def test_a_bad_line_is_named(format: str, line: str, message: str, tmp_path: Path) -> None:
    good = {
        "tum": "1 0 0 0 0 0 0 1",
        "euroc": "1000000000,0,0,0,1,0,0,0",
    }[format]
    (tmp_path / "t.txt").write_text(f"# comment\n{good}\n\n{line}\n")
    with pytest.raises(InputError, match=rf"t\.txt, line 4: .*{message}"):
        READERS[format](tmp_path / "t.txt")


def test_what_cannot_be_read_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_tum(tmp_path / "none.txt")
    (tmp_path / "image.png").write_bytes(b"\x89PNG\xff\xfe\x00")
    with pytest.raises(InputError, match="not a text file"):
        read_tum(tmp_path / "image.png")


def test_unknown_format_lists_the_known(trajectory: Trajectory, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="tum, kitti, euroc"):
        write_trajectory(tmp_path / "t.txt", trajectory, "ros")
