"""What the report's viewer shows of a finished run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from mapper.errors import InputError
from mapper.report.loops import LoopRow
from mapper.report.scene.scene import KeyframeView, Scene, shown_images
from mapper.slam.result import MappingResult

LoadImage: TypeAlias = Callable[[int], np.ndarray]


def scene_of(
    result: MappingResult, loops: list[LoopRow], up: np.ndarray, load_image: LoadImage
) -> Scene | None:
    """None of a map without surfaces. up: unit vector (3,). load_image: of a keyframe,
    by its number; raises InputError where its file is gone or damaged."""
    if not len(result.mesh.faces):
        return None
    closed = [
        (loop.row_i, loop.row_j)
        for loop in loops
        if loop.decision.accepted and loop.row_i is not None and loop.row_j is not None
    ]
    return Scene(
        result.mesh,
        up,
        result.trajectory.timestamps,
        result.trajectory.positions,
        _keyframes(result, load_image),
        closed,
    )


def _keyframes(result: MappingResult, load_image: LoadImage) -> list[KeyframeView]:
    shown = shown_images(len(result.keyframe_ids))
    poses = result.keyframe_trajectory
    return [
        KeyframeView(time, T, _image(load_image, keyframe_id) if row in shown else None)
        for row, (keyframe_id, time, T) in enumerate(
            zip(
                result.keyframe_ids.tolist(),
                poses.timestamps.tolist(),
                poses.T_world_camera,
                strict=True,
            )
        )
    ]


def _image(load_image: LoadImage, keyframe_id: int) -> np.ndarray | None:
    """None where it cannot be had: the report is no place to fail for that."""
    try:
        return load_image(keyframe_id)
    except InputError:
        return None
