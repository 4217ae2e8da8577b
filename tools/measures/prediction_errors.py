"""How wrong a network's predictions are of rooms, as the simulation's settings tell it.

    python tools measures.prediction_errors [--frontend stream3r-mini] [--weights PATH] [--rooms 30]
        [--split validation] [--set KEY=VALUE] [--out simulation.yaml]

Every frame of a walk through each room is shown to the frontend. Errors of depth are logarithms of
predicted over true depth: of a whole map (its bias, and how the scale wanders off), of the cells of
a coarse grid (warp), and what is left of each pixel (noise, and how far it is alike around it).
Motions from frame to frame are compared at the walk's best scale. Confidence is set against error.
Sizes are told by medians; how much farther the largest errors lie, by their tails.
What is printed can be read by `tools/simulate_predictions.py --errors FILE`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import yaml
from scipy.spatial.transform import Rotation
from simulation.confidence import WINDOW, foretold
from simulation.config import (
    ConfidenceConfig,
    DepthErrorConfig,
    DriftConfig,
    SimulationConfig,
    TailConfig,
)
from simulation.depth_errors import GRID
from simulation.processes import MIDDLE

from mapper.config.loader import load_config
from mapper.core.geometry import inverse
from mapper.core.prediction import Prediction
from mapper.train.data.room_files import FIRST_SEEDS, RoomFiles
from measures.mini_clips import Clip, room_clips
from measures.minis import frontend_of, true_depth

SHORT, LONG = 5, 25  # frames between which the bias of depth is told from the scale's wandering
TO_SIGMA: Final = 1.4826  # of a median of absolute values
FEWEST: Final = 50  # pixels of a cell
# Shares of the errors by which tails are told, and the standard deviations within which lie so many
# of normal ones; the last share of all are the farthest.
SHARES, NORMAL = (0.75, 0.9, 0.95, 0.99), (1.150, 1.645, 1.960, 2.576)
SELDOM: Final = 0.999
LARGEST: Final = 3.0  # times the usual error: more counts as that where likeness is told


@dataclass(frozen=True, slots=True)
class Errors:
    """Of a walk of N frames.

    bias: (N,), warp: (N, cells), NaN = too little seen. left: (M,), what is left of every 16th
    pixel's error. alike: (N,), share of the image's width over which that is alike (1/e).
    rotation: degrees, and translation: metres, (N - 1, 3). around: (M,), the mean error around
    every 16th pixel, a share of the depth, and confidence: (M,), log(confidence - 1) there. white:
    share of confidence's variance that is a pixel's own.
    """

    bias: np.ndarray
    warp: np.ndarray
    left: np.ndarray
    alike: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray
    around: np.ndarray
    confidence: np.ndarray
    white: float


@dataclass(frozen=True, slots=True)
class FrameErrors:
    """Of one frame, as above."""

    bias: float
    warp: np.ndarray
    left: np.ndarray
    alike: float
    around: np.ndarray
    confidence: np.ndarray
    white: float


def walk_errors(clip: Clip, said: list[Prediction]) -> Errors:
    """Of a clip of which every frame was answered."""
    frames = [frame_errors(one, true_depth(one, clip.depths[one.frame_index])) for one in said]
    rotation, translation = motion_errors(
        np.stack([one.T_world_camera for one in said]), clip.T_world_camera
    )
    return Errors(
        bias=np.array([one.bias for one in frames]),
        warp=np.stack([one.warp for one in frames]),
        left=np.concatenate([one.left for one in frames]),
        alike=np.array([one.alike for one in frames]),
        rotation=rotation,
        translation=translation,
        around=np.concatenate([one.around for one in frames]),
        confidence=np.concatenate([one.confidence for one in frames]),
        white=float(np.mean([one.white for one in frames])),
    )


def frame_errors(one: Prediction, true: np.ndarray) -> FrameErrors:
    """true: (h, w) at the prediction's pixels, 0 = unknown."""
    known = (true > 0) & (one.depth > 0)
    error = np.where(known, np.log(np.where(known, one.depth, 1) / np.where(known, true, 1)), 0)
    bias = float(np.median(error[known]))
    left, cells = _without_warp(error - bias, known)
    usual = max(_usual(left[known]), 1e-6)
    size = np.abs(np.where(known, error - bias, 0)).astype(np.float32)
    said = np.log(np.maximum(one.confidence - 1, 1e-6))
    return FrameErrors(
        bias=bias,
        warp=cells,
        left=left[known][::16],
        alike=_extent(np.clip(left / usual, -LARGEST, LARGEST), known),
        around=cv2.blur(size, WINDOW)[known][::16],
        confidence=said[known][::16],
        white=max(1 - _likeness(said - said.mean(), np.ones_like(known), 1), 0.0),
    )


def _usual(errors: np.ndarray) -> float:
    """The standard deviation of a normal distribution with that middle half."""
    return float(np.median(np.abs(errors)) / MIDDLE)


def _likeness(values: np.ndarray, known: np.ndarray, gap: int) -> float:
    """Correlation (of values around 0) of pixels that lie so far from each other in a row."""
    both = known[:, :-gap] & known[:, gap:]
    product = (values[:, :-gap] * values[:, gap:])[both]
    return float(product.mean() / max((values[known] ** 2).mean(), 1e-12)) if both.any() else 0.0


def _extent(values: np.ndarray, known: np.ndarray) -> float:
    """Share of the width at which the correlation falls below 1/e, 0 where neighbours' does."""
    before, level = 1.0, np.exp(-1)
    for gap in range(1, values.shape[1] // 2):
        now = _likeness(values, known, gap)
        if now < level:
            lies = gap - 1 + (before - level) / (before - now)
            return lies / values.shape[1] if gap > 1 else 0.0
        before = now
    return 0.5


def _without_warp(error: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is left after the medians of the grid's cells, and these, row by row."""
    left, cells = error.copy(), []
    rows = np.array_split(np.arange(len(error)), GRID[0])
    columns = np.array_split(np.arange(error.shape[1]), GRID[1])
    for row in rows:
        for column in columns:
            cell = np.ix_(row, column)
            seen = error[cell][known[cell]]
            cells.append(np.median(seen) if len(seen) >= FEWEST else np.nan)
            left[cell] -= np.nan_to_num(cells[-1])
    return left, np.array(cells)


def motion_errors(T: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Degrees and metres, (N - 1, 3) each, in the camera's axes, at the best scale."""
    ours, theirs = (inverse(poses[:-1]) @ poses[1:] for poses in (T, true))
    turns = Rotation.from_matrix(np.swapaxes(theirs[:, :3, :3], 1, 2) @ ours[:, :3, :3])
    moved, truly = ours[:, :3, 3], theirs[:, :3, 3]
    scale = float((moved * truly).sum() / max((moved * moved).sum(), 1e-12))
    return np.degrees(turns.as_rotvec()), scale * moved - truly


def fitted(walks: list[Errors]) -> SimulationConfig:
    """The settings whose errors are like these."""
    bias = [one.bias - one.bias.mean() for one in walks]
    short, long = (_spread(bias, gap) for gap in (SHORT, LONG))
    wander = np.sqrt(max(long - short, 0.0) / (LONG - SHORT))
    still = np.sqrt(max(short - SHORT * wander**2, 0.0) / 2)
    drift = DriftConfig(
        **_amount("rotation_deg", "rotation_tails", [one.rotation for one in walks]),
        **_amount("translation", "translation_tails", [one.translation for one in walks]),
        log_scale=_rounded(wander),
        correlation_frames=_rounded(_lasting([one.rotation for one in walks])),
    )
    depth = DepthErrorConfig(
        bias=_rounded(still),
        **_amount("warp", "warp_tails", [one.warp for one in walks]),
        **_amount("noise", "noise_tails", [one.left for one in walks]),
        noise_extent=_rounded(np.median(np.concatenate([one.alike for one in walks]))),
        bias_correlation_frames=float(SHORT),
        warp_correlation_frames=_rounded(_lasting([np.nan_to_num(one.warp) for one in walks])),
    )
    confidence = fitted_confidence(walks)
    return SimulationConfig(width=112, drift=drift, depth=depth, confidence=confidence)


def fitted_confidence(walks: list[Errors]) -> ConfidenceConfig:
    """What confidence tells of the errors around it."""
    around = np.concatenate([one.around for one in walks])
    said = np.concatenate([one.confidence for one in walks])
    typical = float(np.exp(np.log(around + 1e-6).mean()))
    known = foretold(around, typical)
    return ConfidenceConfig(
        level=_rounded(said.mean()),
        spread=_rounded(said.std()),
        correlation=_rounded(max(float(np.corrcoef(known, said)[0, 1]), 0.0)),
        typical_error=_rounded(typical),
        white=_rounded(np.mean([one.white for one in walks])),
    )


def _amount(name: str, tails: str, walks: list[np.ndarray]) -> dict[str, Any]:
    """Settings of the usual size and the tails of errors around 0, NaN = unknown."""
    errors = np.concatenate([one.ravel() for one in walks])
    errors = errors[np.isfinite(errors)]
    size = _usual(errors)
    return {name: _rounded(size), tails: tails_of(errors / max(size, 1e-12))}


def tails_of(errors: np.ndarray) -> TailConfig:
    """Of errors whose usual size is 1."""
    sizes = np.abs(errors)
    grown = np.log(np.maximum(np.quantile(sizes, SHARES), 1e-9) / NORMAL)
    expected = (np.square(NORMAL) - MIDDLE**2) / 2  # of weight 1
    weight = max(float((grown @ expected) / (expected @ expected)), 0.0)
    return TailConfig(_rounded(weight), _rounded(np.quantile(sizes, SELDOM)))


def _spread(walks: list[np.ndarray], gap: int) -> float:
    """Mean square of what changes within so many frames."""
    return float(np.concatenate([(one[gap:] - one[:-gap]) ** 2 for one in walks]).mean())


def _lasting(walks: list[np.ndarray]) -> float:
    """Frames after which an error has forgotten itself, by the correlation of neighbours."""
    same = sum(float((one**2).sum()) * (len(one) - 1) / len(one) for one in walks)
    next_to = sum(float((one[1:] * one[:-1]).sum()) for one in walks)
    share = min(max(next_to / max(same, 1e-12), 1e-3), 0.999)
    return float(-1 / np.log(share))


def _rounded(value: float | np.floating) -> float:
    return float(f"{float(value):.3g}")


def measured(frontend_config: list[str], clips: Iterable[Clip]) -> list[Errors]:
    """Every clip of which every frame is answered."""
    frontend = frontend_of(load_config(None, frontend_config))
    walks = []
    for clip in clips:
        frontend.reset()
        said = [prediction for frame in clip.frames for prediction in frontend.step(frame)]
        if len(said) == len(clip.frames):
            walks.append(walk_errors(clip, said))
    return walks


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frontend", default="stream3r-mini")
    parser.add_argument("--weights", default="", metavar="PATH", help="others than those shipped")
    parser.add_argument("--rooms", type=int, default=30, metavar="N")
    parser.add_argument("--split", choices=tuple(FIRST_SEEDS), default="validation")
    parser.add_argument("--set", action="append", default=[], dest="changes", metavar="KEY=VALUE")
    parser.add_argument("--out", type=Path, metavar="FILE")
    options = parser.parse_args()
    settings = options.frontend.replace("-", "_")
    changes = [f"frontend={options.frontend}", f"{settings}.min_confidence=0", *options.changes]
    if options.weights:
        changes.append(f"weights={options.weights}")
    walks = measured(changes, room_clips(RoomFiles(options.split), range(options.rooms), 1))
    text = yaml.safe_dump(asdict(fitted(walks)), sort_keys=False)
    print(text)
    left = np.concatenate([one.left for one in walks])
    far = float((np.abs(left) > 3 * _usual(left)).mean())
    print(f"{far:.1%} of pixels lie beyond three times the usual noise")
    if options.out is not None:
        options.out.write_text(text)


if __name__ == "__main__":
    main()
