"""How well a network sees rooms that it was not trained on, by the metrics of `mapper bench`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.core.geometry import inverse
from mapper.evaluate.metrics.depth import depth_errors
from mapper.evaluate.metrics.pair import pair_errors_deg

if TYPE_CHECKING:
    from mapper.train.batch import TrainingBatch
    from mapper.train.objectives.objective import Seen

ALIGNED: Final = "median"


def seen_errors(seen: Seen, batch: TrainingBatch) -> dict[str, float]:
    """Means over the sequences of a batch; nothing of those without any true depth.

    depth: absolute relative error, each sequence scaled by one median. rotation: degrees between
    neighbours. flat, still: the same of one depth everywhere, and of a camera that does not turn:
    a network that has learned anything is below them.
    """
    found: dict[str, list[float]] = {"depth": [], "flat": [], "rotation": [], "still": []}
    depth, true = seen.depth.float().cpu().numpy(), batch.depth.cpu().numpy()
    valid = batch.valid.cpu().numpy()
    poses = seen.T_first_camera.double().cpu().numpy()
    true_poses = batch.T_first_camera.double().cpu().numpy()
    for row in range(len(true)):
        if valid[row].any():
            for name, predicted in (("depth", depth[row]), ("flat", np.ones_like(true[row]))):
                errors = depth_errors(predicted, true[row], valid[row], ALIGNED)
                found[name].append(errors.abs_rel)
        if len(poses[row]) > 1 and np.isfinite(poses[row]).all():
            still = np.broadcast_to(np.eye(4), poses[row].shape)
            for name, T in (("rotation", poses[row]), ("still", still)):
                found[name].append(_turned_deg(T, true_poses[row]))
    return {name: float(np.mean(values)) for name, values in found.items() if values}


def _turned_deg(T: np.ndarray, true: np.ndarray) -> float:
    """Mean rotation error between neighbours of T_world_camera (V, 4, 4), degrees."""
    ours, theirs = inverse(T), inverse(true)
    pairs = range(len(T) - 1)
    return float(np.mean([pair_errors_deg(ours[k : k + 2], theirs[k : k + 2])[0] for k in pairs]))
