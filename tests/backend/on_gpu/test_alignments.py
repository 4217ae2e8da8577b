"""Alignments on a (pretended) GPU end where they do on the CPU."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch

from mapper.backend.alignment.alignment import AlignmentTask, GlobalAlignment, align_globally
from mapper.backend.alignment.online import OnlineAlignmentConfig, align_newest
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph.pose_graph import PoseGraph, PoseGraphConfig
from mapper.backend.pairwise.cleaning import cleaned
from mapper.backend.pairwise.initialisation import initial_parameters
from mapper.backend.pairwise.objective import PairwiseObjective
from mapper.backend.pairwise.pairs import Observations, image_confidence
from mapper.core.image_pairs import pair_indices
from mapper.core.sim3 import inverse_similarity
from tests.support.pairwise_scene import HEIGHT, WIDTH, Scene
from tests.support.plane_views import CONFIG, moved, plane_map, plane_maps
from tests.support.pretended_gpu.torch_cuda import pretended_gpu

TRUTH = [moved(), moved(0.1, 0.03, yaw=-0.03), moved(-0.1, 0.06, 0.05, pitch=0.02)]
START = {0: TRUTH[0], 1: TRUTH[1] @ moved(0.01, -0.01), 2: TRUTH[2] @ moved(-0.008, 0.004)}
EDGE = Edge(0, 1, inverse_similarity(TRUTH[0]) @ TRUTH[1], np.eye(7), EdgeKind.ODOMETRY)
FEW = replace(CONFIG, rounds=2, steps=2, corners=40)


def aligned(device: str, residual: Literal["pixel", "ray"]) -> GlobalAlignment:
    task = AlignmentTask(START, [EDGE], [(0, 1), (0, 2), (1, 2)], True)
    config = replace(
        FEW,
        device=device,
        residual=residual,
        refine_focal="always" if residual == "ray" else "never",
    )
    return align_globally(task, lambda k: plane_map(TRUTH[k]), config)


@pytest.mark.parametrize("residual", ["pixel", "ray"])
def test_the_global_alignment_is_the_same(residual: Literal["pixel", "ray"]) -> None:
    expected = aligned("cpu", residual)
    with pretended_gpu() as gpu:
        found = aligned("cuda", residual)
    assert gpu.tally.launches > 1000
    for k, pose in expected.poses.items():
        np.testing.assert_allclose(found.poses[k], pose, atol=1e-6)
        np.testing.assert_allclose(found.corrections[k], expected.corrections[k], atol=1e-6)
    assert found.matches_of == expected.matches_of
    assert found.focal_factor == pytest.approx(expected.focal_factor, abs=1e-6)
    for pair, information in expected.information.items():
        np.testing.assert_allclose(found.information[pair], information, rtol=1e-4, atol=1e-3)


def test_while_mapping_the_gpu_is_left_to_the_frontend() -> None:
    graph = PoseGraph(PoseGraphConfig(scale="free"))
    graph.add_pose(0, TRUTH[0])
    for k in (1, 2):
        graph.add_pose(k, START[k])
        S = inverse_similarity(START[k - 1]) @ START[k]
        graph.add_edge(Edge(k - 1, k, S, 400 * np.eye(7), EdgeKind.ODOMETRY))
    maps = plane_maps(dict(enumerate(TRUTH)))
    online = OnlineAlignmentConfig(window=3, rounds=1)
    with pretended_gpu() as gpu:
        assert align_newest([0, 1, 2], graph, maps, online, replace(FEW, device="auto"))
    assert gpu.tally.launches == 0


def test_the_pairwise_objective_is_the_same() -> None:
    scene = Scene.random(4, seed=2)
    pairs = [scene.pair(i, j, noise=0.02) for i, j in pair_indices(4)]
    losses, gradients, kept = [], [], []
    for device in ("cpu", "cuda"):
        with pretended_gpu():
            where = torch.device(device)
            parameters = initial_parameters(pairs, 4, where)
            objective = PairwiseObjective(Observations.of(pairs, where), (HEIGHT, WIDTH))
            losses.append(objective.loss(parameters))
            outputs = [
                parameters.world_points((HEIGHT, WIDTH)),
                *parameters.pair_transforms(),
            ]
            sums = [torch.zeros_like(output) for output in outputs]
            for rows in objective._chunks():
                objective._side(rows, outputs, sums)
            gradients.append([each.cpu() for each in sums])
            confidence = torch.from_numpy(image_confidence(pairs, 4)).to(where)
            kept.append(cleaned(parameters, confidence).cpu())
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)
    for ours, theirs in zip(gradients[1], gradients[0], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(kept[1], kept[0])


def test_of_a_gpu_a_chunk_is_many_images() -> None:
    observed, pixels = 58, 512 * 384  # of 30 images, the points of the first two
    with pretended_gpu(values=False):
        numbers = torch.zeros(observed, dtype=torch.long, device="cuda")
        points = torch.zeros(observed, 3, pixels, device="cuda")
        seen = Observations(numbers, numbers, points, points[:, 0])
        assert len(PairwiseObjective(seen, (384, 512))._chunks()) == 2
