"""What a request says is known: a phone's own poses, and files beside the sequence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mapper.core.trajectory import Trajectory
from mapper.errors import ConfigError, InputError
from mapper.io.sequences.open_sequence import open_sequence
from mapper.io.trajectory_files import write_tum
from mapper.known.gather import gather
from mapper.request import RunRequest
from tests.support.captures import (
    COUNT,
    true_poses,
    write_stray,
)
from tests.support.images import write_image


def test_arkits_poses_of_a_capture_are_priors_in_metres(tmp_path: Path) -> None:
    scan = write_stray(tmp_path / "scan")
    request = RunRequest(sequence=scan, poses="prior", pose_sigma="0.02,0.5", start=1)
    sequence = open_sequence(scan, poses="prior", start=1)
    assert sequence.ground_truth is None
    (readings,) = gather(request, sequence).readings
    assert readings.name == "the poses by ARKit" and readings.is_metric and readings.drifts
    assert len(readings) == COUNT and (readings.sigma[0], readings.sigma_deg) == (0.02, 0.5)
    assert readings.positions is not None and readings.rotations is not None
    np.testing.assert_allclose(readings.positions, true_poses()[:, :3, 3], atol=1e-6)
    np.testing.assert_allclose(readings.rotations, true_poses()[:, :3, :3], atol=1e-6)


def test_kittis_poses_are_of_all_frames_whichever_are_mapped(tmp_path: Path) -> None:
    images = tmp_path / "images"
    for index in range(COUNT):
        write_image(images / f"{index}.png", index)
    lines = [" ".join(map(repr, T[:3].ravel().tolist())) for T in true_poses()]
    (tmp_path / "poses.txt").write_text("\n".join(lines))
    request = RunRequest(sequence=images, poses=str(tmp_path / "poses.txt"), start=1, stride=2)
    sequence = open_sequence(images, start=1, stride=2)
    (readings,) = gather(request, sequence).readings
    assert len(readings) == COUNT and len(sequence) == 2
    np.testing.assert_allclose(readings.times[1::2], sequence.timestamps)
    assert not gather(RunRequest(sequence=images), sequence)


def test_odometry_is_apart_from_known_poses(tmp_path: Path) -> None:
    images = tmp_path / "images"
    for index in range(COUNT):
        write_image(images / f"{index}.png", index)
    times = open_sequence(images).timestamps
    write_tum(tmp_path / "wheels.txt", Trajectory(times, true_poses()))
    request = RunRequest(sequence=images, odometry=tmp_path / "wheels.txt", odometry_sigma="0.1,2")
    known = gather(request, open_sequence(images))
    (odometry,) = known.odometry
    assert not known.readings and (odometry.sigma[0], odometry.sigma_deg) == (0.1, 2.0)
    with pytest.raises(ConfigError, match="--odometry-sigma 1: expected"):
        gather(replace(request, odometry_sigma="1"), open_sequence(images))
    with pytest.raises(ConfigError, match="are for --odometry"):
        gather(replace(request, odometry=None), open_sequence(images))
    with pytest.raises(InputError, match=r"none.txt: .* check --odometry"):
        gather(replace(request, odometry=tmp_path / "none.txt"), open_sequence(images))
    with pytest.raises(InputError, match="--odometry-offset"):
        gather(replace(request, odometry_offset="900"), open_sequence(images))


def test_a_phones_own_tracking_tells_what_is_up(tmp_path: Path) -> None:
    scan = write_stray(tmp_path / "scan")
    request = RunRequest(sequence=scan, gravity="prior")
    (gravity,) = gather(request, open_sequence(scan)).gravity
    turned = np.einsum("nij,nj->ni", true_poses()[:, :3, :3], gravity.up)
    np.testing.assert_allclose(turned, np.tile([0.0, 1, 0], (COUNT, 1)), atol=1e-6)
    assert (gravity.sigma_deg, gravity.axes_are_told) == (1.0, True)
    with pytest.raises(ConfigError, match="--gravity-axes is for a log"):
        gather(replace(request, gravity_axes="x,y,z"), open_sequence(scan))
    with pytest.raises(ConfigError, match="--split-360"):
        gather(replace(request, split_360=4), open_sequence(scan))


def test_a_log_of_an_accelerometer_goes_by_the_frames_clock(tmp_path: Path) -> None:
    images = tmp_path / "images"
    for index in range(COUNT):
        write_image(images / f"{index}.png", index)
    log = tmp_path / "log.csv"
    log.write_text("\n".join(f"{900 + 0.01 * k:.2f} 0 -9.81 0" for k in range(50)))
    sequence = open_sequence(images)
    request = RunRequest(sequence=images, gravity=str(log), gravity_sigma=3.0)
    with pytest.raises(InputError, match=r"do not overlap.*--gravity-offset -900\.0"):
        gather(request, sequence)
    (gravity,) = gather(replace(request, gravity_offset="-900"), sequence).gravity
    assert gravity.times[0] == pytest.approx(0.045) and gravity.sigma_deg == 3.0
    for wrong, words in (
        ({"gravity": None}, "are for a log"),
        ({"gravity": "auto"}, "are for a log"),
        ({"gravity_sigma": -1.0}, "--gravity-sigma"),
        ({"gravity_offset": "auto"}, "no way tells it"),
        ({"gravity": "prior", "gravity_sigma": None}, "not known; it is in those of record3d"),
    ):
        with pytest.raises(ConfigError, match=words):
            gather(replace(request, **wrong), sequence)
