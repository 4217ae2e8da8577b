"""The reference's pair graph, pairs from predictions, and its recorded alignment as a whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from golden.cut3r_alignment import config_of, pairs_of
from golden.recording import Golden, compare

from mapper.backend.pairwise.alignment import align_pairs
from mapper.backend.pairwise.config import PairwiseConfig
from mapper.backend.pairwise.prediction_pairs import LEAST_CONFIDENCE, sequential_pairs
from mapper.core.geometry import backproject, inverse, transform
from mapper.core.image_pairs import pair_indices, rollout_indices
from mapper.core.prediction import Prediction
from mapper.errors import InputError
from tests.support.pairwise_scene import HEIGHT, WIDTH, Scene
from tests.support.paths import COMMITTED_GOLDEN

RECORDED = COMMITTED_GOLDEN / "cut3r" / "global_alignment.json"


def golden() -> Golden:
    return Golden.open(RECORDED)


def predictions() -> list[Prediction]:
    scene = Scene.random(4, seed=6)
    return [
        Prediction(
            index,
            0.1 * index,
            backproject(depth, scene.intrinsics),
            np.full((HEIGHT, WIDTH), 5, np.float32),
            T_world_camera,
            scene.intrinsics,
            np.zeros((HEIGHT, WIDTH, 3), np.uint8),
            is_metric=False,
        )
        for index, (depth, T_world_camera) in enumerate(
            zip(scene.depths, scene.T_world_camera, strict=True)
        )
    ]


def test_rollouts_of_four_images() -> None:
    rollouts = list(rollout_indices(4))
    assert rollouts == [[0, 1, 2, 3], [1, 3], [1], [2], [2, 0], [3], [3, 1]]
    assert pair_indices(4) == [(0, 1), (0, 2), (0, 3), (1, 3), (2, 0), (3, 1)]
    assert pair_indices(0) == pair_indices(1) == []


def test_the_pair_graph_is_the_recorded_one() -> None:
    recorded = golden()
    assert pair_indices(5) == [tuple(edge) for edge in recorded.tensors["edges"].tolist()]
    for images, counts in recorded.sidecar["rollout_counts_of_demo"].items():
        rollouts = list(rollout_indices(int(images)))
        assert len(rollouts) == counts["rollouts"]
        assert sum(map(len, rollouts)) == counts["decoder_steps"]
        assert len(pair_indices(int(images))) == counts["edges"]


def test_points_of_a_pair_are_in_the_root_camera() -> None:
    each = predictions()
    pairs = sequential_pairs(each)
    assert [(pair.i, pair.j) for pair in pairs] == pair_indices(4)
    pair = pairs[-1]
    assert pair.pointmap_i is each[3].pointmap
    world = transform(each[1].T_world_camera, each[1].pointmap)
    expected = transform(inverse(each[3].T_world_camera), world)
    np.testing.assert_allclose(pair.pointmap_j, expected, atol=1e-5)
    assert pair.pointmap_j.dtype == pair.confidence_j.dtype == np.float32


def test_low_confidences_weigh_little_and_missing_points_nothing() -> None:
    each = predictions()
    confidence = each[0].confidence.copy()
    confidence[0, :3] = 0.2, 0.0, 5.0
    pointmap = each[0].pointmap.copy()
    pointmap[0, 2] = 0
    each[0] = replace(each[0], confidence=confidence, pointmap=pointmap)
    found = sequential_pairs(each)[0].confidence_i[0, :4]
    assert found == pytest.approx([LEAST_CONFIDENCE, 1, 1, 5])


def test_consistent_predictions_are_returned_as_they_are() -> None:
    each = predictions()
    config = PairwiseConfig(iterations=0, device="cpu")
    result = align_pairs(sequential_pairs(each), len(each), config)
    root = result.T_world_camera[0]
    truth = [inverse(each[0].T_world_camera) @ p.T_world_camera for p in each]
    ours = [inverse(root) @ T for T in result.T_world_camera]
    scale = np.linalg.norm(ours[3][:3, 3]) / np.linalg.norm(truth[3][:3, 3])
    for mine, true in zip(ours, truth, strict=True):
        np.testing.assert_allclose(mine[:3, :3], true[:3, :3], atol=1e-3)
        np.testing.assert_allclose(mine[:3, 3], scale * true[:3, 3], atol=2e-3)


def test_mixed_resolutions_and_segments_are_refused() -> None:
    each = predictions()
    smaller = replace(each[1], pointmap=each[1].pointmap[::2])
    with pytest.raises(InputError, match="one resolution"):
        sequential_pairs([each[0], smaller])
    with pytest.raises(InputError, match="one segment"):
        sequential_pairs([each[0], replace(each[1], segment=1)])


def test_the_recorded_alignment_from_our_own_start() -> None:
    """The whole way, unlike the golden check, whose steps begin where the reference's did."""
    recorded = golden()
    sidecar, tensors = recorded.sidecar, recorded.tensors
    config = config_of(sidecar)
    result = align_pairs(pairs_of(recorded), sidecar["n_images"], config)
    ours = {
        "final.poses_4x4": torch.from_numpy(result.T_world_camera).float(),
        "final.focals": torch.from_numpy(result.focals)[:, None].float(),
        "final.im_conf_after_clean": torch.from_numpy(result.confidence),
        "losses": torch.tensor([result.losses[0], *result.losses[:-1]], dtype=torch.float64),
    }
    for name, tensor in ours.items():
        difference = compare(name, tensors[name], tensor)
        assert difference.within(1e-4), difference
    depths = tensors["final.im_depthmaps"].exp().view(result.depths.shape)
    np.testing.assert_allclose(result.depths, depths, rtol=1e-3)
