"""mapper scale: a map without a unit becomes metric, all of its files or none."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import pytest
from scipy.spatial import cKDTree

from mapper.core.intrinsics import Intrinsics
from mapper.io.meshes.mesh_files import read_mesh
from mapper.io.trajectory_files import read_tum
from mapper.measured.network_depth import MetricDepth
from mapper.run.directory import RunDirectory
from mapper.saved.map import load_map
from mapper.saved.results import sequence_again
from tests.commands.conftest import Command
from tests.support.networks.da3_networks import tiny_single, write_folder


@pytest.fixture
def unitless(finished: RunDirectory) -> RunDirectory:
    """The run as if its frontend had not known the unit."""
    lines = [json.loads(line) for line in finished.journal.read_text().splitlines()]
    for line in lines:
        if line["event"] == "keyframe":
            line["is_metric"] = False
    finished.journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    says = finished.read_description().says
    finished.write_description(
        says.model_copy(update={"units": "units"}).model_dump(exclude_unset=True)
    )
    return finished


def far_points(run: RunDirectory) -> tuple[str, str, float]:
    """Two points of the mesh, as words, and how far apart they are in the map."""
    vertices = read_mesh(run.mesh).vertices.astype(float)
    first = vertices[np.argmin(vertices[:, 0])]
    second = vertices[np.argmax(np.linalg.norm(vertices - first, axis=1))]
    words = [",".join(f"{x:.4f}" for x in point) for point in (first, second)]
    return words[0], words[1], float(np.linalg.norm(first - second))


def test_one_length_scales_every_file(unitless: RunDirectory, command: Command) -> None:
    first, second, length = far_points(unitless)
    before, poses = read_mesh(unitless.mesh), read_tum(unitless.trajectory)
    code, out, _ = command("scale", unitless.path, "--distance", first, second, 1.2 * length)
    assert code == 0 and "the map is in metres" in out and "1 of 1 readings agree" in out
    scaled = read_tum(unitless.trajectory)
    np.testing.assert_allclose(scaled.positions, 1.2 * poses.positions, atol=2e-3)
    away, _ = cKDTree(1.2 * before.vertices).query(read_mesh(unitless.mesh).vertices)
    assert np.median(away) < 0.015
    assert unitless.read_description().says.units == "metres"
    assert unitless.read_json(unitless.metrics)["units"] == "metres"
    np.testing.assert_allclose(load_map(unitless).trajectory()[1].positions, scaled.positions)
    # Told once more, in the coordinates that it has now, with what it was told before.
    first, second, length = far_points(unitless)
    assert command("scale", unitless.path, "--distance", first, second, length)[0] == 0
    assert len(json.loads(unitless.priors.read_text())["measured"]) == 2
    np.testing.assert_allclose(read_tum(unitless.trajectory).positions, scaled.positions, atol=5e-3)


def test_lengths_that_contradict_leave_the_run_as_it_was(
    unitless: RunDirectory, command: Command
) -> None:
    first, second, length = far_points(unitless)
    files = {path: path.read_bytes() for path in unitless.path.glob("*.*")}
    told = ("--distance", first, second, length, "--distance", first, second, 1.5 * length)
    code, _, err = command("scale", unitless.path, *told)
    assert code == 2 and "contradicts the rest of what is known" in err
    assert {path: path.read_bytes() for path in unitless.path.glob("*.*")} == files


def test_what_an_earlier_call_was_told_can_be_forgotten(
    unitless: RunDirectory, command: Command
) -> None:
    first, second, length = far_points(unitless)
    assert command("scale", unitless.path, "--distance", first, second, length)[0] == 0
    wrong = ("--distance", first, second, 3 * length)
    assert command("scale", unitless.path, *wrong)[0] == 2
    assert command("scale", unitless.path, *wrong, "--anew")[0] == 0


def test_a_tag_in_a_keyframe_makes_a_map_metric(
    unitless: RunDirectory, command: Command, tmp_path: Path
) -> None:
    """The sequence is gone: the keyframes' own images have to do."""
    says = unitless.read_description().says
    gone = says.sequence.model_copy(update={"path": str(tmp_path / "gone"), "path_from_run": None})
    unitless.write_description(
        says.model_copy(update={"sequence": gone}).model_dump(exclude_unset=True)
    )
    assert sequence_again(unitless) is None
    code, _, err = command("scale", unitless.path, "--tag", "36h11:0.3")
    assert code == 2 and "none was seen in" in err
    path = unitless.keyframes.path(0)
    content = dict(np.load(path))
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    marker = cv2.aruco.generateImageMarker(dictionary, 3, 80)
    marker = np.pad(marker, 12, constant_values=255)
    image = cv2.imdecode(content["image_png"], cv2.IMREAD_COLOR)
    assert image is not None
    image[60:164, 100:204] = marker[..., None]
    content["image_png"] = cv2.imencode(".png", image)[1].ravel()
    np.savez_compressed(path, **content)
    code, out, _ = command("scale", unitless.path, "--tag", "36h11:0.3")
    assert code == 0 and "tags: 1 of 1 readings agree" in out and "in metres" in out


def test_a_depth_cameras_map_is_left_alone(finished: RunDirectory, command: Command) -> None:
    first, second, length = far_points(finished)
    code, _, err = command("scale", finished.path, "--distance", first, second, length)
    assert code == 2 and "in metres by its depth camera" in err


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ((), "nothing to scale it by"),
        (("--tag", "36h11:0"), "a size in metres, larger than 0"),
        (("--distance", "-1,0,2", "0,0,2", "-1"), "a length of -1 m"),
        (("--camera-height", "-1"), "must be larger than 0"),
        (("--image-points", "3", "1,1", "2,2", "1"), "frame 3 is no keyframe"),
    ],
)
def test_what_says_nothing_is_refused(
    unitless: RunDirectory, command: Command, options: tuple[str, ...], why: str
) -> None:
    code, _, err = command("scale", unitless.path, *options)
    assert code == 2 and why in err


def test_the_sensors_depth_makes_a_map_metric(
    unitless: RunDirectory, command: Command, sample: Path, tmp_path: Path
) -> None:
    """The keyframes' depths are the sensor's here, so that a unit is a metre."""
    before = read_tum(unitless.trajectory)
    code, out, _ = command("scale", unitless.path, "--depth", "sequence")
    assert code == 0 and "tied to --depth sequence" in out
    np.testing.assert_allclose(read_tum(unitless.trajectory).positions, before.positions, atol=5e-3)
    sequence = sequence_again(unitless)
    assert sequence is not None
    rng, lines = np.random.default_rng(0), []
    for frame in sequence:
        assert frame.depth is not None
        for u, v in rng.integers((0, 0), frame.depth.shape[::-1], (20, 2)):
            if frame.depth[v, u] > 0:  # by a range finder whose metre is 1.2 m
                lines.append(f"{frame.timestamp:.6f} {u} {v} {1.2 * frame.depth[v, u]:.3f}\n")
    file = tmp_path / "range.txt"
    file.write_text("".join(lines))
    assert command("scale", unitless.path, "--sparse-depth", file, "--anew")[0] == 0
    after = read_tum(unitless.trajectory)
    np.testing.assert_allclose(after.positions, 1.2 * before.positions, rtol=0.02, atol=0.01)
    file.write_text("1 2 3 4\n")
    code, _, err = command("scale", unitless.path, "--sparse-depth", file)
    assert code == 2 and "do not overlap" in err
    code, _, err = command("scale", unitless.path, "--depth", tmp_path / "none")
    assert code == 2 and "no such folder" in err


def test_a_network_that_knows_metres_gives_a_scale(
    unitless: RunDirectory, command: Command, tmp_path: Path
) -> None:
    """A stand-in for its depth: the run's own, of which a unit is 1.5 metres."""
    weights = write_folder(tmp_path / "metric", tiny_single())
    code, _, err = command("scale", unitless.path, "--scale-from", weights)
    assert code == 2 and "go together in not one of" in err  # random weights agree with nothing
    before = read_tum(unitless.trajectory)
    sequence = sequence_again(unitless)
    assert sequence is not None
    depths = {frame.image.tobytes(): frame.depth for frame in sequence}

    def known(self: MetricDepth, image: np.ndarray, camera: Intrinsics) -> np.ndarray:
        depth = depths[image.tobytes()]
        assert depth is not None
        return np.float32(1.5) * depth

    with patch.object(MetricDepth, "depth", known):
        code, out, _ = command("scale", unitless.path, "--scale-from", weights)
    assert code == 0 and f"tied to --scale-from {weights}" in out
    after = read_tum(unitless.trajectory)
    np.testing.assert_allclose(after.positions, 1.5 * before.positions, rtol=0.02, atol=0.01)
