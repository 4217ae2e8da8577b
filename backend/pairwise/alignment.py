"""The reference global alignment from pairs to cameras and depth maps."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mapper.backend.pairwise.cleaning import cleaned
from mapper.backend.pairwise.config import PairwiseConfig
from mapper.backend.pairwise.initialisation import initial_parameters
from mapper.backend.pairwise.objective import PairwiseObjective
from mapper.backend.pairwise.optimiser import Progress, optimised
from mapper.backend.pairwise.pairs import Observations, checked_pairs, image_confidence
from mapper.backend.pairwise.parameters import Parameters
from mapper.core.image_pairs import ImagePair
from mapper.errors import InputError
from mapper.runtime.torch_device import choose_device

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class PairwiseAlignment:
    """n images of h x w pixels, in a world of arbitrary place and scale.

    T_world_camera: float64 (n, 4, 4). depths: float32 (n, h, w), z in the camera. focals: float64
    (n,), pixels; the principal point is (w / 2, h / 2). confidence: float32 (n, h, w), 0 where the
    cleaning removed a point. losses: before each iteration and after the last.
    """

    T_world_camera: np.ndarray
    depths: np.ndarray
    focals: np.ndarray
    confidence: np.ndarray
    losses: list[float]


def align_pairs(
    pairs: Sequence[ImagePair],
    images: int,
    config: PairwiseConfig | None = None,
    progress: Progress | None = None,
) -> PairwiseAlignment:
    """Cameras, focal lengths and depth maps that agree best with all pairs.

    images: their number. Time and memory grow with the number of pairs times the pixels. Raises
    InputError where the pairs do not join all images, or are not finite.
    Source: the global alignment of DUSt3R (Wang et al., CVPR 2024) as CUT3R's demo runs it.
    """
    config = config or PairwiseConfig()
    pairs = checked_pairs(pairs, images)
    device = choose_device(config.device, "pairwise.device")
    height, width, _ = pairs[0].pointmap_i.shape
    start = initial_parameters(pairs, images, device)
    objective = PairwiseObjective(Observations.of(pairs, device), (height, width))
    parameters, losses = optimised(objective, start, config, progress)
    if not all(bool(tensor.isfinite().all()) for tensor in parameters.tensors()):
        raise InputError(
            f"the alignment of {images} images diverged; leave out keyframes without depth"
        )
    logger.info("%d pairs of %d images: %.4g to %.4g", len(pairs), images, losses[0], losses[-1])
    confidence = torch.from_numpy(image_confidence(pairs, images)).to(device)
    return PairwiseAlignment(
        camera_poses(parameters),
        parameters.log_depths.exp().view(images, height, width).cpu().numpy(),
        parameters.focals.double().cpu().numpy(),
        cleaned(parameters, confidence).cpu().numpy(),
        losses,
    )


def camera_poses(parameters: Parameters) -> np.ndarray:
    """T_world_camera, float64 (n, 4, 4)."""
    double = Parameters(*(tensor.double() for tensor in parameters.tensors()))
    T_world_camera = np.tile(np.eye(4), (len(double.poses), 1, 1))
    T_world_camera[:, :3, :3] = double.rotations.cpu().numpy()
    T_world_camera[:, :3, 3] = double.translations.cpu().numpy()
    return T_world_camera
