"""How wrong a network's predictions are of rooms, as the simulation's settings tell it.

    python tools measures.prediction_errors [--frontend stream3r-mini] [--weights PATH] [--rooms 30]
        [--split validation] [--set KEY=VALUE] [--out simulation.yaml]

Every frame of a walk through each room is shown to the frontend. Errors of depth are logarithms of
predicted over true depth: of a whole map (its bias, and how the scale wanders off), of the cells of
a coarse grid (warp), and what is left of each pixel (noise, by its median, as tails are long).
Motions from frame to frame are compared at the walk's best scale. Confidence is set against error.
What is printed can be read by `tools/simulate_predictions.py --errors FILE`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import yaml
from scipy.spatial.transform import Rotation
from simulation.confidence import LEAST_ERROR, TYPICAL_ERROR, WINDOW, WORST
from simulation.config import ConfidenceConfig, DepthErrorConfig, DriftConfig, SimulationConfig
from simulation.depth_errors import GRID

from mapper.config.loader import load_config
from mapper.core.geometry import inverse
from mapper.core.prediction import Prediction
from mapper.train.data.room_files import FIRST_SEEDS, RoomFiles
from measures.mini_clips import Clip, room_clips
from measures.minis import frontend_of, true_depth

SHORT, LONG = 5, 25  # frames between which the bias of depth is told from the scale's wandering
TO_SIGMA: Final = 1.4826  # of a median of absolute values
FEWEST: Final = 50  # pixels of a cell


@dataclass(frozen=True, slots=True)
class Errors:
    """Of a walk of N frames. bias: (N,), warp: (N, cells), NaN = too little seen. noise: a number a
    frame. rotation: degrees, and translation: metres, (N - 1, 3). confidence: pairs (M, 2) of what
    the error foretells and log(confidence - 1). far: share of pixels beyond three sigma."""

    bias: np.ndarray
    warp: np.ndarray
    noise: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray
    confidence: np.ndarray
    far: float


def walk_errors(clip: Clip, said: list[Prediction]) -> Errors:
    """Of a clip of which every frame was answered."""
    bias, warp, noise, pairs, far = [], [], [], [], []
    for one in said:
        true = true_depth(one, clip.depths[one.frame_index])
        known = (true > 0) & (one.depth > 0)
        error = np.where(known, np.log(np.where(known, one.depth, 1) / np.where(known, true, 1)), 0)
        bias.append(np.median(error[known]))
        left, cells = _without_warp(error - bias[-1], known)
        warp.append(cells)
        noise.append(TO_SIGMA * np.median(np.abs(left[known])))
        far.append(float((np.abs(left[known]) > 3 * noise[-1]).mean()))
        pairs.append(_foretold(error - bias[-1], known, one.confidence))
    rotation, translation = motion_errors(
        np.stack([one.T_world_camera for one in said]), clip.T_world_camera
    )
    return Errors(
        np.array(bias), np.array(warp), np.array(noise), rotation, translation,
        np.concatenate(pairs), float(np.mean(far)),
    )  # fmt: skip


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


def _foretold(error: np.ndarray, known: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """Every 16th pixel: what the simulation foretells of its error, and the confidence."""
    around = cv2.blur(np.abs(error).astype(np.float32), WINDOW)
    z = np.maximum(-np.log((around + LEAST_ERROR) / TYPICAL_ERROR), WORST)
    said = np.log(np.maximum(confidence - 1, 1e-6))
    return np.stack([z[known][::16], said[known][::16]], 1)


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
    turns = np.concatenate([one.rotation for one in walks])
    shifts = np.concatenate([one.translation for one in walks])
    pairs = np.concatenate([one.confidence for one in walks])
    drift = DriftConfig(
        rotation_deg=_rounded(np.sqrt((turns**2).mean())),
        translation=_rounded(np.sqrt((shifts**2).mean())),
        log_scale=_rounded(wander),
        correlation_frames=_rounded(_lasting([one.rotation for one in walks])),
    )
    depth = DepthErrorConfig(
        bias=_rounded(still),
        warp=_rounded(np.sqrt(np.nanmean(np.concatenate([one.warp for one in walks]) ** 2))),
        noise=_rounded(np.mean(np.concatenate([one.noise for one in walks]))),
        bias_correlation_frames=float(SHORT),
        warp_correlation_frames=_rounded(_lasting([np.nan_to_num(one.warp) for one in walks])),
    )
    confidence = ConfidenceConfig(
        level=_rounded(pairs[:, 1].mean()),
        spread=_rounded(pairs[:, 1].std()),
        correlation=_rounded(max(float(np.corrcoef(pairs.T)[0, 1]), 0.0)),
    )
    return SimulationConfig(width=112, drift=drift, depth=depth, confidence=confidence)


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
    print(f"{np.mean([one.far for one in walks]):.1%} of pixels lie beyond three sigma")
    if options.out is not None:
        options.out.write_text(text)


if __name__ == "__main__":
    main()
