"""What a sequence of a benchmark knows of its poses."""

from __future__ import annotations

import numpy as np

from mapper.io.datasets.dataset import BenchSequence


def has_pose(sequence: BenchSequence) -> np.ndarray:
    """bool (N,): which frames have a ground-truth pose."""
    assert sequence.T_world_camera is not None
    return np.isfinite(sequence.T_world_camera).all(axis=(1, 2))
