"""Logs of accelerometers as several programs write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mapper.errors import InputError
from mapper.io.priors.gravity.log import GRAVITY, read_accelerations

UP = np.array([0.6, -0.8, 0.0])


def rows(seconds: float = 2.0, rate: float = 100.0) -> tuple[np.ndarray, np.ndarray]:
    """Times and readings at rest, trembling."""
    times = 50 + np.arange(0, seconds, 1 / rate)
    tremble = 0.3 * np.random.default_rng(0).normal(size=(len(times), 3))
    return times, GRAVITY * UP + tremble


def check(path: Path, off: float = 2.0) -> None:
    found = read_accelerations(path)
    assert len(found.times) == pytest.approx(20, abs=1)
    assert found.times[0] == pytest.approx(50.05, abs=0.02)
    assert found.times[-1] == pytest.approx(51.95, abs=0.02)
    np.testing.assert_allclose(np.linalg.norm(found.up, axis=1), 1)
    assert np.degrees(np.arccos((found.up @ UP).clip(-1, 1))).max() < off


@pytest.mark.parametrize(
    ("head", "line"),
    [
        ("", "{t:.4f} {x} {y} {z}"),
        ("# timestamp ax ay az\n", "{t:.4f} {x} {y} {z}"),
        ("time,ax,ay,az\n", "{t:.4f},{x},{y},{z}"),
        ("time,seconds_elapsed,z,y,x\n", "{ns},{t},{z},{y},{x}"),
        ("timestamp_ms;acc_x;acc_y;acc_z\n", "{ms};{x};{y};{z}"),
        (
            "#timestamp [ns],w_RS_S_x [rad s^-1],w_RS_S_y [rad s^-1],w_RS_S_z [rad s^-1],"
            "a_RS_S_x [m s^-2],a_RS_S_y [m s^-2],a_RS_S_z [m s^-2]\n",
            "{ns},9,9,9,{x},{y},{z}",
        ),
        ("Timestamp, Accel_X (g), Accel_Y (g), Accel_Z (g)\n", "{t:.4f}, {gx}, {gy}, {gz}"),
    ],
)
def test_columns_and_units_are_found(tmp_path: Path, head: str, line: str) -> None:
    path = tmp_path / "imu.csv"
    lines = [
        line.format(
            t=t, ns=round(1e9 * t), ms=round(1e3 * t), x=x, y=y, z=z,
            gx=x / GRAVITY, gy=y / GRAVITY, gz=z / GRAVITY,
        )
        for t, (x, y, z) in zip(*rows(), strict=True)
    ]  # fmt: skip
    path.write_text(head + "\n".join(lines))
    check(path)
    assert not read_accelerations(path).is_stray


def write(path: Path, times: np.ndarray, read: np.ndarray, head: str = "") -> Path:
    lines = [f"{t:.4f},{x},{y},{z}" for t, (x, y, z) in zip(times, read, strict=True)]
    path.write_text(head + "\n".join(lines))
    return path


def test_pushes_are_left_out_and_vibrations_cancel(tmp_path: Path) -> None:
    times, read = rows()
    read += 8 * np.sin(np.pi * np.arange(len(read)))[:, None]
    read[::2] += 6
    read[1::2] -= 6  # a motor's
    read[50:60] += [0, 0, 12]
    path = write(tmp_path / "log.csv", times, read)
    assert not np.any(np.abs(read_accelerations(path).times - 50.55) < 0.04)
    assert len(read_accelerations(path).times) == 19
    read += 2.3 * UP * (-1) ** (np.arange(len(read)) // 10)[:, None]
    with pytest.raises(InputError, match="pushed all the time"):
        read_accelerations(write(path, times, read))


def test_what_is_no_acceleration_is_refused(tmp_path: Path) -> None:
    times, read = rows()
    path = tmp_path / "log.csv"
    with pytest.raises(InputError, match="gravity taken out"):
        read_accelerations(write(path, times, read - GRAVITY * UP))
    with pytest.raises(InputError, match="its columns are time, lat, lon, ele"):
        read_accelerations(write(path, times, read, "time,lat,lon,ele\n"))
    path.write_text("1,2,3,4,5,6,7\n2,2,3,4,5,6,7\n")
    with pytest.raises(InputError, match="which of its columns"):
        read_accelerations(path)
    path.write_text("time,ax,ay,az\n1,2\n")
    with pytest.raises(InputError, match="without its numbers"):
        read_accelerations(path)
    path.write_text("")
    with pytest.raises(InputError, match=r"log\.csv"):
        read_accelerations(path)
    with pytest.raises(InputError, match="no such file"):
        read_accelerations(tmp_path / "none.csv")
