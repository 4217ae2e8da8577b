"""What there is to learn from at a path, and in what shares."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from mapper.errors import ConfigError, InputError
from mapper.train.data.batches import Batches, Source
from mapper.train.data.processed import LAYOUTS, processed_scenes
from mapper.train.data.published import PLAIN, SETS, UNSCALED, traits_of
from mapper.train.data.recorded import sequence_scene
from mapper.train.data.sources import held_back_in, open_sources, scenes_in
from mapper.train.recipe import DataRecipe
from tests.support.networks.trained import Wall

K = np.array([[40.0, 0, 19.5], [0, 41.0, 14.5], [0, 0, 1]])


def pose(number: int) -> np.ndarray:
    T = np.eye(4)
    T[0, 3] = 0.1 * number
    return T


def write_view(folder: Path, number: int, layout: str, **camera: Any) -> None:
    """One view as that layout has it: red, 2 m away, a pixel without reading."""
    depth = np.full((30, 40), 2.0, np.float32)
    depth[3, 4] = 0
    names = {
        "ScanNet": ("color/{:05d}.jpg", "depth/{:05d}.png", "cam/{:05d}.npz"),
        "most others": ("rgb/{:05d}.png", "depth/{:05d}.npy", "cam/{:05d}.npz"),
        "TartanAir": ("{:06d}_rgb.png", "{:06d}_depth.npy", "{:06d}_cam.npz"),
        "CO3D": ("images/frame{:06d}.jpg", "depths/frame{:06d}.jpg.geometric.png",
                 "images/frame{:06d}.npz"),
    }[layout]  # fmt: skip
    image, of_depth, of_camera = (folder / name.format(number) for name in names)
    for path in (image, of_depth, of_camera):
        path.parent.mkdir(parents=True, exist_ok=True)
    red = np.zeros((30, 40, 3), np.uint8)
    red[..., 2] = 200
    cv2.imwrite(str(image), red)
    if of_depth.suffix == ".npy":
        np.save(of_depth, depth)
    else:
        scale = 1000 if layout == "ScanNet" else 65535 / 4.0
        cv2.imwrite(str(of_depth), np.round(depth * scale).astype(np.uint16))
    np.savez(of_camera, **camera)


NAMES = {
    "ScanNet": ("intrinsics", "pose"),
    "most others": ("intrinsic", "cam2world"),
    "TartanAir": ("camera_intrinsics", "camera_pose"),
    "CO3D": ("camera_intrinsics", "camera_pose"),
}


@pytest.mark.parametrize("layout", NAMES)
def test_each_published_layout_is_read(layout: str, tmp_path: Path) -> None:
    assert {each.name for each in LAYOUTS} == set(NAMES)
    of_camera, of_pose = NAMES[layout]
    for number in range(4):
        T = pose(number) if number != 2 else np.full((4, 4), np.inf)  # which is left out
        camera: dict[str, Any] = {of_camera: K, of_pose: T, "maximum_depth": np.float64(4.0)}
        write_view(tmp_path / "part" / "scene", number, layout, **camera)
    (scene,) = scenes_in(tmp_path)
    assert len(scene) == 3
    view = scene.view(2)
    assert view.T_world_camera[0, 3] == pytest.approx(0.3) and np.array_equal(view.intrinsics, K)
    assert view.image.shape == (30, 40, 3) and abs(int(view.image[..., 0].mean()) - 200) < 5
    assert view.depth[3, 4] == 0 and view.depth[0, 0] == pytest.approx(2.0, abs=1e-3)


def test_sky_and_outliers_are_marked_and_poses_may_come_in_two_parts(tmp_path: Path) -> None:
    parts: dict[str, Any] = {"R_cam2world": np.eye(3), "t_cam2world": np.array([0.0, 0.5, 0.0])}
    write_view(tmp_path, 7, "most others", intrinsics=K, **parts)
    for folder, row in (("sky_mask", 0), ("outlier_mask", 29)):
        marked = np.zeros((30, 40), np.uint8)
        marked[row] = 255
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / "00007.png"), marked)
    (scene,) = processed_scenes(tmp_path)
    view = scene.view(0)
    assert (view.depth[0] == -1).all() and (view.depth[29] == 0).all() and view.depth[10, 10] == 2
    assert view.T_world_camera[1, 3] == 0.5
    batch = Batches([Source([scene])], DataRecipe(width=28, height=28, views=1, sequences=1), 0)[0]
    assert bool(batch.sky.any()) and not bool((batch.sky & batch.valid).any())


def test_a_folder_that_is_almost_right_names_the_file_that_was_expected(tmp_path: Path) -> None:
    write_view(tmp_path, 3, "most others", intrinsics=K, pose=pose(0))
    (tmp_path / "depth" / "00003.npy").unlink()
    (scene,) = processed_scenes(tmp_path)
    with pytest.raises(InputError, match=r"depth/00003\.npy: expected the depth"):
        scene.view(0)
    write_view(tmp_path, 3, "most others", K=K, pose=pose(0))
    with pytest.raises(InputError, match="expected one of intrinsics, intrinsic"):
        scene.view(0)
    with pytest.raises(InputError, match="SCENE/rgb"):
        scenes_in(tmp_path / "cam")
    with pytest.raises(InputError, match="no such file or folder; check --data"):
        scenes_in(tmp_path / "nowhere")


def test_a_recording_is_learned_from_with_its_own_poses(tum: Path) -> None:
    scene = sequence_scene(tum)
    assert len(scene) == 5
    view = scene.view(2)
    assert view.depth[1, 1] == pytest.approx(1.2) and view.T_world_camera[0, 3] == 4
    (tum / "groundtruth.txt").unlink()
    with pytest.raises(InputError, match="train on the run directory"):
        sequence_scene(tum)


def test_sequences_come_from_their_sources_by_their_shares(tmp_path: Path) -> None:
    far, near = Wall(side=28), Wall(side=56)
    sources = [Source([far], 3.0), Source([near], 1.0, UNSCALED)]
    recipe = DataRecipe(width=28, height=28, views=2, sequences=1, longest_interval=2)
    metric = [bool(Batches(sources, recipe, 0)[number].kinds.metric[0]) for number in range(60)]
    assert 35 <= sum(metric) <= 54


def test_what_data_names_may_have_a_number_and_be_up_to_scale(tmp_path: Path) -> None:
    write_view(tmp_path, 0, "most others", intrinsics=K, pose=pose(0))
    plain, numbered = open_sources([str(tmp_path), f"5600@{tmp_path}:unscaled"])
    assert (plain.share, plain.traits, numbered.share) == (1, PLAIN, 5600)
    assert numbered.traits is UNSCALED and traits_of("ScanNet++") == SETS["scannetpp"]
    with pytest.raises(ConfigError, match="scannet"):
        open_sources([f"{tmp_path}:ScanNt"])
    assert len(numbered.scenes) == 1 and held_back_in([f"2@{tmp_path}"]) is None
    with pytest.raises(ConfigError, match="above 0"):
        open_sources([f"0@{tmp_path}"])


def test_depth_counts_as_is_published_of_a_set() -> None:
    depth = np.full((10, 10), 5.0, np.float32)
    depth[0, :4] = (1000, 999, 0, -1)
    air, face, kitti = (SETS[name].depth(depth) for name in ("tartanair", "mapfree", "re10k"))
    assert air[0, :4].tolist() == [-1, 0, 0, -1] and (air[1:] == 5).all()
    assert face[0, :4].tolist() == [0, 0, 0, -1]
    assert np.array_equal(kitti, depth)


def test_sets_of_single_images_and_of_cameras_alone_are_known_as_such(tmp_path: Path) -> None:
    for scene in ("a", "b"):
        for number in range(3):
            write_view(tmp_path / scene, number, "most others", intrinsics=K, pose=pose(number))
            (tmp_path / scene / "depth" / f"{number:05d}.npy").unlink()
    recipe = DataRecipe(width=28, height=28, views=3, sequences=2, longest_interval=1)
    cameras = Batches(open_sources([f"2400@{tmp_path}:RE10K"]), recipe, 0)[0]
    assert bool(cameras.kinds.camera_only.all()) and not bool(cameras.kinds.metric.any())
    assert bool((cameras.depth == 1).all()) and cameras.resets is None
    alone = [Source([Wall(side=28)], traits=SETS["irs"])]
    singles = Batches(alone, recipe, 0)[0]
    assert bool(singles.kinds.single_view.all())
    assert singles.resets is not None and bool(singles.resets.all())
    assert torch.equal(singles.T_world_camera, torch.eye(4).expand(2, 3, 4, 4))


def test_what_is_held_back_is_judged_as_what_is_learned_from(tmp_path: Path) -> None:
    """Else the loss of rooms without a unit would be one in metres."""
    for folder in ("with", "without"):
        (tmp_path / folder).mkdir()
        np.savez(tmp_path / folder / "train_00000.npz", images=np.zeros(1))
    np.savez(tmp_path / "with" / "validation_00000.npz", images=np.zeros(1))
    names = [f"3@{tmp_path / 'without'}", f"2@{tmp_path / 'with'}:unscaled"]
    held_back = held_back_in(names)
    assert held_back is not None and len(held_back.scenes) == 1
    assert held_back.traits is UNSCALED
    plain = held_back_in([str(tmp_path / "with")])
    assert plain is not None and plain.traits is PLAIN
