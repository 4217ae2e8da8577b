"""The methods that benchmark_pairwise.py compares: cameras and depths from predictions or pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from reference.pairwise import AutogradObjective
from tqdm import tqdm

from mapper.backend.alignment.alignment import AlignmentTask, align_globally
from mapper.backend.alignment.config import GlobalAlignmentConfig
from mapper.backend.alignment.correction import correction_factors
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.loops.covisibility import covisible_pairs
from mapper.backend.loops.edge_measurement import EdgeConfig
from mapper.backend.pairwise.alignment import align_pairs, camera_poses
from mapper.backend.pairwise.config import PairwiseConfig
from mapper.backend.pairwise.initialisation import initial_parameters
from mapper.backend.pairwise.optimiser import optimised
from mapper.backend.pairwise.pairs import Observations
from mapper.core.geometry import inverse
from mapper.core.image_pairs import ImagePair
from mapper.core.prediction import Prediction
from mapper.core.sim3 import rigid_part, scale_of
from mapper.runtime.torch_device import choose_device


@dataclass(frozen=True)
class Aligned:
    """T_world_camera: (n, 4, 4). depths: (n, h, w), 0 = no point. Of any scale."""

    T_world_camera: np.ndarray
    depths: np.ndarray


def as_predicted(keyframes: Sequence[Prediction]) -> Aligned:
    """Nothing is done."""
    poses = np.stack([keyframe.T_world_camera for keyframe in keyframes])
    return Aligned(poses, np.stack([keyframe.depth for keyframe in keyframes]))


def globally_aligned(keyframes: Sequence[Prediction], stride: int, device: str) -> Aligned:
    """The backend's alignment, with the depth corrections that it found.

    The graph holds only the predictions' odometry, as uncertain as steps over `stride` frames are.
    """
    config = GlobalAlignmentConfig(device=device)
    maps = MapCache(None, len(keyframes))
    for number, keyframe in enumerate(keyframes):
        maps.put(number, KeyframeMap.of(keyframe))
    poses = {number: keyframe.T_world_camera for number, keyframe in enumerate(keyframes)}
    pairs = covisible_pairs(poses, maps, config.neighbours, config.min_overlap)
    task = AlignmentTask(poses, _odometry(poses, stride), pairs, free_scale=True)
    result = align_globally(task, maps.map, config)
    S = np.stack([result.poses[number] for number in poses])
    depths = [
        scale * maps.map(k).depth * correction_factors(result.corrections[k], *keyframe.depth.shape)
        for k, (scale, keyframe) in enumerate(zip(scale_of(S), keyframes, strict=True))
    ]
    return Aligned(rigid_part(S), np.stack(depths))


def pairwise_aligned(pairs: Sequence[ImagePair], config: PairwiseConfig) -> Aligned:
    """The reference's objective as this package computes it."""
    with tqdm(total=config.iterations, leave=False, disable=None) as bar:
        result = align_pairs(pairs, _images(pairs), config, lambda *_: bar.update())
    return Aligned(result.T_world_camera, result.depths)


def aligned_by_autograd(pairs: Sequence[ImagePair], config: PairwiseConfig) -> Aligned:
    """The reference's objective as the reference computes it, from the same start."""
    images, size = _images(pairs), pairs[0].confidence_i.shape
    device = choose_device(config.device, "pairwise.device")
    start = initial_parameters(pairs, images, device)
    objective = AutogradObjective(Observations.of(pairs, device), (size[0], size[1]))
    with tqdm(total=config.iterations, leave=False, disable=None) as bar:
        parameters, _ = optimised(objective, start, config, lambda *_: bar.update())
    depths = torch.exp(parameters.log_depths).view(images, *size)
    return Aligned(camera_poses(parameters), depths.cpu().numpy())


def _images(pairs: Sequence[ImagePair]) -> int:
    return 1 + max(max(pair.i, pair.j) for pair in pairs)


def _odometry(poses: dict[int, np.ndarray], stride: int) -> list[Edge]:
    sigmas = EdgeConfig()
    rotation, translation = sigmas.odometry_sigma_rotation, sigmas.odometry_sigma_translation
    each = np.array([rotation] * 3 + [translation] * 3 + [sigmas.odometry_sigma_scale])
    information = np.diag(1.0 / (stride * each**2))
    return [
        Edge(i, i + 1, inverse(poses[i]) @ poses[i + 1], information, EdgeKind.ODOMETRY)
        for i in range(len(poses) - 1)
    ]
