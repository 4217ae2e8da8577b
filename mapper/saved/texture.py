"""The map of a run, painted with the images of its keyframes."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from tqdm import tqdm

from mapper.backend.fusion.exposure import CELL, NEUTRAL, estimated_exposures, samples_of
from mapper.backend.fusion.map_fusion import reliable_depth
from mapper.backend.global_map import GlobalMap
from mapper.backend.texturing.atlas import decimated, unwrapped
from mapper.backend.texturing.painting import Painter, View
from mapper.core.mesh import Mesh, TexturedMesh
from mapper.core.sim3 import rigid_part, scale_of
from mapper.io.sequences.sequence import Sequence
from mapper.run.directory import RunDirectory
from mapper.saved.results import CACHED_MAPS, fusion_config, refinement_config, sequence_again

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TextureSize:
    """faces: triangles at most. side: of the texture, texels, more or less."""

    faces: int
    side: int


def textured_map(
    run: RunDirectory, saved: GlobalMap, mesh: Mesh, size: TextureSize, quiet: bool = False
) -> tuple[TexturedMesh, float]:
    """A mesh of the run's world, painted, and the share of it that its keyframes show.

    The images are the sequence's own where that is still there, else as they were mapped.
    """
    config = fusion_config(run)
    load = lru_cache(CACHED_MAPS)(run.keyframes.load)
    map_of = saved.maps_to_fuse(refinement_config(run), load)
    painter = Painter(unwrapped(decimated(mesh, size.faces), size.side))
    poses = saved.fused_poses
    samples = {k: samples_of(map_of(k)) for k in poses} if config.even_exposures else {}
    exposures = estimated_exposures(samples, poses, CELL * config.tsdf.voxel_size)
    frame_of = {keyframe.id: keyframe.frame_index for keyframe in saved.keyframes}
    with ExitStack() as stack:
        sequence = sequence_again(run)
        if sequence is None:
            logger.warning("the sequence is gone or changed: painted are its images as mapped")
        else:
            stack.callback(sequence.close)
        for keyframe_id in tqdm(poses, unit=" images", disable=quiet or None, leave=False):
            source, S = map_of(keyframe_id), poses[keyframe_id]
            view = View(
                source.image,
                source.intrinsics,
                reliable_depth(source, config) * np.float32(scale_of(S)),
                source.intrinsics,
                rigid_part(S),
                exposures.get(keyframe_id, NEUTRAL),
            )
            painter.add(_as_taken(view, sequence, frame_of[keyframe_id]))
    return painter.textured()


def _as_taken(view: View, sequence: Sequence | None, index: int) -> View:
    """With the image as it was taken, where its camera is known; else it stays as it was mapped."""
    if sequence is None or sequence.intrinsics is None:
        return view
    frame = sequence[index]
    hidden = None
    if frame.mask is not None:
        size = (view.depth_camera.width, view.depth_camera.height)
        seen = cv2.resize(frame.mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        hidden = seen == 0
    return replace(view, image=frame.image, camera=sequence.intrinsics, hidden=hidden)
