"""A sequence by seed in files is what it is in memory, and `mapper run` reads it as it is."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from mapper.io.meshes.mesh_files import read_mesh
from mapper.io.sequences.open_sequence import open_sequence
from mapper.rooms import RoomSequence, draw_sequence, write_sequence
from mapper.rooms.spec import described

SPEC = draw_sequence(9, kind="lidar", path="still", moving="arms", width=80, height=60, frames=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sequence(tmp_path_factory.mktemp("written") / "room", SPEC)


def test_the_reader_hands_out_what_is_in_memory(folder: Path) -> None:
    rooms, stored = RoomSequence(SPEC), open_sequence(folder)
    assert len(stored) == 3 and stored.camera_kind == "lidar"
    assert stored.ground_truth is not None
    np.testing.assert_allclose(
        stored.ground_truth.T_world_camera, rooms.ground_truth.T_world_camera, atol=1e-6
    )
    for each, frame in zip(rooms, stored, strict=True):
        assert each.frame.depth is not None and frame.depth is not None
        assert frame.intrinsics == each.frame.intrinsics
        assert frame.timestamp == pytest.approx(each.frame.timestamp, abs=1e-6)
        np.testing.assert_allclose(frame.depth, each.frame.depth, atol=1.1e-4)
        assert np.abs(frame.image.astype(int) - each.frame.image).mean() < 3  # JPEG


def test_masks_mesh_and_spec_lie_beside(folder: Path) -> None:
    rooms = RoomSequence(SPEC)
    masks = sorted((folder / "masks").iterdir())
    mask = cv2.imread(str(masks[1]), cv2.IMREAD_UNCHANGED)
    assert mask is not None and rooms[1].moving.any()
    assert np.array_equal(mask == 255, rooms[1].moving)
    assert np.array_equal(read_mesh(folder / "mesh.ply").vertices, rooms.mesh().vertices)
    text = yaml.safe_load((folder / "spec.yaml").read_text())
    assert text == described(SPEC) and text["camera"]["kind"] == "lidar"


def test_the_same_spec_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    again = write_sequence(tmp_path / "again", SPEC)
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert len(files) == 3 * 3 + 6
    assert all((folder / name).read_bytes() == (again / name).read_bytes() for name in files)
