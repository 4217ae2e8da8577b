"""Rendered images: the texture belongs to the surface, so that all views agree with the truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from simulation.config import ImageConfig, SimulationConfig
from simulation.images import RenderedImages
from simulation.simulator import PredictionSimulator
from simulation.texture import NOT_SEEN, Reference, SurfaceTexture, choose_references
from simulation.truth import DepthRenderer, true_poses

from mapper.core.geometry import inverse, pose, transform
from mapper.core.intrinsics import Intrinsics
from mapper.core.mesh import Mesh
from mapper.core.prediction import Prediction
from mapper.errors import ConfigError
from mapper.io.sequences.open_sequence import open_sequence
from mapper.rooms.sample.sequence import room_mesh
from tests.support.room_views import Room

CAMERA = Intrinsics(100.0, 100.0, 79.5, 59.5, 160, 120)
GREEN = (10, 200, 30)
CELL = 0.025  # metres, of the test surfaces
OFF_THE_RAYS = 0.0037  # metres: a ray exactly through a corner may meet either face, or none


def square(z: float, width: float, color: tuple[int, int, int] = GREEN) -> Mesh:
    """A finely meshed square across the z axis."""
    count = round(width / CELL) + 1
    axis = np.linspace(-width / 2, width / 2, count) + OFF_THE_RAYS
    x, y = (a.ravel() for a in np.meshgrid(axis, axis))
    vertices = np.stack([x, y, np.full(x.shape, z)], -1).astype(np.float32)
    first = (np.arange(count - 1)[:, None] * count + np.arange(count - 1)).ravel()
    a, b, c, d = first, first + 1, first + count, first + count + 1
    faces = np.concatenate([np.stack([a, b, c], -1), np.stack([b, d, c], -1)]).astype(np.int32)
    colors = np.tile(np.array(color, np.uint8), (len(vertices), 1))
    normals = np.tile(np.array([0, 0, -1], np.float32), (len(vertices), 1))
    return Mesh(vertices, faces, colors, normals)


def joined(a: Mesh, b: Mesh) -> Mesh:
    return Mesh(
        np.concatenate([a.vertices, b.vertices]),
        np.concatenate([a.faces, b.faces + len(a.vertices)]),
        np.concatenate([a.colors, b.colors]),
        np.concatenate([a.normals, b.normals]),
    )


def at(x: float = 0.0, z: float = 0.0) -> np.ndarray:
    return pose(np.eye(3), np.array([x, 0.0, z]))


def seen_from(T: np.ndarray, image: np.ndarray | None = None) -> Reference:
    """A view of the camera, of one grey unless an image is given."""
    grey = np.full((CAMERA.height, CAMERA.width, 3), 128, np.uint8)
    return Reference(grey if image is None else image, CAMERA, T)


def pattern() -> np.ndarray:
    """A smooth image that differs everywhere."""
    v, u = np.mgrid[: CAMERA.height, : CAMERA.width]
    waves = np.stack([np.sin(0.2 * u), np.cos(0.17 * v), np.sin(0.1 * (u + v))], -1)
    return (128 + 100 * waves).astype(np.uint8)


def clean(renderer: DepthRenderer, references: list[Reference]) -> RenderedImages:
    texture = SurfaceTexture(renderer, references)
    return RenderedImages(renderer, texture, CAMERA, ImageConfig(), 0)


def test_the_reference_sees_its_own_image_again() -> None:
    renderer = DepthRenderer(square(2.0, 6.0))
    images = clean(renderer, [seen_from(at(), pattern())])
    difference = np.abs(images.clean_image(at()) - pattern())
    inner = (slice(6, -6), slice(6, -6))
    assert np.median(difference[inner]) < 1.5
    assert difference[inner].max() < 6


def test_two_views_of_a_point_show_one_colour() -> None:
    """A camera that steps by the disparity of 16 pixels sees the plane shifted by just those."""
    renderer = DepthRenderer(square(2.0, 8.0))
    references = [seen_from(at(-0.4), pattern()), seen_from(at(0.5, 0.3), pattern()[:, ::-1])]
    images = clean(renderer, references)
    first, second = images.clean_image(at()), images.clean_image(at(2.0 * 16 / CAMERA.fx))
    np.testing.assert_allclose(first[:, 16:], second[:, :-16], atol=2)
    assert first.std() > 30


def test_views_of_the_room_agree_where_both_see_a_point(room: Room) -> None:
    renderer = DepthRenderer(room_mesh())
    references = [
        Reference(room.frame(i, False).image, room.intrinsics, room.poses[i])
        for i in range(0, 60, 10)
    ]
    texture = SurfaceTexture(renderer, references)
    images = RenderedImages(renderer, texture, room.intrinsics, ImageConfig(), 0)
    k, T_a, T_b = room.intrinsics, room.poses[14], room.poses[38]
    hits = renderer.cast(k, T_a)
    rows, columns = np.nonzero(hits.depth > 0)
    points = np.stack([(columns - k.cx) / k.fx, (rows - k.cy) / k.fy, np.ones(len(rows))], -1)
    points = transform(inverse(T_b) @ T_a, points * hits.depth[rows, columns, None])
    in_b = np.rint(points[:, :2] / points[:, 2:] * (k.fx, k.fy) + (k.cx, k.cy)).astype(int)
    inside = ((in_b >= 0) & (in_b < (k.width, k.height))).all(-1) & (points[:, 2] > 0)
    u, v = in_b[inside].T
    both = np.abs(renderer.depth(k, T_b)[v, u] - points[inside, 2]) < 0.01
    a = images.clean_image(T_a)[rows[inside][both], columns[inside][both]]
    b = images.clean_image(T_b)[v[both], u[both]]
    assert both.sum() > 10_000
    assert np.median(np.abs(a - b)) < 3


def test_what_a_reference_does_not_see_is_not_textured_from_it() -> None:
    """A small square stands before a large one: its shadow keeps the mesh's own colour."""
    mesh = joined(square(2.0, 6.0), square(1.0, 0.5, (200, 0, 0)))
    renderer = DepthRenderer(mesh)
    reference = choose_references(renderer, [seen_from(at())])
    centre = mesh.vertices[mesh.faces].mean(1)
    behind = (centre[:, 2] > 1.5) & (np.abs(centre[:, :2]).max(-1) < 0.45)
    beside = (centre[:, 2] > 1.5) & (np.abs(centre[:, :2]).max(-1) > 0.55)
    beside &= np.abs(centre[:, :2]).max(-1) < 1.0
    assert (reference[behind] == NOT_SEEN).all()
    assert (reference[beside] == 0).all() and (reference[centre[:, 2] < 1.5] == 0).all()
    outside = np.abs(centre[:, 0]) > 1.65  # half the image's width at 2 m is 1.6 m
    assert (reference[outside] == NOT_SEEN).all()
    view = clean(renderer, [seen_from(at())]).clean_image(at(1.0))  # it looks past the small one
    np.testing.assert_allclose(view[60, 30], GREEN, atol=1)  # 0.0 m across, behind the small one
    np.testing.assert_allclose(view[60, 90], 128, atol=1)


def test_grazing_views_give_no_texture() -> None:
    renderer = DepthRenderer(square(2.0, 2.0))
    along = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
    grazing = seen_from(pose(along, np.array([-2.0, 0.0, 1.9])))
    assert (choose_references(renderer, [grazing]) == NOT_SEEN).all()


def test_the_closer_reference_is_taken() -> None:
    renderer = DepthRenderer(square(2.0, 1.0))
    reference = choose_references(renderer, [seen_from(at()), seen_from(at(0.0, 0.7))])
    assert (reference == 1).all()


def test_what_lies_beside_the_mesh_takes_its_colours() -> None:
    view = clean(DepthRenderer(square(2.0, 1.0)), [seen_from(at())]).clean_image(at())
    np.testing.assert_allclose(view, 128, atol=1)


def simulated(sample: Path, renderer: DepthRenderer, config: SimulationConfig) -> list[Prediction]:
    sequence = open_sequence(sample, stride=3, max_frames=6)
    return list(PredictionSimulator(sequence, renderer, true_poses(sequence), config))


def test_images_repeat_by_seed_and_brightness_wanders(sample: Path) -> None:
    renderer = DepthRenderer(room_mesh())
    small = SimulationConfig(width=80, images=ImageConfig(reference_every=3))
    first, again, other = (
        simulated(sample, renderer, replace(small, seed=seed)) for seed in (0, 0, 1)
    )
    exact = simulated(sample, renderer, small.without_errors())
    for a, b, c, e in zip(first, again, other, exact, strict=True):
        assert np.array_equal(a.image, b.image) and not np.array_equal(a.image, c.image)
        assert 0.88 < a.image.mean() / e.image.mean() < 1.12
        middle = (e.image > 30) & (e.image < 200)
        gain = np.median(a.image[middle] / e.image[middle])
        assert 1 < (a.image - gain * e.image)[middle].std() < 5  # 1 % of 255, and rounding
    gains = [a.image.mean() / e.image.mean() for a, e in zip(first, exact, strict=True)]
    assert np.abs(np.diff(gains)).max() < 0.07 and np.ptp(gains) > 0.002


def test_a_shared_frame_has_one_image(sample: Path) -> None:
    config = SimulationConfig(width=80, reset_every=4)
    old, new = (
        p for p in simulated(sample, DepthRenderer(room_mesh()), config) if p.frame_index == 3
    )
    assert np.array_equal(old.image, new.image)


def test_real_images_are_the_sequences_own(sample: Path) -> None:
    config = SimulationConfig(width=80, images=ImageConfig("real"))
    sequence = open_sequence(sample, stride=3, max_frames=6)
    for p in simulated(sample, DepthRenderer(room_mesh()), config):
        blocks = sequence[p.frame_index].image.reshape(60, -1, 80, 3)
        assert p.image.shape == (60, 80, 3)
        assert abs(float(p.image.mean()) - float(blocks.mean())) < 1


@pytest.mark.parametrize(
    ("changes", "name"),
    [({"source": "painted"}, "painted"), ({"reference_every": 0}, "reference_every")],
)
def test_impossible_image_options_are_refused(changes: dict, name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        ImageConfig(**changes)
