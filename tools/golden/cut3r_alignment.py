"""Runs what the golden file of the reference global alignment records.

The start is compared as ours, the steps are taken from the recorded start: Adam divides a gradient
by its own size, so a pixel whose gradient is near its epsilon (1e-8) turns the start's rounding of
1e-6 into 3e-5 in the first step. From our own start all 40 steps end within 1e-4 in points,
poses, focal lengths and losses, and within 1.1e-4 in logarithms of depth.

Quaternions are compared at the recorded length. It means nothing, has no gradient but rounding,
and Adam magnifies that: the identity of the best pair is 3e-4 longer than ours after one step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional

from golden.recording import Golden
from mapper.backend.pairwise.alignment import camera_poses
from mapper.backend.pairwise.cleaning import cleaned
from mapper.backend.pairwise.config import PairwiseConfig
from mapper.backend.pairwise.initialisation import initial_parameters
from mapper.backend.pairwise.objective import PairwiseObjective
from mapper.backend.pairwise.optimiser import optimised
from mapper.backend.pairwise.pairs import Observations, image_confidence
from mapper.backend.pairwise.parameters import Parameters
from mapper.core.image_pairs import ImagePair

ALIGNMENT_INPUTS: Final = ("edges", "pred_i", "pred_j", "conf_i", "conf_j", "gt_c2w")
CPU: Final = torch.device("cpu")


def run_alignment(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """The start, one step, all steps, and the confidence before and after the cleaning."""
    pairs, images = pairs_of(golden), int(golden.sidecar["n_images"])
    height, width = golden.sidecar["image_hw"]
    objective = PairwiseObjective(Observations.of(pairs, CPU), (height, width))
    config = config_of(golden.sidecar)
    yield from _named("init", initial_parameters(pairs, images, CPU), golden)
    start = recorded(golden, "init")
    # The rate of the first step is the same however many follow.
    after_one, _ = optimised(objective, start, replace(config, iterations=1))
    yield from _named("step1", after_one, golden)
    final, losses = optimised(objective, start, config)
    yield from _named("final", final, golden)
    # The reference evaluated the start twice and the end never.
    yield "losses", torch.tensor([losses[0], *losses[:-1]], dtype=torch.float64)
    yield "final.poses_4x4", torch.from_numpy(camera_poses(final)).float()
    yield "final.focals", final.focals[:, None]
    yield (
        "final.pts3d",
        final.world_points((height, width)).view(images, 3, height, width).movedim(1, -1),
    )
    confidence = torch.from_numpy(image_confidence(pairs, images))
    yield "final.im_conf_before_clean", confidence
    yield "final.im_conf_after_clean", cleaned(final, confidence)


def pairs_of(golden: Golden) -> list[ImagePair]:
    """The recorded edges, in the reference's order."""
    maps = [golden.tensors[name].numpy() for name in ("pred_i", "conf_i", "pred_j", "conf_j")]
    ends = golden.tensors["edges"].tolist()
    return [ImagePair(i, j, *each) for (i, j), *each in zip(ends, *maps, strict=True)]


def recorded(golden: Golden, stage: str) -> Parameters:
    """The reference's parameters; stage: init, step1 or final."""
    names = ("im_depthmaps", "im_poses", "im_focals", "pw_poses")
    depths, poses, focals, pair_poses = (golden.tensors[f"{stage}.{name}"] for name in names)
    return Parameters(depths, poses, focals[:, 0], pair_poses)


def _named(stage: str, ours: Parameters, golden: Golden) -> Iterator[tuple[str, Tensor]]:
    expected = recorded(golden, stage)
    yield f"{stage}.im_depthmaps", ours.log_depths
    yield f"{stage}.im_poses", _at_length_of(expected.poses, ours.poses)
    yield f"{stage}.im_focals", ours.log_focals[:, None]
    # Never optimised: an offset of the principal point from the middle.
    yield f"{stage}.im_pp", torch.zeros(len(ours.poses), 2)
    yield f"{stage}.pw_poses", _at_length_of(expected.pair_poses, ours.pair_poses)


def _at_length_of(expected: Tensor, poses: Tensor) -> Tensor:
    """Poses (N, 7 or 8) whose quaternions, the first four numbers, have the expected lengths."""
    length = expected[:, :4].norm(dim=1, keepdim=True)
    return torch.cat([functional.normalize(poses[:, :4]) * length, poses[:, 4:]], 1)


def config_of(sidecar: Mapping[str, Any]) -> PairwiseConfig:
    """The settings that a recorded alignment was made with."""
    return PairwiseConfig(
        iterations=sidecar["iterations"],
        device="cpu",
        learning_rate=sidecar["lr"],
        final_learning_rate=sidecar["lr_min"],
    )
