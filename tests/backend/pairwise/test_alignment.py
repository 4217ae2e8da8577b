"""The reference global alignment on scenes whose cameras are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from mapper.backend.pairwise.alignment import align_pairs
from mapper.backend.pairwise.config import PairwiseConfig
from mapper.backend.pairwise.initialisation import initial_parameters
from mapper.backend.pairwise.placement import placed_along_tree, spanning_tree
from mapper.core.geometry import inverse, rotation_angle, umeyama
from mapper.core.image_pairs import ImagePair, pair_indices
from mapper.errors import ConfigError, InputError, MapperError
from mapper.runtime.torch_device import choose_device
from tests.support.pairwise_scene import HEIGHT, WIDTH, Scene

CPU = PairwiseConfig(iterations=150, device="cpu")


def chain(scene: Scene) -> list[ImagePair]:
    """The reference's pairs."""
    return [scene.pair(i, j) for i, j in pair_indices(len(scene.T_world_camera))]


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene.random(5, seed=2)


def centre_error(scene: Scene, T_world_camera: np.ndarray) -> float:
    """Largest distance of camera centres after the best similarity, in units of the scene."""
    estimate, truth = T_world_camera[:, :3, 3], scene.T_world_camera[:, :3, 3]
    scale, T = umeyama(estimate, truth, with_scale=True)
    moved = scale * estimate @ T[:3, :3].T + T[:3, 3]
    return float(np.linalg.norm(moved - truth, axis=1).max())


def test_exact_pairs_place_every_camera_at_once(scene: Scene) -> None:
    placement = placed_along_tree(chain(scene), 5)
    assert centre_error(scene, placement.T_world_camera) < 1e-4
    assert placement.focals == pytest.approx(np.full(5, scene.focal), rel=1e-4)
    root = spanning_tree(chain(scene), 5)[0].i
    T_root_world = inverse(scene.T_world_camera[root])
    for ours, truth in zip(placement.T_world_camera, scene.T_world_camera, strict=True):
        assert rotation_angle(ours[:3, :3].T @ (T_root_world @ truth)[:3, :3]) < 1e-3


def test_the_start_has_no_residual_where_pairs_are_exact(scene: Scene) -> None:
    result = align_pairs(chain(scene), 5, replace(CPU, iterations=0))
    assert len(result.losses) == 1 and result.losses[0] < 1e-5
    # Depths are true ones times the scale that the alignment chose.
    ratio = result.depths / scene.depths
    assert ratio == pytest.approx(np.full_like(ratio, np.median(ratio)), rel=1e-3)


def test_alignment_settles_contradicting_pairs(scene: Scene) -> None:
    noisy = [scene.pair(p.i, p.j, noise=0.03, seed=k) for k, p in enumerate(chain(scene))]
    told: list[int] = []
    result = align_pairs(noisy, 5, CPU, lambda done, loss: told.append(done))
    assert told == list(range(1, 151))
    assert result.losses[-1] < 0.9 * result.losses[0]
    start = align_pairs(noisy, 5, replace(CPU, iterations=0))
    assert centre_error(scene, result.T_world_camera) < centre_error(scene, start.T_world_camera)
    assert result.depths.shape == result.confidence.shape == (5, HEIGHT, WIDTH)
    assert np.isfinite(result.focals).all()


def test_geometric_mean_of_pair_scales_is_a_half(scene: Scene) -> None:
    pairs = [scene.pair(i, j, scale=1 + k) for k, (i, j) in enumerate(pair_indices(5))]
    start = initial_parameters(pairs, 5, torch.device("cpu"))
    scales = start.pair_transforms()[0].det() ** (1 / 3)
    assert float(scales.log().mean().exp()) == pytest.approx(0.5, rel=1e-5)
    # Each pair undoes its own scale: the products are all alike.
    products = scales.numpy() * np.arange(1, len(pairs) + 1)
    assert products == pytest.approx(np.full(len(pairs), products[0]), rel=1e-3)


def test_two_images_are_enough(scene: Scene) -> None:
    """The second is root nowhere: its focal length is searched and its pose resected."""
    result = align_pairs([scene.pair(0, 1)], 2, replace(CPU, iterations=0))
    assert result.T_world_camera[0] == pytest.approx(np.eye(4), abs=1e-6)
    candidates = np.geomspace(0.5 * WIDTH, 3 * WIDTH, 21)
    assert np.abs(candidates / result.focals[1] - 1).min() < 1e-5
    expected = inverse(scene.T_world_camera[0]) @ scene.T_world_camera[1]
    angle = rotation_angle(expected[:3, :3].T @ result.T_world_camera[1, :3, :3])
    assert angle < 0.2  # the candidates are 9 % apart


def test_cameras_that_cannot_be_resected_are_fitted_where_they_are_root(scene: Scene) -> None:
    """No pixel is trusted enough for PnP; image 2 is root of a pair outside the tree, 1 of none."""
    pairs = [scene.pair(0, 1), scene.pair(0, 2), scene.pair(2, 1)]
    doubted = [
        replace(
            pair,
            confidence_i=np.full((HEIGHT, WIDTH), level, np.float32),
            confidence_j=np.full((HEIGHT, WIDTH), level, np.float32),
        )
        for pair, level in zip(pairs, (2.9, 2.8, 2.0), strict=True)
    ]
    placed = placed_along_tree(doubted, 3).T_world_camera
    expected = inverse(scene.T_world_camera[0]) @ scene.T_world_camera[2]
    assert placed[2] == pytest.approx(expected, abs=1e-5)
    assert placed[1] == pytest.approx(np.eye(4))


@pytest.mark.parametrize(
    ("pairs", "images", "message"),
    [
        ([], 0, "at least two images"),
        ([], 3, "at least two images"),
        ([(0, 1)], 1, "at least two images"),
        ([(0, 1), (2, 3)], 4, "2 separate groups"),
        ([(0, 1)], 3, "2 separate groups"),
        ([(0, 0)], 2, "two different indices"),
        ([(0, 2)], 2, "two different indices"),
        ([(0, 1), (0, 1)], 2, "twice"),
    ],
)
def test_graphs_that_cannot_be_aligned_are_refused(
    scene: Scene, pairs: list[tuple[int, int]], images: int, message: str
) -> None:
    with pytest.raises(MapperError, match=message):
        align_pairs([scene.pair(i, j) for i, j in pairs], images, CPU)


def test_bad_maps_are_refused(scene: Scene) -> None:
    good = scene.pair(0, 1)
    hole = good.pointmap_j.copy()
    hole[3, 4, 2] = np.nan
    bad = {
        "not finite": replace(good, pointmap_j=hole),
        "one size": replace(good, confidence_i=good.confidence_i[:-1]),
        "below 1": replace(good, confidence_j=good.confidence_j * 0.01),
    }
    for message, pair in bad.items():
        with pytest.raises(InputError, match=message):
            align_pairs([pair], 2, CPU)


def test_pairs_of_points_at_one_place_do_not_break_it(scene: Scene) -> None:
    """A prediction that collapsed: no extent, no focal length, no camera."""
    good = scene.pair(0, 1)
    nowhere = np.zeros_like(good.pointmap_i)
    result = align_pairs([replace(good, pointmap_i=nowhere)], 2, replace(CPU, iterations=5))
    assert np.isfinite(result.T_world_camera).all() and np.isfinite(result.depths).all()


def test_impossible_options_are_refused() -> None:
    with pytest.raises(ConfigError, match="iterations"):
        PairwiseConfig(iterations=-1)
    with pytest.raises(ConfigError, match="learning_rate"):
        PairwiseConfig(learning_rate=1e-3, final_learning_rate=1e-2)
    with pytest.raises(ConfigError, match="cpu always works"):
        choose_device("nonsense", "pairwise.device")
