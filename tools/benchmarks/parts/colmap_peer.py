"""COLMAP, by pycolmap, over some of a clip's frames: a peer of mono where the camera is unknown."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mapper.core.frame import Frame
from mapper.core.geometry import inverse
from mapper.frontends.mono.geometry.lens import Lens
from mapper.frontends.sfm.config import SfmConfig
from mapper.frontends.sfm.photographs import Photographs
from mapper.frontends.sfm.reconstruction import reconstruct


@dataclass(frozen=True, slots=True)
class ByColmap:
    """places: (N,), of the frames that it placed among those given. poses: T_world_camera
    (N, 4, 4), up to scale. lens: as it found it, None where nothing was placed. seconds: of the
    processor, over all."""

    places: np.ndarray
    poses: np.ndarray
    lens: Lens | None
    seconds: float


def placed_by_colmap(frames: Sequence[Frame]) -> ByColmap:
    """Incremental mapping with 3000 SIFT features an image; of more than 60 images each is matched
    with those that come soon after it."""
    config, started = SfmConfig(max_frames=max(len(frames), 1)), time.process_time()
    photographs = Photographs(config)
    for frame in frames:
        photographs.add(replace(frame, intrinsics=None))
    found = reconstruct(photographs, config)
    places = np.array(sorted(found.placed), int)
    last = np.array([[0.0, 0.0, 0.0, 1.0]])
    poses = [inverse(np.vstack([found.placed[place].T, last])) for place in places.tolist()]
    seconds = time.process_time() - started
    return ByColmap(places, np.array(poses).reshape(-1, 4, 4), found.lens, seconds)
