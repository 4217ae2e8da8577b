"""A sequence by seed is the same each time, and exactly what its room looks like."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import open3d as o3d
import pytest

from mapper.core.geometry import backproject, transform
from mapper.errors import ConfigError
from mapper.rooms import RoomSequence, SequenceSpec, draw_sequence
from mapper.rooms.spec import CAMERAS, LAYOUTS, PATHS

SMALL: dict[str, Any] = {"width": 80, "height": 60, "frames": 8}
EXACT: dict[str, Any] = {"misplaced": (0.0,) * 6, "delay": 0.0, "readout": 0.0}


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
    with pytest.raises(ConfigError, match="`sideways` is unknown"):
        drawn(0, path="sideways")


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


@pytest.mark.parametrize("layout", LAYOUTS)
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


@pytest.mark.parametrize("kind", CAMERAS)
def test_a_camera_reads_true_depth_with_noise_and_holes(kind: str) -> None:
    sequence = RoomSequence(drawn(6, kind=kind, size=(3.0, 3.0, 2.5), **EXACT))
    each = sequence[3]
    read, true = each.frame.depth, each.depth
    assert read is not None
    seen = read > 0
    assert seen.mean() > 0.5
    error = np.abs(read - true)[seen]
    assert 0.0002 < np.median(error) < 0.03
    assert read.max() <= sequence.spec.camera.range


@pytest.mark.parametrize("path", PATHS)
def test_every_path_stays_in_the_room_and_moves(path: str) -> None:
    for seed in range(4):
        sequence = RoomSequence(drawn(seed, path=path, frames=60))
        truth = sequence.ground_truth
        assert (truth.positions > 0.1).all()
        assert (truth.positions < np.array(sequence.room.size) - 0.1).all()
        steps = np.linalg.norm(np.diff(truth.positions, axis=0), axis=1)
        assert 0 < steps.max() < 2.0 / sequence.spec.rate


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


def test_a_bare_room_has_less_to_see() -> None:
    contrasts = [
        np.mean([_contrast(drawn(seed, richness=richness)) for seed in (8, 9, 10)])
        for richness in (0.0, 1.0)
    ]
    assert contrasts[0] < 0.7 * contrasts[1]


def _contrast(spec: SequenceSpec) -> float:
    """Mean difference of neighbouring pixels' grey levels, over what noise alone makes."""
    image = RoomSequence(spec)[0].frame.image.astype(float).mean(axis=2)
    return float(np.abs(np.diff(image, axis=1)).mean() - 1.5)
