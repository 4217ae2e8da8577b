"""7-Scenes with registered and with raw depth, its splits; Neural RGB-D's OpenGL poses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from mapper.errors import InputError
from mapper.io.datasets.registry import open_dataset
from mapper.io.sequences.sevenscenes import COLOR_CAMERA, T_COLOR_DEPTH
from tests.support.images import write_depth, write_image
from tests.support.poses import has_pose


@pytest.fixture
def projected(sevenscenes: Path) -> Path:
    """The root; office/seq-03 of the fixture with depth registered to colour beside it."""
    for i in range(4):
        depth = np.full((480, 640), 3000, np.uint16)
        depth[5, 7], depth[6, 7], depth[7, 7] = 65535, 10001, 0
        cv2.imwrite(str(sevenscenes / f"frame-{i:06d}.depth.proj.png"), depth)
    return sevenscenes.parents[1]


def test_registered_depth_goes_with_the_papers_camera(projected: Path) -> None:
    (sequence,) = open_dataset("7scenes", projected).sequences()
    assert sequence.name == "office/seq-03" and len(sequence) == 4
    assert [path.name for path in sequence.images][3] == "frame-000003.color.png"
    assert sequence.intrinsics is not None and sequence.intrinsics.fx == 525.0
    assert sequence.T_world_camera is not None
    np.testing.assert_allclose(sequence.T_world_camera[:, 0, 3], [0, 1, 2, 3])
    assert sequence.depths is not None and sequence.read_depth is not None
    depth = sequence.read_depth(sequence.depths[0])
    assert (depth[5, 7], depth[6, 7], depth[7, 7]) == (0, 0, 0)  # saturated, 10.001 m, none
    np.testing.assert_allclose(depth[0, 0], 3.0)


def test_raw_depth_and_its_poses_are_moved_to_the_colour_camera(sevenscenes: Path) -> None:
    (sequence,) = open_dataset("7scenes", sevenscenes.parents[1]).sequences()
    assert sequence.intrinsics == COLOR_CAMERA and sequence.T_world_camera is not None
    # x_world = T_world_depth x_depth and x_color = T_color_depth x_depth, of any point.
    np.testing.assert_allclose(
        sequence.T_world_camera[0] @ T_COLOR_DEPTH, np.eye(4), rtol=0, atol=1e-6
    )
    assert sequence.depths is not None and sequence.read_depth is not None
    depth = sequence.read_depth(sequence.depths[0])
    # The wall at z = 2 of the depth camera: z of colour is R[2] . (x, y, 2) + t[2]; in the middle
    # of the image x and y are small against their factors of below 0.01.
    expected = T_COLOR_DEPTH[2, 2] * 2.0 + T_COLOR_DEPTH[2, 3]
    np.testing.assert_allclose(depth[240, 320], expected, atol=1e-3)


def test_the_test_split_is_kept(projected: Path, sevenscenes: Path) -> None:
    with pytest.raises(InputError, match=r"office/TestSplit.txt is missing: expected"):
        open_dataset("7scenes-test", projected).names()
    write_image(projected / "office/seq-01/frame-000000.color.png", 0)
    split = projected / "office/TestSplit.txt"
    split.write_text("sequence3\n")
    assert open_dataset("7scenes", projected).names() == ["office/seq-01", "office/seq-03"]
    assert open_dataset("7scenes-test", projected).names() == ["office/seq-03"]
    split.write_text("sequence3\n", encoding="utf-16")
    assert open_dataset("7scenes-test", projected).names() == ["office/seq-03"]
    split.write_text("sequence3\nsequence7\n")
    with pytest.raises(InputError, match=r"TestSplit.txt: expected office/seq-07"):
        open_dataset("7scenes-test", projected).names()


@pytest.mark.parametrize("ending", ["depth.proj.png", "pose.txt"])
def test_a_missing_part_of_a_frame_is_named(projected: Path, ending: str) -> None:
    (projected / f"office/seq-03/frame-000002.{ending}").unlink()
    with pytest.raises(InputError, match=f"frame-000002.{ending} is missing: expected"):
        open_dataset("7scenes", projected).sequences()


def test_the_real_kitchen(shared_data: Callable[[str], Path]) -> None:
    root = shared_data("7scenes/redkitchen").parent
    (sequence,) = open_dataset("7scenes", root).sequences()
    assert sequence.name == "redkitchen/seq-01" and len(sequence) == 1000
    assert has_pose(sequence).all() and sequence.T_world_camera is not None
    steps = np.linalg.norm(np.diff(sequence.T_world_camera[:, :3, 3], axis=0), axis=1)
    assert steps.max() < 0.1  # a hand-held camera at 30/s
    assert sequence.depths is not None and sequence.read_depth is not None
    depth = sequence.read_depth(sequence.depths[0])
    assert depth.shape == (480, 640) and 0.5 < np.median(depth[depth > 0]) < 4.0


@pytest.fixture
def nrgbd(tmp_path: Path) -> Path:
    """Eleven frames; the camera looks along the world's x axis, its up is the world's z."""
    folder = tmp_path / "neural_rgbd_data" / "kitchen"
    rows = []
    for i in range(11):
        write_image(folder / f"images/img{i}.png", i)
        write_depth(folder / f"depth/depth{i}.png", 1000 + i)
        # Columns are the world's view of OpenGL's right (-y), up (z) and backward (-x).
        rows.append([[0, 0, -1, i], [-1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    np.savetxt(folder / "poses.txt", np.concatenate(rows))
    write_depth(folder / "depth/depth3.png", 10001)
    return tmp_path


def test_nrgbd_poses_look_forward_along_z(nrgbd: Path) -> None:
    (sequence,) = open_dataset("nrgbd", nrgbd).sequences()
    assert sequence.name == "kitchen" and sequence.images[10].name == "img10.png"
    assert sequence.T_world_camera is not None
    expected = [[0, 0, 1, 10], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]]
    np.testing.assert_allclose(sequence.T_world_camera[10], expected)
    assert sequence.intrinsics is not None and sequence.intrinsics.fy == 554.2562584220408
    assert sequence.depths is not None and sequence.read_depth is not None
    np.testing.assert_allclose(sequence.read_depth(sequence.depths[10]), 1.01, rtol=1e-6)
    assert not sequence.read_depth(sequence.depths[3]).any()  # beyond 10 m


def test_nrgbd_counts_must_agree(nrgbd: Path) -> None:
    folder = nrgbd / "neural_rgbd_data" / "kitchen"
    (folder / "depth/depth0.png").unlink()
    with pytest.raises(InputError, match="kitchen/depth: 10 files for 11 images"):
        open_dataset("nrgbd", nrgbd).sequences()
    np.savetxt(folder / "poses.txt", np.tile(np.eye(4), (10, 1)))
    with pytest.raises(InputError, match=r"poses.txt: 10 poses for 11 images"):
        open_dataset("nrgbd", nrgbd).sequences()
