"""A sequence by seed is the same each time, and exactly what its room looks like."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from mapper.core.camera_kinds import CAMERA_KINDS
from mapper.core.geometry import backproject, transform
from mapper.errors import ConfigError
from mapper.rooms import RoomSequence, SequenceSpec, draw_sequence
from mapper.rooms.spec import LAYOUTS, PATHS
from mapper.runtime.open3d_loader import load_open3d

o3d = load_open3d()  # not by its name: a system may lack a library that is packaged beside it

SMALL: dict[str, Any] = {"width": 80, "height": 60, "frames": 8}
EXACT: dict[str, Any] = {
    "misplaced": (0.0,) * 6,
    "delay": 0.0,
    "readout": 0.0,
    "moving": "nothing",
}


def drawn(seed: int, **fixed: Any) -> SequenceSpec:
    return draw_sequence(seed, **{**SMALL, **fixed})


def test_a_seed_draws_the_same_and_another_seed_another() -> None:
    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)


def test_what_is_fixed_changes_no_other_draw() -> None:
    free, fixed = drawn(5), drawn(5, rate=5.0)
    assert fixed.rate == 5.0 and fixed.room == free.room and fixed.camera == free.camera


def test_what_no_room_has_is_refused() -> None:
    with pytest.raises(ConfigError, match="no colour"):
        drawn(0, colour="red")
    for name in ("path", "kind", "layout", "moving"):
        with pytest.raises(ConfigError, match=f"{name} `sideways` is unknown; choose "):
            drawn(0, **{name: "sideways"})


def test_frames_are_the_same_in_any_order_and_from_any_thread() -> None:
    spec = drawn(2)
    one, other = RoomSequence(spec), RoomSequence(spec)
    with ThreadPoolExecutor(4) as workers:
        mixed = list(workers.map(other.__getitem__, reversed(range(len(other)))))[::-1]
    for index, (a, b) in enumerate(zip(one, mixed, strict=True)):
        assert a.frame.depth is not None and b.frame.depth is not None
        assert a.frame.index == index and a.frame.timestamp == b.frame.timestamp
        assert np.array_equal(a.frame.image, b.frame.image)
        assert np.array_equal(a.frame.depth, b.frame.depth)
        assert np.array_equal(a.T_world_camera, b.T_world_camera)


@pytest.mark.parametrize("layout", LAYOUTS[:3])
def test_true_depth_lies_on_the_mesh(layout: str) -> None:
    sequence = RoomSequence(drawn(1, layout=layout, **EXACT))
    mesh = sequence.mesh()
    scene = o3d.t.geometry.RaycastingScene()
    tensor = o3d.core.Tensor.from_numpy
    scene.add_triangles(tensor(mesh.vertices), tensor(mesh.faces.astype(np.uint32)))
    for each in (sequence[0], sequence[5]):
        assert (each.depth > 0).all()  # a room is closed
        points = backproject(each.depth, sequence.intrinsics).reshape(-1, 3).astype(float)
        world = transform(each.T_world_camera, points).astype(np.float32)
        distances = scene.compute_distance(tensor(world)).numpy()
        assert np.percentile(distances, 99) < 1e-4
        assert distances.max() < 1e-3  # where the ray grazes a surface, by float32


@pytest.mark.parametrize("kind", CAMERA_KINDS)
def test_a_camera_reads_true_depth_with_noise_and_holes(kind: str) -> None:
    sequence = RoomSequence(drawn(6, kind=kind, size=(3.0, 3.0, 2.5), **EXACT))
    each = sequence[3]
    read, true = each.frame.depth, each.depth
    assert read is not None
    seen = read > 0
    assert seen.mean() > 0.5
    error = np.abs(read - true)[seen]
    assert 0.0002 < np.median(error) < 0.05
    assert read.max() <= sequence.spec.camera.range


@pytest.mark.parametrize("path", PATHS)
def test_every_path_stays_in_the_room_and_moves(path: str) -> None:
    for seed in range(3):
        size = (7.0, 2.0, 4.6) if path == "stairs" else (4.5, 3.5, 2.6)
        sequence = RoomSequence(drawn(seed, path=path, size=size, furniture=0.5, frames=40))
        truth = sequence.ground_truth
        assert (truth.positions > 0.1).all()
        assert (truth.positions < np.array(sequence.room.size) - 0.1).all()
        steps = np.linalg.norm(np.diff(truth.positions, axis=0), axis=1)
        broken = [] if sequence.jump is None else [sequence.jump - 1]
        assert 0 < np.delete(steps, broken).max() < 2.0 / sequence.spec.rate


def test_a_camera_out_of_place_and_late_is_wrong_by_that() -> None:
    spec = drawn(4, kind="structured-light", noise=0.01, **EXACT)
    right, beside = RoomSequence(spec), RoomSequence(_misplaced(spec))
    assert _median_error(right) < 0.02
    assert _median_error(beside) == pytest.approx(0.1, abs=0.03)


def _median_error(sequence: RoomSequence) -> float:
    each = sequence[2]
    assert each.frame.depth is not None
    seen = each.frame.depth > 0
    return float(np.median(np.abs(each.frame.depth - each.depth)[seen]))


def _misplaced(spec: SequenceSpec) -> SequenceSpec:
    """The depth camera is 10 cm ahead of where it should be."""
    camera = replace(spec.camera, misplaced=(0.0, 0.0, 0.1, 0.0, 0.0, 0.0))
    return replace(spec, camera=camera)


def test_who_moves_is_masked_and_hides_the_room() -> None:
    for what in ("person", "arms"):
        fixed = {"path": "still", "size": (5.0, 4.0, 2.6), "layout": "open", "frames": 40}
        sequence = RoomSequence(drawn(1, rate=5.0, moving=what, **fixed))
        empty = RoomSequence(drawn(1, rate=5.0, moving="nothing", **fixed))
        shares = []
        for index in range(0, 40, 4):
            each, before = sequence[index], empty[index]
            shares.append(each.moving.mean())
            assert (each.depth[each.moving] < before.depth[each.moving]).all()
            assert np.array_equal(each.depth[~each.moving], before.depth[~each.moving])
        assert max(shares) > 0.03 and max(shares) < 0.7


def test_a_kidnapped_camera_is_elsewhere_at_once_where_it_was_before() -> None:
    sequence = RoomSequence(drawn(3, path="kidnap", frames=60, rate=10.0, watchful=False))
    truth, jump = sequence.ground_truth.T_world_camera, sequence.jump
    assert jump is not None
    steps = np.linalg.norm(np.diff(truth[:, :3, 3], axis=0), axis=1)
    turns = 1 - np.einsum("ij,ij->i", truth[1:, :3, 2], truth[:-1, :3, 2])
    unrest = steps + turns
    assert np.argmax(unrest) == jump - 1 and unrest[jump - 1] > 5 * np.median(unrest)
    back = np.linalg.norm(truth[:jump, :3, 3] - truth[jump, :3, 3], axis=1)
    assert back.min() < 0.4
    assert np.allclose(np.diff(sequence.ground_truth.timestamps), 0.1)


def test_a_cut_is_a_gap_in_time() -> None:
    sequence = RoomSequence(drawn(3, path="cut", frames=30, rate=10.0))
    gaps = np.diff(sequence.ground_truth.timestamps)
    assert sequence.jump is not None
    assert gaps[sequence.jump - 1] > 0.8
    assert np.allclose(np.delete(gaps, sequence.jump - 1), 0.1)


def test_a_lidar_has_fewer_pixels_than_its_images() -> None:
    each = RoomSequence(drawn(0, kind="lidar"))[0]
    assert each.readings.shape == (24, 32) and each.frame.depth is not None
    assert each.frame.depth.shape == (60, 80)
    assert set(np.unique(each.frame.depth)) == set(np.unique(each.readings))


def test_stereo_sees_no_far_bare_wall() -> None:
    shares = []
    for richness in (0.0, 1.0):
        spec = drawn(5, kind="stereo", richness=richness, size=(9.0, 8.0, 2.6), range=12.0)
        shares.append(np.mean([(each.readings > 0).mean() for each in RoomSequence(spec)]))
    assert shares[0] < shares[1] - 0.1


def test_a_bare_room_has_less_to_see() -> None:
    corners = []
    for richness in (0.0, 1.0):
        spec = drawn(12, richness=richness, size=(4.0, 4.0, 2.6), width=320, height=240)
        images = [each.frame.image for each in RoomSequence(spec)]
        grays = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in images]
        corners.append(sum(len(cv2.ORB.create(2000).detect(gray)) for gray in grays))
    assert corners[0] < 0.5 * corners[1]
    assert corners[1] > 100 * len(images)
