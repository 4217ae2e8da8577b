"""`mapper track` on a tiny random network."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from rerun.chunk import RrdReader

from mapper.cli import main
from tests.support.networks.vggt_networks import write_flat, write_folder

POINTS = np.array([[20.0, 30.0], [60.0, 40.0], [90.5, 70.25]])


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_flat(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four frames of 112x84, each the last one moved by three pixels."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    picture = cv2.resize(rng.integers(0, 255, (12, 16, 3), np.uint8), (112, 84))
    for number in range(4):
        assert cv2.imwrite(str(folder / f"{number}.png"), np.roll(picture, 3 * number, 1))
    return folder


def points_file(folder: Path, text: str) -> Path:
    path = folder / "points.txt"
    path.write_text(text, encoding="utf-8")
    return path


def logged(path: Path, entity: str, column: str) -> list:
    """All values of a column of an entity in a recording."""
    chunks = [c.to_record_batch() for c in RrdReader(path).stream() if c.entity_path == entity]
    return [row for c in chunks for row in c[column].to_pylist() if column in c.schema.names]


@pytest.mark.parametrize("frontend", ["streamvggt", "vggt"])
def test_points_are_followed_in_the_pixels_of_the_images(
    frontend: str, weights: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = "\n".join(f"{x}, {y}  # a corner" for x, y in POINTS)
    points, out = points_file(tmp_path, lines), tmp_path / "out"
    arguments = ["track", str(images), "--points", str(points), "--weights", str(weights)]
    arguments += ["--frontend", frontend, "--out", str(out), "--json"]
    assert main(arguments) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["points"], told["frames"], told["skipped"]) == (3, 4, 0)
    with np.load(out / "tracks.npz") as found:
        assert found["frames"].tolist() == [0, 1, 2, 3] and len(found["timestamps"]) == 4
        assert found["tracks"].shape == (4, 3, 2)
        # The random tracker moves points by pixels of the network's image, which is half as wide.
        np.testing.assert_allclose(found["tracks"][0], POINTS, atol=20)
        assert np.ptp(found["tracks"], 0).max() > 0
        for name in ("visibility", "confidence"):
            assert found[name].shape == (4, 3)
            assert (found[name] >= 0).all() and (found[name] <= 1).all()
        tracks = found["tracks"]
    dots = logged(out / "run.rrd", "/camera/image/tracks", "Points2D:positions")
    np.testing.assert_allclose(dots, tracks + 0.5, atol=1e-3)
    assert len(logged(out / "run.rrd", "/camera/image", "EncodedImage:blob")) == 4
    assert main(arguments) == 2
    assert "tracks.npz exists already" in capsys.readouterr().err


def test_the_stream_says_what_the_network_says_of_the_whole(
    weights: Path, images: Path, tmp_path: Path
) -> None:
    """Of one frame; of more, the modes of attention differ."""
    np.savez(tmp_path / "points.npz", points=POINTS)
    tracks = {}
    for frontend in ("streamvggt", "vggt"):
        out = tmp_path / frontend
        arguments = ["track", str(images), "--points", str(tmp_path / "points.npz")]
        arguments += ["--weights", str(weights), "--frontend", frontend, "--out", str(out)]
        assert main([*arguments, "--max-frames", "1"]) == 0
        with np.load(out / "tracks.npz") as found:
            tracks[frontend] = found["tracks"]
    np.testing.assert_allclose(tracks["streamvggt"], tracks["vggt"], atol=1e-2)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "there is no point in it"),
        ("1 2 3", "these are no points"),
        ("1 2\n3", "cannot be read as points"),
        ("left top", "cannot be read as points"),
        ("5 5\n112 20", "point 2 (112, 20) lies outside the first image, which is 112x84"),
        ("nan 5", "these are no points"),
    ],
)
def test_bad_points_are_told_in_one_line(
    text: str, fault: str, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = points_file(tmp_path, text)
    arguments = ["track", str(images), "--points", str(path), "--out", str(tmp_path / "out")]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert fault in error and str(path) in error and error.count("\n") == 1


def test_a_checkpoint_without_a_track_head_is_refused(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_folder(tmp_path / "stream3r")
    points = points_file(tmp_path, "20 20")
    arguments = ["track", str(images), "--points", str(points), "--weights", str(folder)]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert str(folder) in error and error.count("\n") == 1


def test_missing_points_are_named(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["track", str(images), "--points", str(tmp_path / "no.txt")]) == 2
    assert "no.txt" in capsys.readouterr().err


def test_points_that_the_network_cuts_off_are_told(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "tall"
    folder.mkdir()
    assert cv2.imwrite(str(folder / "0.png"), np.zeros((200, 80, 3), np.uint8))
    points = points_file(tmp_path, "40 5")
    arguments = ["track", str(folder), "--points", str(points), "--weights", str(weights)]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 2
    assert "point (40, 5) lies where streamvggt cuts the image off" in capsys.readouterr().err
