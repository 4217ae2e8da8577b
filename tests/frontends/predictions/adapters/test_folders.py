"""Layouts of a file a frame."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mapper.errors import ConfigError, InputError
from mapper.frontends.predictions.adapter import Source
from mapper.frontends.predictions.adapters.registry import choose_adapter
from tests.support.predictions.stored import arrays_of, save, world_points
from tests.support.room_views import Room


@pytest.fixture(scope="module")
def arrays(room: Room) -> dict[str, np.ndarray]:
    return arrays_of(room)


def opened(path: Path, layout: str) -> Source:
    adapter = choose_adapter("auto", path)
    assert adapter.name == layout
    return adapter.open(path)


def save_demo(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    for name in ("camera", "depth", "conf", "color"):
        (folder / name).mkdir()
    for k in range(4):
        pose, K = arrays["c2w"][k].astype(np.float32), arrays["K"][k]
        np.savez(folder / "camera" / f"{k:06d}.npz", pose=pose, intrinsics=K)
        np.save(folder / "depth" / f"{k:06d}.npy", arrays["depth"][k])
        np.save(folder / "conf" / f"{k:06d}.npy", arrays["confidence"][k])
        cv2.imwrite(str(folder / "color" / f"{k:06d}.png"), arrays["image"][k][..., ::-1])


def test_the_demo_of_cut3r(arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    save_demo(tmp_path, arrays)
    source = opened(tmp_path, "cut3r-demo")
    (piece,) = source.pieces(3)
    assert piece.depth is not None and piece.confidence is not None and piece.pose is not None
    np.testing.assert_array_equal(piece.depth, arrays["depth"][3])
    np.testing.assert_array_equal(piece.confidence, arrays["confidence"][3])
    np.testing.assert_array_equal(piece.image, arrays["image"][3])
    np.testing.assert_allclose(piece.pose, arrays["c2w"][3], atol=1e-6)
    assert source.count == 4 and source.pieces(4) == [] and source.conventions.pose == "c2w"
    (tmp_path / "depth" / "000003.npy").unlink()
    with pytest.raises(InputError, match=r"4 files in camera/ and 3 in depth/"):
        opened(tmp_path, "cut3r-demo")
    np.savez(tmp_path / "camera" / "000001.npz", intrinsics=arrays["K"][1])
    np.save(tmp_path / "depth" / "000003.npy", arrays["depth"][3])
    with pytest.raises(InputError, match=r"000001\.npz: no pose; it holds intrinsics"):
        opened(tmp_path, "cut3r-demo").pieces(1)


@pytest.mark.parametrize("poses", ["pose", "extrinsics"])
@pytest.mark.parametrize("maps", ["depth", "pointmap", "world_points"])
def test_a_file_a_frame(
    arrays: dict[str, np.ndarray], tmp_path: Path, poses: str, maps: str
) -> None:
    values = {
        "depth": arrays["depth"][..., None],
        "pointmap": arrays["points"],
        "world_points": world_points(arrays),
    }
    stored = arrays["c2w"] if poses == "pose" else arrays["w2c"][:, :3]
    for k in range(4):  # names whose numbers are not padded: 9 comes before 10
        save(tmp_path / f"frame_{k + 8}.npz", {poses: stored[k], maps: values[maps][k]})
    source = opened(tmp_path, "per-frame")
    assert source.has_poses and source.conventions.pose == ("c2w" if poses == "pose" else "w2c")
    (piece,) = source.pieces(1)
    np.testing.assert_array_equal(piece.pose, stored[1])
    found = piece.depth if maps == "depth" else piece.points
    np.testing.assert_array_equal(found, np.squeeze(values[maps][1]))
    assert (piece.points_in == "world") == (maps == "world_points")
    save(tmp_path / "frame_10.npz", {poses: stored[2], "colour": stored[2]})
    with pytest.raises(InputError, match=r"frame_10\.npz: no depth or pointmap .*; it hol"):
        source.pieces(2)
    save(tmp_path / "frame_11.npz", {maps: values[maps][3]})
    with pytest.raises(InputError, match=f"frame_11.npz: no {poses}; it holds {maps}"):
        source.pieces(3)


def test_depth_alone(arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    folder = tmp_path / "depth"
    folder.mkdir()
    (folder / ".DS_Store").write_bytes(b"")
    for k in range(3):
        scaled = np.rint(arrays["depth"][k] * 1000 * (k + 1)).astype(np.uint16)
        cv2.imwrite(str(folder / f"{k}.png"), scaled)
    np.save(folder / "3.npy", arrays["depth"][3][None])
    source = opened(tmp_path, "depth")
    assert source.count == 4 and not source.has_poses
    (png,), (npy,) = source.pieces(2), source.pieces(3)
    assert png.depth is not None
    np.testing.assert_allclose(png.depth, arrays["depth"][2] * 3000, atol=0.51)
    np.testing.assert_array_equal(npy.depth, arrays["depth"][3])
    cv2.imwrite(str(folder / "0.png"), arrays["image"][0])
    with pytest.raises(InputError, match=r"0\.png: uint8 .* is a picture of depth"):
        source.pieces(0)


def test_another_package_may_bring_a_layout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib.metadata import EntryPoint, EntryPoints

    class Theirs:
        name, what = "theirs", "a folder with their.file"

        def detect(self, path: Path) -> bool:
            return (path / "their.file").exists()

        def open(self, path: Path) -> object:
            return self

    class Point(EntryPoint):
        def load(self) -> object:
            return Theirs if self.name == "theirs" else object()

    points = [Point("theirs", "nowhere:Theirs", "mapper.adapters")]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: EntryPoints(points))
    (tmp_path / "their.file").touch()
    assert choose_adapter("auto", tmp_path).name == "theirs"
    assert choose_adapter("theirs", tmp_path).name == "theirs"
    points.append(Point("broken", "nowhere:broken", "mapper.adapters"))
    assert choose_adapter("auto", tmp_path).name == "theirs"
    with pytest.raises(ConfigError, match="its object has no name, what, detect, open"):
        choose_adapter("broken", tmp_path)
