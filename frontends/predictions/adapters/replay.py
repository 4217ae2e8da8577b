"""What mapper run --save-predictions wrote: one file a prediction, read bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mapper.core.prediction_files import load_prediction, predictions_of
from mapper.errors import InputError
from mapper.frontends.predictions.adapter import Conventions, Piece

PATTERN = "[0-9]" * 6 + "-" + "[0-9]" * 3 + ".npz"


class ReplaySource:
    """One file a frame and segment; a frame without one was lost."""

    count: int | None = None
    has_poses = True

    def __init__(self, folder: Path) -> None:
        files = sorted(folder.glob(PATTERN))
        if not files:
            raise InputError(
                f"{folder}: no saved predictions; make them with mapper run --save-predictions"
            )
        self._folder = folder
        self.conventions = Conventions(
            is_metric=load_prediction(files[0]).is_metric, confidence="as the frontend gave it"
        )

    def pieces(self, index: int) -> list[Piece]:
        """By segment."""
        return [self._piece(path) for path in predictions_of(self._folder, index)]

    def _piece(self, path: Path) -> Piece:
        stored = load_prediction(path)
        return Piece(
            points=stored.pointmap,
            confidence=stored.confidence,
            pose=stored.T_world_camera,
            intrinsics=np.asarray(stored.intrinsics.matrix),
            image=stored.image,
            timestamp=stored.timestamp,
            segment=stored.segment,
            descriptor=stored.descriptor,
            noise=stored.noise,
        )


class ReplayAdapter:
    """A folder of predictions/000042-000.npz."""

    name = "replay"
    what = "ours: the folder of mapper run --save-predictions"

    def detect(self, path: Path) -> bool:
        """By the files' names."""
        return path.is_dir() and next(path.glob(PATTERN), None) is not None

    def open(self, path: Path) -> ReplaySource:
        """Raises InputError where there is none."""
        return ReplaySource(path)
