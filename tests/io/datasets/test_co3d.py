"""CO3D: prepared lists and the download, PyTorch3D's cameras, float16 depth."""

from __future__ import annotations

import gzip
import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.evaluate.job import BenchRequest
from mapper.evaluate.protocol import load_protocol
from mapper.evaluate.running import Order, do
from mapper.evaluate.selection import plan
from mapper.io.datasets.dataset import Dataset
from mapper.io.datasets.registry import open_dataset
from tests.support.images import HEIGHT, WIDTH, write_image

# Rows of R: the world's x is the camera's up, its y the camera's right, its z the camera's forward.
VIEW = {
    "R": [[0, 1, 0], [-1, 0, 0], [0, 0, 1]],
    "T": [1, 2, 3],
    "focal_length": [2.0, 2.0],
    "principal_point": [0.2, -0.4],
}


def write_jgz(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as file:
        json.dump(content, file)


def write_long_list(root: Path, broken: str = "") -> Dataset:
    """Sequences `failed`, `one`, `three` and `two` of 60 frames; one of them without its images."""
    names = ("failed", "one", "three", "two")
    for name in names:
        write_image(root / f"apple/{name}/images/frame.jpg", 1)
    frames = {name: {"filepath": f"apple/{name}/images/frame.jpg", **VIEW} for name in names}
    frames["failed"]["T"] = [1e6, 0, 0]
    if broken:
        (root / str(frames[broken]["filepath"])).unlink()
    write_jgz(root / "apple_test.jgz", {name: [frames[name]] * 60 for name in names})
    return open_dataset("co3d", root)


@pytest.mark.parametrize("broken", ["one", "three", "two"])
def test_a_broken_sequence_does_not_change_the_frames_of_the_others(
    tmp_path: Path, broken: str
) -> None:
    protocol = replace(load_protocol("streamvggt-co3d-pose"), groups=("apple",))
    whole = plan(protocol, write_long_list(tmp_path / "whole"))
    dataset = write_long_list(tmp_path / "broken", broken)
    assert plan(protocol, dataset) == whole
    assert whole.excluded == ["apple/failed"]
    # The published evaluation leaves failed reconstructions out before it draws.
    assert whole.sequences["apple/one"] == tuple(np.random.RandomState(0).permutation(60)[:10])
    request = BenchRequest(protocol, "co3d", str(tmp_path / "broken"), "truth")
    result = do(Order(request, f"apple/{broken}", 0, whole.sequences[f"apple/{broken}"]))
    assert not result.succeeded and "frame.jpg is missing" in result.error


def test_a_frame_without_its_camera_is_drawn_for_all_the_same(tmp_path: Path) -> None:
    write_list(tmp_path, {key: VIEW[key] for key in VIEW if key != "T"})
    assert open_dataset("co3d", tmp_path).frame_count("apple/one") == 2


def test_each_list_is_read_once_however_many_sequences_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_list(tmp_path, VIEW)
    lists = tmp_path / "annotations"
    (lists / "cup_test.jgz").write_bytes((lists / "apple_test.jgz").read_bytes())
    opened: list[Any] = []
    load = json.load

    def counted(file: Any) -> Any:
        opened.append(file)
        return load(file)

    monkeypatch.setattr(json, "load", counted)
    dataset = open_dataset("co3d", tmp_path)
    for _ in range(3):
        dataset.sequence("apple/one")
    assert len(opened) == 3  # both for their names, then the first again for its frames


def write_list(root: Path, view: dict[str, Any]) -> None:
    for i in range(2):
        write_image(root / f"apple/one/images/frame{i:06d}.jpg", i)
    frames = [{"filepath": f"apple/one/images/frame{i:06d}.jpg", **view} for i in range(2)]
    write_jgz(root / "annotations" / "apple_test.jgz", {"one": frames})


def test_a_prepared_list_becomes_opencv(tmp_path: Path) -> None:
    write_list(tmp_path, VIEW)
    (sequence,) = open_dataset("co3d", tmp_path).sequences()
    assert sequence.name == "apple/one" and len(sequence) == 2 and sequence.depths is None
    assert sequence.T_world_camera is not None
    T = sequence.T_world_camera[1]
    # x R + T = 0 at x = -T R^T = -(2, -1, 3); OpenCV's up is -y, its right is PyTorch3D's -x.
    np.testing.assert_allclose(T[:3, 3], [-2, 1, -3], atol=1e-12)
    np.testing.assert_allclose(T[:3, :3] @ [0, -1, 0], [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(T[:3, :3] @ [-1, 0, 0], [0, -1, 0], atol=1e-12)
    np.testing.assert_allclose(T[:3, :3] @ [0, 0, 1], [0, 0, 1], atol=1e-12)
    # 15 pixels a unit; the centre is (20 - 3, 15 + 6) from the corner, half a pixel less from the
    # centre of the first pixel.
    assert sequence.intrinsics == Intrinsics(30, 30, 16.5, 20.5, WIDTH, HEIGHT)


def test_the_older_intrinsics_scale_each_axis(tmp_path: Path) -> None:
    write_list(tmp_path, VIEW | {"intrinsics_format": "ndc_norm_image_bounds"})
    (sequence,) = open_dataset("co3d", tmp_path).sequences()
    assert sequence.intrinsics == Intrinsics(40, 30, 15.5, 20.5, WIDTH, HEIGHT)


@pytest.fixture
def download(tmp_path: Path) -> Path:
    """Sequence `good` with three frames, two of them in the test list; `poor` is of low quality."""
    frames = []
    for name in ("good", "poor"):
        for i in (1, 2, 3):
            folder = tmp_path / "apple" / name
            write_image(folder / f"images/frame{i:06d}.jpg", i)
            write_image(folder / f"masks/frame{i:06d}.png", 25)
            depth = np.full((HEIGHT, WIDTH), 1.5, np.float16)
            depth[0, 0] = np.inf
            (folder / "depths").mkdir(exist_ok=True)
            path = f"apple/{name}/depths/frame{i:06d}.jpg.geometric.png"
            assert cv2.imwrite(str(tmp_path / path), depth.view(np.uint16))
            frames.append(
                {
                    "sequence_name": name,
                    "frame_number": i,
                    "image": {"path": f"apple/{name}/images/frame{i:06d}.jpg"},
                    "depth": {"path": path, "scale_adjustment": float(i)},
                    "mask": {"path": f"apple/{name}/masks/frame{i:06d}.png"},
                    "viewpoint": VIEW | {"intrinsics_format": "ndc_isotropic"},
                }
            )
    write_jgz(tmp_path / "apple/frame_annotations.jgz", frames)
    quality = [
        {"sequence_name": "good", "viewpoint_quality_score": 0.9},
        {"sequence_name": "poor", "viewpoint_quality_score": 0.5},
    ]
    write_jgz(tmp_path / "apple/sequence_annotations.jgz", quality)
    (tmp_path / "apple/set_lists").mkdir()
    listed = [[name, i, ""] for name in ("good", "poor") for i in (1, 3)]
    list_path = tmp_path / "apple/set_lists/set_lists_fewview_dev.json"
    list_path.write_text(json.dumps({"train": [], "val": [], "test": listed}))
    return tmp_path


def test_the_download_keeps_good_sequences_and_listed_frames(download: Path) -> None:
    dataset = open_dataset("co3d", download)
    assert dataset.names() == ["apple/good"]
    sequence = pickle.loads(pickle.dumps(dataset.sequence("apple/good")))
    assert [path.stem for path in sequence.images] == ["frame000001", "frame000003"]
    depth = sequence.read_depth(sequence.depths[1])
    assert depth.dtype == np.float32 and depth[0, 0] == 0
    np.testing.assert_allclose(depth[1:], 4.5)  # 1.5 times the frame's adjustment of 3
    assert sequence.masks is not None and sequence.masks[0].name == "frame000001.png"
    assert sequence.intrinsics == Intrinsics(30, 30, 16.5, 20.5, WIDTH, HEIGHT)


@pytest.mark.parametrize(
    "name",
    [
        "sequence_annotations.jgz",
        "set_lists/set_lists_fewview_dev.json",
        "good/images/frame000003.jpg",
        "good/depths/frame000001.jpg.geometric.png",
    ],
)
def test_a_missing_file_of_the_download_is_named(download: Path, name: str) -> None:
    (download / "apple" / name).unlink()
    with pytest.raises(InputError, match=f"apple/{name} is missing: expected"):
        open_dataset("co3d", download).sequences()


def test_damaged_annotations_are_named(tmp_path: Path) -> None:
    write_list(tmp_path / "1", {key: VIEW[key] for key in VIEW if key != "T"})
    with pytest.raises(InputError, match=r"apple_test.jgz: a frame has no T of"):
        open_dataset("co3d", tmp_path / "1").sequences()
    write_list(tmp_path / "2", VIEW | {"T": [1e6, 0, 0]})
    with pytest.raises(InputError, match="apple/one: a camera lies beyond 1e5 units"):
        open_dataset("co3d", tmp_path / "2").sequences()
    for content in (["one"], {"one": 3}, {"one": [3]}, {"one": [VIEW]}):
        write_jgz(tmp_path / "3/apple_test.jgz", content)
        with pytest.raises(InputError, match=r"apple_test.jgz: expected a mapping"):
            open_dataset("co3d", tmp_path / "3").names()
    write_jgz(tmp_path / "5/apple_test.jgz", {"one": []})
    with pytest.raises(InputError, match=r"apple_test.jgz: no frames of one"):
        open_dataset("co3d", tmp_path / "5").sequences()
    (tmp_path / "4").mkdir()
    (tmp_path / "4/apple_test.jgz").write_bytes(b"junk")
    with pytest.raises(InputError, match=r"apple_test.jgz: no readable annotations"):
        open_dataset("co3d", tmp_path / "4").names()


def test_frames_that_the_download_lacks_are_named(download: Path) -> None:
    write_jgz(download / "apple/frame_annotations.jgz", [])
    with pytest.raises(InputError, match=r"frame_annotations.jgz: no frame or field .'good', 1."):
        open_dataset("co3d", download).sequences()
