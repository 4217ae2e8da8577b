"""Makes the predictions of a model that drifts, errs, forgets and is sometimes lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy.optimize import brentq

from mapper.core.geometry import backproject
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction import Prediction
from mapper.core.trajectory import Trajectory
from mapper.errors import ConfigError, InputError
from mapper.evaluate.metrics.trajectory import evaluate
from mapper.io.sequences.sequence import Sequence
from simulation.confidence import SimulatedConfidence
from simulation.config import SimulationConfig
from simulation.depth_errors import DepthErrors, smear_edges
from simulation.drift import simulate_drift
from simulation.images import Images, RealImages, RenderedImages, open_references
from simulation.outliers import MovingOutliers
from simulation.segments import Segment, lost_frames, split_into_segments
from simulation.texture import SurfaceTexture
from simulation.truth import DepthRenderer

NO_ERROR = 1e-9  # metres: less is rounding
GREATEST_FACTOR = 10.0  # by which a drift is scaled to meet an error


class PredictionSimulator:
    """Predictions of a sequence, whose truth are a mesh and poses (N, 4, 4), NaN = unknown."""

    def __init__(
        self,
        sequence: Sequence,
        renderer: DepthRenderer,
        T_world_camera: np.ndarray,
        config: SimulationConfig,
    ) -> None:
        self.config = config
        self.intrinsics = resized_camera(sequence, config.width)
        self.segments = simulated_segments(T_world_camera, config)
        self._sequence = sequence
        self._renderer = renderer
        self._poses = filled(T_world_camera)
        self._drift = simulate_drift(self._poses, config.drift, config.seed)
        self._outliers = MovingOutliers(config.outliers, config.seed)
        self._images = self._opened_images(T_world_camera)

    def __len__(self) -> int:
        """Number of predictions; the shared frame of two segments counts twice."""
        return sum(len(segment.frames) for segment in self.segments)

    def __iter__(self) -> Iterator[Prediction]:
        for segment in self.segments:
            yield from self._predictions(segment)

    def _opened_images(self, T_world_camera: np.ndarray) -> Images:
        config = self.config.images
        if config.source == "real":
            return RealImages(self._sequence, self.intrinsics)
        references = open_references(self._sequence, T_world_camera, config)
        texture = SurfaceTexture(self._renderer, references)
        return RenderedImages(self._renderer, texture, self.intrinsics, config, self.config.seed)

    def _predictions(self, segment: Segment) -> Iterator[Prediction]:
        config, count = self.config, len(self._poses)
        errors = DepthErrors(config.depth, config.seed, segment.id, count)
        confidence = SimulatedConfidence(config.confidence, config.seed, segment.id, count)
        poses = self._drift.poses(segment.frames, segment.scale)
        for frame, T_segment_camera in zip(segment.frames, poses, strict=True):
            truth = self._renderer.depth(self.intrinsics, self._poses[frame])
            depth, certainty = self._wrong_depth(frame, truth, errors, confidence)
            depth *= np.float32(segment.scale * self._drift.scale[frame])
            yield self._prediction(frame, segment.id, T_segment_camera, (depth, certainty))

    def _wrong_depth(
        self, frame: int, truth: np.ndarray, errors: DepthErrors, confidence: SimulatedConfidence
    ) -> tuple[np.ndarray, np.ndarray]:
        """Depth and confidence (H, W) of a frame, scale apart."""
        seen = truth > 0
        depth = smear_edges(truth, self.config.depth.edge_blur)
        depth = depth * np.exp(errors.log_error(frame, *truth.shape))
        relative = np.where(seen, depth - truth, 0) / np.where(seen, truth, np.float32(1))
        offset = self._outliers.log_offset(frame, *truth.shape)
        certainty = confidence.of(frame, relative, offset != 0)
        return depth * np.exp(offset), np.where(seen, certainty, np.float32(0))

    def _prediction(
        self, index: int, segment: int, T: np.ndarray, maps: tuple[np.ndarray, np.ndarray]
    ) -> Prediction:
        k = self.intrinsics
        stretch = 1 + self.config.focal_error
        return Prediction(
            frame_index=index,
            timestamp=float(self._sequence.timestamps[index]),
            pointmap=backproject(maps[0], k),
            confidence=maps[1],
            T_world_camera=T,
            intrinsics=replace(k, fx=k.fx * stretch, fy=k.fy * stretch),
            image=self._images.image(index, self._poses[index]),
            is_metric=self.config.metric,
            segment=segment,
        )


def resized_camera(sequence: Sequence, width: int) -> Intrinsics:
    """The sequence's camera at the predictions' width; the aspect stays."""
    camera = sequence.intrinsics
    if camera is None:
        raise InputError(f"{sequence.path}: the camera is unknown; give a calibration.yaml")
    return camera.resized(width, round(camera.height * width / camera.width))


def simulated_segments(T_world_camera: np.ndarray, config: SimulationConfig) -> list[Segment]:
    """The segments of all frames that have a true pose and are not lost."""
    lost = lost_frames(config)
    known = np.isfinite(T_world_camera).all((1, 2))
    predicted = [i for i in range(len(known)) if known[i] and i not in lost]
    if not predicted:
        raise InputError("no frame is left to predict: all are lost or lack a ground-truth pose")
    return split_into_segments(predicted, config)


def filled(T_world_camera: np.ndarray) -> np.ndarray:
    """Poses (N, 4, 4) in which unknown ones (NaN) repeat the last known, or the first."""
    known = np.isfinite(T_world_camera).all((1, 2))
    last = np.maximum.accumulate(np.where(known, np.arange(len(known)), -1))
    return T_world_camera[np.where(last < 0, int(np.argmax(known)), last)]


def raw_error(
    timestamps: np.ndarray, T_world_camera: np.ndarray, config: SimulationConfig
) -> float:
    """ATE (metres, RMSE after Sim(3) alignment) of the drifting poses, as if without resets."""
    drift = simulate_drift(filled(T_world_camera), config.drift, config.seed)
    frames = simulated_segments(T_world_camera, replace(config, reset_every=0))[0].frames
    times = timestamps[frames]
    estimate = Trajectory(times, drift.poses(frames))
    return evaluate(estimate, Trajectory(times, T_world_camera[frames])).ate_sim3.rmse


def drift_for_error(
    timestamps: np.ndarray, T_world_camera: np.ndarray, config: SimulationConfig, target: float
) -> SimulationConfig:
    """The drift, all of it scaled by one factor, whose raw error is `target` metres.

    Found by root search on the logarithms, because the error grows about as the factor does.
    Raises ConfigError where no factor up to GREATEST_FACTOR, or down to its inverse, has it.
    """

    def log_error(log_factor: float) -> float:
        scaled = replace(config, drift=config.drift.scaled(float(np.exp(log_factor))))
        error = raw_error(timestamps, T_world_camera, scaled)
        return float(np.log(max(error, NO_ERROR) / max(target, NO_ERROR)))

    limit = float(np.log(GREATEST_FACTOR))
    for reach in (limit / 4, limit / 2, limit):  # the error is not monotone: the nearest root
        if log_error(-reach) <= 0 <= log_error(reach):
            root = float(brentq(log_error, -reach, reach, xtol=1e-4))
            return replace(config, drift=config.drift.scaled(float(np.exp(root))))
    raise ConfigError(
        f"no drift up to {GREATEST_FACTOR:g} times as large or small has a raw ATE of {target} m; "
        "name another, or start from other drifts"
    )
