"""How an accelerometer sits to its camera."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mapper.core.trajectory import Trajectory
from mapper.errors import ConfigError, InputError
from mapper.io.priors.gravity.mounting import gravity_of_log, gravity_of_poses

STRAIGHT = np.eye(3)


def write(path: Path, reading: list[float], head: str) -> Path:
    lines = [f"{t:.2f},{','.join(map(str, reading))}" for t in np.arange(0, 1, 0.02)]
    path.write_text(head + "\n".join(lines))
    return path


def test_the_axes_that_are_said(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [1.0, 2.0, 9.552], "time,ax,ay,az\n")
    plain = gravity_of_log(path, None, None, STRAIGHT)
    said = gravity_of_log(path, "y, -z,x", 5.0, STRAIGHT)
    np.testing.assert_allclose(plain.up[0] * 9.81, [1, 2, 9.552], atol=1e-2)
    np.testing.assert_allclose(said.up[0] * 9.81, [2, -9.552, 1], atol=1e-2)
    assert (plain.sigma_deg, said.sigma_deg) == (1.5, 5.0)
    assert (plain.axes_are_told, said.axes_are_told) == (False, True)
    for wrong in ("x,y", "x,x,z", "1,2,3", "x,y,--"):
        with pytest.raises(ConfigError, match="--gravity-axes"):
            gravity_of_log(path, wrong, None, STRAIGHT)


def test_frames_that_are_turned_by_rectification(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [0.0, -9.81, 0.0], "time,ax,ay,az\n")
    R = Rotation.from_rotvec([0.0, 0, 0.3]).as_matrix()
    found = gravity_of_log(path, None, None, R)
    np.testing.assert_allclose(found.up[0], R @ [0, -1, 0], atol=1e-12)


def test_a_phone_in_landscape(tmp_path: Path) -> None:
    """Its home button to the right: by Apple's axes gravity points along -x."""
    head = "timestamp, a_x, a_y, a_z, alpha_x, alpha_y, alpha_z\n"
    path = write(tmp_path / "imu.csv", [-9.81, 0.0, 0.0, 0, 0, 0], head)
    found = gravity_of_log(path, None, None, STRAIGHT)
    np.testing.assert_allclose(found.up[0], [0, -1, 0], atol=1e-12)
    assert found.axes_are_told


def test_a_flight_by_euroc(tmp_path: Path) -> None:
    R_body_camera = Rotation.from_euler("xyz", [0.1, 0.2, 1.6]).as_matrix()
    R_body_imu = Rotation.from_euler("xyz", [0.3, -0.2, 0.1]).as_matrix()
    for name, R in (("imu0", R_body_imu), ("cam0", R_body_camera)):
        (tmp_path / name).mkdir()
        T = np.eye(4)
        T[:3, :3] = R
        (tmp_path / name / "sensor.yaml").write_text(
            f"T_BS:\n  cols: 4\n  rows: 4\n  data: {T.ravel().tolist()}\n"
            "resolution: [752, 480]\nintrinsics: [458, 457, 367, 248]\n"
            "distortion_coefficients: [0, 0, 0, 0]\n"
        )
    up = R_body_imu.T @ R_body_camera @ [0, -9.81, 0]
    head = "#timestamp [ns],w_RS_S_x,w_RS_S_y,w_RS_S_z,a_RS_S_x,a_RS_S_y,a_RS_S_z\n"
    write(tmp_path / "imu0" / "data.csv", [0, 0, 0, *up], head)
    found = gravity_of_log(tmp_path / "imu0", None, None, STRAIGHT)
    np.testing.assert_allclose(found.up[0], [0, -1, 0], atol=1e-9)
    assert found.axes_are_told
    (tmp_path / "imu0" / "sensor.yaml").write_text("rate_hz: 200\n")
    with pytest.raises(InputError, match=r"imu0/sensor\.yaml: expected T_BS"):
        gravity_of_log(tmp_path / "imu0", None, None, STRAIGHT)


def test_a_phones_tracking_is_level() -> None:
    R = Rotation.from_euler("yx", [0.7, 0.4]).as_matrix() @ np.diag([1.0, -1, -1])
    T = np.eye(4)[None].copy()
    T[0, :3, :3] = R
    found = gravity_of_poses("phone", Trajectory(np.array([1.0]), T), None)
    np.testing.assert_allclose(R @ found.up[0], [0, 1, 0], atol=1e-12)
    assert (found.sigma_deg, found.axes_are_told) == (1.0, True)
