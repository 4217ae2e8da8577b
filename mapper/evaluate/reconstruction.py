"""Clouds of the selected views, true and predicted, brought together as the papers do."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from mapper.core.geometry import backproject, inverse, transform
from mapper.errors import InputError
from mapper.evaluate.job import SequenceJob
from mapper.evaluate.metrics.reconstruction import Normalisation, along_z, cloud_errors
from mapper.evaluate.predicting import Answer, Answers
from mapper.evaluate.views import PreparedView


@dataclass(frozen=True, slots=True)
class _PointPairs:
    """Points (N, 3) of the same pixels, in the first camera. central: bool (N,), in the crop.

    judged: (M, 3), the true points in the crop, be there a prediction or not.
    """

    true: np.ndarray
    predicted: np.ndarray
    central: np.ndarray
    judged: np.ndarray


def compare_clouds(job: SequenceJob, answers: Answers, indices: list[int]) -> dict[str, float]:
    """Accuracy, completeness and normals of the views at `indices`, all placed and with a pose.

    Source: specs of CUT3R's evaluation, section D; of VGGT's, section 5.
    """
    poses, options = job.true_poses(), job.protocol.reconstruction
    T_first_world = inverse(poses[indices[0]])
    frames = _from_first(job, answers, indices)
    pairs = [
        _pair(job.reader.view(i), T_first_world @ poses[i], frame, options.crop)
        for i, frame in zip(indices, frames, strict=True)
    ]
    true = np.concatenate([pair.true for pair in pairs])
    predicted = np.concatenate([pair.predicted for pair in pairs])
    if not len(true):
        raise InputError("no pixel has a true depth and a prediction; check the depth files")
    normalisation = Normalisation.of(true, predicted)
    central = np.concatenate([pair.central for pair in pairs])
    shift = along_z(normalisation.gt_shift_z)
    T_world_first = poses[indices[0]]
    judged = np.concatenate([pair.judged for pair in pairs])
    errors = cloud_errors(
        transform(T_world_first, normalisation.scaled(predicted)[central] + shift),
        transform(T_world_first, normalisation.centred(judged) + shift),
        options.icp_threshold,
        options.voxel_size,
    )
    coverage = float(central.sum()) / max(len(judged), 1)
    return {**errors.to_dict(), "scale": normalisation.scale, "pixel_coverage": coverage}


def _from_first(job: SequenceJob, answers: Answers, indices: list[int]) -> list[Answer]:
    """The answers in the first compared camera.

    The papers take the prediction's own world for it, which holds where the first view counts.
    """
    frames = [answers.frames[i] for i in indices]
    if indices[0] == job.indices[0]:
        return frames
    T_first_world = inverse(frames[0].T_world_camera)
    return [replace(f, T_world_camera=T_first_world @ f.T_world_camera) for f in frames]


def _pair(view: PreparedView, T_first_camera: np.ndarray, answer: Answer, crop: int) -> _PointPairs:
    """Of one view; the prediction's pixels are those of the view, at whatever resolution."""
    if view.depth is None or view.intrinsics is None:
        raise InputError("the dataset has no depth or no camera, which reconstruction needs")
    if answer.map is None:
        raise InputError("the frontend gave poses but no points")
    pointmap = answer.map
    height, width = view.depth.shape
    if pointmap.shape[:2] != (height, width):
        pointmap = cv2.resize(pointmap, (width, height), interpolation=cv2.INTER_NEAREST)
    central = np.zeros((height, width), bool)
    top, left = height // 2 - crop // 2, width // 2 - crop // 2
    central[max(top, 0) : top + crop, max(left, 0) : left + crop] = True
    known = view.depth > 0
    valid = known & np.isfinite(pointmap).all(-1) & (pointmap[..., 2] > 0)
    points = backproject(view.depth, view.intrinsics)
    true, judged = (
        transform(T_first_camera, points[mask]).astype(np.float32)
        for mask in (valid, known & central)
    )
    predicted = transform(answer.T_world_camera, answer.scale * pointmap[valid])
    return _PointPairs(true, predicted.astype(np.float32), central[valid], judged)
