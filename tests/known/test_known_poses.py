"""A run that is tied to known poses lies where they say, in every file, and stays there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from mapper.backend.graph.priors import LengthPrior, ScalePrior, TagSighting, UpPrior
from mapper.backend.priors.knowledge import Knowledge
from mapper.core.pose_readings import GeoOrigin, GravityReadings, PoseReadings
from mapper.core.trajectory import MATCH_SECONDS, Trajectory, matching_times
from mapper.errors import ConfigError, InputError
from mapper.io.trajectory_files import read_tum, write_tum
from mapper.known.stored import read_knowledge, write_knowledge
from mapper.pipeline import map_into
from mapper.request import RunRequest
from mapper.run.directory import RunDirectory
from mapper.saved.map import load_map
from mapper.saved.realignment import realign
from tests.support.quick_outputs import skip_report

CHANGES = ("backend.fusion.tsdf.voxel_size=0.1", "backend.keyframes.max_frames=6")
FRAMES = 40


def request(sample: Path, out: Path, **more: object) -> RunRequest:
    options = {"max_frames": FRAMES, "changes": CHANGES, "save_recording": False} | more
    return RunRequest(sequence=sample, out=out, **options)  # type: ignore[arg-type]


def moved_apart(trajectory: Trajectory, truth: Trajectory) -> float:
    """Root mean square distance, metres, as both are: nothing is aligned."""
    true, found = matching_times(truth.timestamps, trajectory.timestamps, MATCH_SECONDS)
    away = trajectory.positions[found] - truth.positions[true]
    return float(np.sqrt(np.mean(np.sum(away**2, axis=1))))


def test_a_map_is_where_its_own_poses_say(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_report(monkeypatch)
    run, metrics = map_into(request(sample, tmp_path / "run", poses="prior"))
    truth = read_tum(sample / "groundtruth.txt")
    assert metrics["priors"]["sources"][0]["agreeing"] > 10
    assert "evaluation" not in metrics  # what it is tied to is no truth
    assert moved_apart(read_tum(run.trajectory), truth) < 0.01
    assert moved_apart(load_map(run).trajectory()[1], truth) < 0.01
    again = realign(run, run.read_description().backend_settings())
    assert again.final.was_tied
    assert moved_apart(again.final.trajectory()[1], truth) < 0.02
    with pytest.raises(ConfigError, match="--poses: leave it out to resume"):
        map_into(request(sample, run.path, resume=True, poses="other.txt"))


def test_known_poses_of_another_place_change_nothing(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_report(monkeypatch)
    truth = read_tum(sample / "groundtruth.txt")
    backward = replace(truth, T_world_camera=truth.T_world_camera[::-1])
    write_tum(tmp_path / "backward.txt", backward)
    known = request(sample, tmp_path / "run", poses=str(tmp_path / "backward.txt"))
    run, metrics = map_into(known)
    plain, without = map_into(request(sample, tmp_path / "plain"))
    assert "backward.txt" in metrics["priors"]["refused"]
    assert any("was left out" in warning for warning in metrics["warnings"])
    assert metrics["ate_rmse"] == without["ate_rmse"]  # those that came along are still the truth
    assert run.trajectory.read_text() == plain.trajectory.read_text()


def test_what_does_not_fit_is_refused_before_anything_is_written(
    sample: Path, tmp_path: Path
) -> None:
    truth = read_tum(sample / "groundtruth.txt")
    write_tum(tmp_path / "late.txt", replace(truth, timestamps=truth.timestamps + 5000))
    with pytest.raises(InputError, match="do not overlap"):
        map_into(request(sample, tmp_path / "run", poses=str(tmp_path / "late.txt")))
    with pytest.raises(ConfigError, match="--pose-sigma and --pose-offset are for"):
        map_into(request(sample, tmp_path / "run", pose_sigma="1,1"))
    with pytest.raises(ConfigError, match="--split-360"):
        map_into(request(sample, tmp_path / "run", poses="prior", split_360=4))
    assert not (tmp_path / "run").exists()


def test_what_is_known_is_kept_and_read_again(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    assert not read_knowledge(run)
    write_knowledge(run, Knowledge())
    assert not run.priors.exists()
    turned = np.array([np.eye(3), np.diag([1.0, -1, -1])])
    times, sigma = np.array([0.1, 0.2]), np.array([1.0, 2.0])
    gps = PoseReadings(
        "gps", times, np.ones((2, 3)), None, sigma, 1.0, True, False, GeoOrigin(1, 2, 3)
    )
    tilt = PoseReadings("tilt", times, None, turned, sigma, 0.5)
    length = LengthPrior("door", 3, np.array([1.0, 2, 3]), 4, np.zeros(3), 2.03, 0.01)
    seen = TagSighting("tag 3", 3, 5, np.diag([2.0, 2, 2, 1]), 4 * np.eye(7))
    height = ScalePrior("height", 5, -0.7, 0.02, False)
    down = GravityReadings("imu", times, np.array([[0.0, -1, 0], [0, 0, 1]]), 2.0, True)
    up = UpPrior("floor", 4, turned[1], np.array([0.6, 0.8, 0]), 0.03)
    odometry = (replace(gps, clock_s=7.0),)
    known = Knowledge((gps, tilt), (length, height), (seen,), odometry, (down,), (up,))
    write_knowledge(run, known)
    read = read_knowledge(run)
    first, second = read.readings
    assert (first.origin, first.drifts, second.origin) == (GeoOrigin(1, 2, 3), False, None)
    np.testing.assert_array_equal(first.sigma, sigma)
    assert first.rotations is None
    np.testing.assert_allclose(second.rotations, turned, atol=1e-12)  # type: ignore[arg-type]
    door = read.measured[0]
    assert isinstance(door, LengthPrior)
    np.testing.assert_array_equal(door.point_i, [1, 2, 3])
    assert (door.i, door.j, door.metres) == (3, 4, 2.03)
    assert read.measured[1] == height
    assert (read.sightings[0].tag, read.sightings[0].keyframe) == (3, 5)
    np.testing.assert_array_equal(read.sightings[0].S_keyframe_tag, seen.S_keyframe_tag)
    assert (read.odometry[0].clock_s, read.readings[0].clock_s) == (7.0, 0.0)
    np.testing.assert_array_equal(read.gravity[0].up, down.up)
    assert (read.gravity[0].name, read.gravity[0].sigma_deg) == ("imu", 2.0)
    assert read.gravity[0].axes_are_told
    np.testing.assert_array_equal(read.ups[0].R_keyframe_camera, turned[1])
    np.testing.assert_array_equal(read.ups[0].up, up.up)
    assert (read.ups[0].keyframe, read.ups[0].sigma_rad) == (4, 0.03)


@pytest.mark.parametrize("text", ['{"version": 1, "readings": [{}]}', '{"version": 9}', "[1"])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    run = RunDirectory(tmp_path)
    run.priors.write_text(text)
    with pytest.raises(InputError, match=r"priors\.json"):
        read_knowledge(run)


def test_a_map_lies_on_the_earth(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sample room's own way as a receiver would have it."""
    skip_report(monkeypatch)
    truth = read_tum(sample / "groundtruth.txt")
    write_gpx(tmp_path / "track.gpx", truth)
    asked = request(sample, tmp_path / "run", gps=str(tmp_path / "track.gpx"), gps_sigma=0.02)
    run, metrics = map_into(asked)
    assert metrics["priors"]["sources"][0]["agreeing"] == 20
    assert metrics["priors"]["origin"][:2] == pytest.approx([47.0, 8.0], abs=1e-4)
    assert run.read_description().says.origin == metrics["priors"]["origin"]
    start = truth.positions[0]
    east_north_up = replace(truth, T_world_camera=truth.T_world_camera.copy())
    east_north_up.T_world_camera[:, :3, 3] -= start
    assert moved_apart(read_tum(run.trajectory), east_north_up) < 0.03


def write_gpx(path: Path, truth: Trajectory) -> None:
    """x to the east and y to the north of 47 N 8 E, with nine decimals."""
    points = []
    for time, (x, y, z) in zip(truth.timestamps[::2], truth.positions[::2], strict=True):
        latitude, longitude = 47 + y / 111170.9, 8 + x / 76057.0
        when = datetime.fromtimestamp(time, UTC).isoformat()
        points.append(
            f'<trkpt lat="{latitude:.9f}" lon="{longitude:.9f}"><ele>{z + 400:.4f}</ele>'
            f"<time>{when}</time></trkpt>"
        )
    inside = f"<trk><trkseg>{''.join(points)}</trkseg></trk>"
    path.write_text(
        f'<gpx version="1.1" creator="a" xmlns="http://www.topografix.com/GPX/1/1">{inside}</gpx>'
    )


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"gps": "exif"}, "not one of 40 images tells where it was taken"),
        ({"gps_sigma": 1.0}, "--gps-sigma and --gps-offset are for --gps"),
        ({"gps": "exif", "gps_sigma": 0.0}, "--gps-sigma 0: it must be larger than 0"),
        ({"gps": "nowhere.gpx"}, "nowhere.gpx: no such file; check --gps"),
    ],
)
def test_no_track_is_told(
    sample: Path, tmp_path: Path, options: dict[str, object], why: str
) -> None:
    with pytest.raises((ConfigError, InputError), match=why):
        map_into(request(sample, tmp_path / "run", **options))
