"""The four tasks on one sequence: pose, video depth, monocular depth, reconstruction."""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np

from mapper.core.geometry import inverse
from mapper.errors import InputError
from mapper.evaluate.job import Measured, SequenceJob, Task
from mapper.evaluate.metrics.depth import DepthErrors, depth_errors, pixel_mean, valid_depth
from mapper.evaluate.metrics.pair import area_under_curve, pair_errors_deg
from mapper.evaluate.metrics.trajectory import pose_errors
from mapper.evaluate.predicting import Answers, answers_one_by_one
from mapper.evaluate.reconstruction import compare_clouds

NOT_METRIC_DEPTH: Final = (
    "the frontend's units are not metres: its errors without alignment mean nothing"
)
OVER_GAPS: Final = "some RPE steps are longer than a frame: frames between were not compared"
SQUEEZED: Final = 0.01  # of the logarithm of the proportions: more is told
CUT: Final = 0.1  # more comes from no rounding to a network's patches
WHOLE: Final = 1e-3  # of the weights of a bicubic mean that pixels without depth may have
NOT_METRIC: Final = "the frontend's units are not metres: its scale error means nothing"


def measure_pose(job: SequenceJob) -> Measured:
    """ATE and RPE, or the angles of all pairs."""
    true = job.true_poses()
    answers = job.answers("poses")
    known = [i for i in job.indices if np.isfinite(true[i]).all()]
    placed = [i for i in known if i in answers.frames]
    if len(placed) < 2:
        raise InputError(f"{len(placed)} of {len(known)} frames were placed: nothing to compare")
    compared = placed
    notes: tuple[str, ...] = () if answers.is_metric else (NOT_METRIC,)
    if job.protocol.pose.poses == "keyframes":
        compared, notes = _keyframes(placed, answers, notes)
    estimate = np.array([answers.frames[i].T_world_camera for i in compared])
    if job.protocol.pose.metric == "pairs":
        metrics = _pairs(estimate, true[compared], job.protocol.pose.thresholds)
    else:
        times = job.sequence.timestamps[compared]
        with_scale = job.protocol.pose.alignment == "sim3"
        metrics = pose_errors(estimate, true[compared], times, with_scale).to_dict()
        first, last = (job.indices.index(compared[end]) for end in (0, -1))
        notes += (OVER_GAPS,) if last - first + 1 > len(compared) else ()
    return _measured(job, metrics, answers, (len(known), len(placed)), notes)


def _keyframes(
    placed: list[int], answers: Answers, notes: tuple[str, ...]
) -> tuple[list[int], tuple[str, ...]]:
    if not answers.keyframes:
        return placed, (*notes, "without a backend there are no keyframes: all frames are compared")
    chosen = set(answers.keyframes)
    return [i for i in placed if i in chosen], notes


def _pairs(estimate: np.ndarray, true: np.ndarray, thresholds: tuple[int, ...]) -> dict[str, float]:
    rotation, translation = pair_errors_deg(inverse(estimate), inverse(true))
    areas = {f"auc_{t}": area_under_curve(rotation, translation, t) for t in thresholds}
    medians = {
        "rotation_deg_median": float(np.median(rotation)),
        "translation_deg_median": float(np.median(translation)),
    }
    return {**areas, **medians, "pairs": float(len(rotation))}


def measure_video_depth(job: SequenceJob) -> Measured:
    """Depth of all frames, aligned once."""
    reader, answers = job.reader, job.answers("depth")
    predicted, true, judged = [], [], 0
    for index in job.indices:
        depth = reader.true_depth(index)
        valid = valid_depth(depth, job.protocol.depth.max_depth)
        judged += int(valid.sum())
        answer = answers.frames.get(index)
        if answer is None or answer.map is None:
            continue
        ours = resized_depth(answer.map * np.float32(answer.scale), depth.shape)
        valid &= ours > 0
        predicted.append(ours[valid])
        true.append(depth[valid])
    if not predicted:
        raise InputError(f"not one of {len(job.indices)} frames has a depth prediction")
    pixels = np.concatenate(predicted), np.concatenate(true)
    answered = len(predicted)
    predicted.clear()
    true.clear()
    metrics = _depth_metrics(job, *pixels, judged)
    notes = _unit_notes(job.protocol.depth.alignments, answers.is_metric)
    notes += _shape_notes(job, answers)
    return _measured(job, metrics, answers, (len(job.indices), answered), notes)


def _unit_notes(alignments: tuple[str, ...], is_metric: bool) -> tuple[str, ...]:
    return (NOT_METRIC_DEPTH,) if "metric" in alignments and not is_metric else ()


def _shape_notes(job: SequenceJob, answers: Answers) -> tuple[str, ...]:
    shapes = {answer.map.shape for answer in answers.frames.values() if answer.map is not None}
    shown = job.reader.frame(job.indices[0]).image.shape
    return tuple(note for shape in sorted(shapes) for note in proportion_notes(shape, shown))


def proportion_notes(predicted: tuple[int, ...], shown: tuple[int, ...]) -> tuple[str, ...]:
    """Of a map (h, w, ...) for an image (H, W, ...) of other proportions.

    Rounding to whole patches squeezes a little. InputError where the image must have been cut, so
    that pixels would be compared with others.
    """
    change = abs(math.log(predicted[1] / predicted[0] * shown[0] / shown[1]))
    sizes = f"predictions of {predicted[1]}x{predicted[0]} for images of {shown[1]}x{shown[0]}"
    if change > CUT:
        raise InputError(
            f"{sizes}: the frontend cuts its images, so the pixels do not correspond; take a "
            "protocol with this frontend's own image loader"
        )
    return (f"{sizes}: compared as if squeezed, not cut",) if change > SQUEEZED else ()


def _depth_metrics(
    job: SequenceJob, predicted: np.ndarray, true: np.ndarray, judged: int
) -> dict[str, float]:
    """Of pixels (N,); judged: pixels with a true depth, predicted or not."""
    options, metrics = job.protocol.depth, {}
    everything = np.ones(len(true), bool)
    for alignment in options.alignments:
        errors = depth_errors(predicted, true, everything, alignment, options.clip)
        metrics.update(_named(errors, alignment))
    return {
        **metrics,
        "valid_pixels": float(len(true)),
        "pixel_coverage": len(true) / max(judged, 1),
    }


def _named(errors: DepthErrors, alignment: str) -> dict[str, float]:
    values = errors.to_dict()
    del values["valid_pixels"]
    return {f"{alignment}.{name}": value for name, value in values.items()}


def measure_mono_depth(job: SequenceJob) -> Measured:
    """Depth of each frame alone, aligned each by itself; the mean is weighted by valid pixels."""
    reader, options = job.reader, job.protocol.depth
    frontend = job.frontend(job.request.config(job.sequence.name))
    collected: dict[str, list[DepthErrors]] = {name: [] for name in options.alignments}
    judged, notes = [0], set(_unit_notes(options.alignments, frontend.is_metric))

    def take(index: int, depth: np.ndarray | None) -> None:
        true = reader.true_depth(index)
        valid = valid_depth(true, options.max_depth)
        judged[0] += int(valid.sum())
        if depth is None:
            return
        notes.update(proportion_notes(depth.shape, reader.frame(index).image.shape))
        ours = resized_depth(depth, true.shape)
        valid &= ours > 0
        if not valid.any():
            return
        for name, errors in collected.items():
            errors.append(depth_errors(ours, true, valid, name, options.clip))

    seconds = answers_one_by_one(frontend, job.frames(), take)
    answered = len(collected[options.alignments[0]])
    if not answered:
        raise InputError(
            f"none of {len(job.indices)} frames has a pixel with a true depth and a prediction"
        )
    metrics, pixels = {}, 0
    for name, errors in collected.items():
        mean = pixel_mean(errors)
        metrics.update(_named(mean, name))
        pixels = mean.valid_pixels
    metrics["valid_pixels"] = float(pixels)
    metrics["pixel_coverage"] = pixels / max(judged[0], 1)
    frames = len(job.indices)
    return Measured(metrics, frames, answered, frames, seconds, tuple(sorted(notes)))


def resized_depth(depth: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Depth (h, w) at another size (H, W), bicubic; 0 where a pixel with a weight in it has none.

    What is not finite or not positive is no depth.
    """
    there = np.isfinite(depth) & (depth > 0)
    known = np.where(there, depth, np.float32(0))
    if depth.shape == shape:
        return known
    size = (shape[1], shape[0])
    smooth = cv2.resize(known, size, interpolation=cv2.INTER_CUBIC)
    weight = cv2.resize(there.astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    return np.where(np.abs(weight - 1) < WHOLE, smooth, np.float32(0))


def measure_reconstruction(job: SequenceJob) -> Measured:
    """Points of the selected views against the true ones."""
    true = job.true_poses()
    answers = job.answers("points")
    known = [i for i in job.indices if np.isfinite(true[i]).all()]
    compared = [i for i in known if i in answers.frames]
    if not compared:
        raise InputError(f"none of {len(known)} views was placed: nothing to compare")
    metrics = compare_clouds(job, answers, compared)
    notes = _shape_notes(job, answers)
    return _measured(job, metrics, answers, (len(known), len(compared)), notes)


def _measured(
    job: SequenceJob,
    metrics: dict[str, float],
    answers: Answers,
    coverage: tuple[int, int],
    notes: tuple[str, ...] = (),
) -> Measured:
    """coverage: frames that should have been compared, and were."""
    if answers.unplaced:
        notes = (*notes, f"{answers.unplaced} predictions lie in a stretch that nothing joins")
    return Measured(metrics, *coverage, len(job.indices), answers.seconds, notes)


TASKS: Final[dict[str, Task]] = {
    "pose": measure_pose,
    "video-depth": measure_video_depth,
    "mono-depth": measure_mono_depth,
    "reconstruction": measure_reconstruction,
}
