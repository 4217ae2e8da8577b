"""A folder of saved predictions as a dataset: what they say is taken for the truth.

With it one measures how far one set of predictions is from another: simulated from exact ones
(tools/simulate_predictions.py --exact), or a model's in half from those in full precision.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from mapper.core.prediction_files import load_prediction, load_prediction_pose
from mapper.errors import InputError
from mapper.io.datasets.dataset import BenchSequence

NAME: Final = "predictions"


@dataclass(frozen=True, slots=True)
class PredictionDataset:
    """One sequence, named after the folder, with the first prediction of each frame."""

    root: Path
    name: str = NAME

    def names(self) -> list[str]:
        """See mapper.io.datasets.dataset.Dataset."""
        if not any(self.root.glob("*.npz")):
            raise InputError(
                f"{self.root}: no saved predictions (000000-000.npz) here; make them with mapper "
                "run --save-predictions"
            )
        return [self.root.resolve().name]

    def sequence(self, name: str) -> BenchSequence:
        """Its images, depths and poses; frames without a prediction do not exist."""
        if name not in self.names():
            raise InputError(f"{self.root}: no sequence {name!r} here, only {self.names()[0]!r}")
        files = _first_of_each_frame(self.root)
        facts = [load_prediction_pose(path) for path in files]
        frames = [frame for frame, _, _ in facts]
        if frames != list(range(len(frames))):
            raise InputError(f"{self.root}: a frame has no prediction; the truth needs all of them")
        return BenchSequence(
            name,
            files,
            np.array([time for _, time, _ in facts]),
            np.array([pose for _, _, pose in facts]),
            files,
            _depth,
            load_prediction(files[0]).intrinsics,
            None,
            read_image=_image,
        )

    def frame_count(self, name: str) -> int:
        """See mapper.io.datasets.dataset.Dataset."""
        return len(self.sequence(name))

    def sequences(self) -> list[BenchSequence]:
        """See mapper.io.datasets.dataset.Dataset."""
        return [self.sequence(name) for name in self.names()]


def _first_of_each_frame(root: Path) -> list[Path]:
    by_frame: dict[str, Path] = {}
    for path in sorted(root.glob("*.npz")):
        by_frame.setdefault(path.stem.partition("-")[0], path)
    return list(by_frame.values())


def _image(path: Path) -> np.ndarray:
    return load_prediction(path).image


def _depth(path: Path) -> np.ndarray:
    return load_prediction(path).depth
