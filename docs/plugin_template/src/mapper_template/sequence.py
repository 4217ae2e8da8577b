"""A reader: one .frames.npz file with images, depths in metres and fx, fy, cx, cy."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mapper import Frame, InputError, Intrinsics
from mapper.io.sequences.published.formats import Format
from mapper.io.sequences.sequence import NumberedFrames

SUFFIX = ".frames.npz"


class NpzSequence(NumberedFrames):
    """See mapper.io.sequences.sequence.Sequence for what each attribute means."""

    kind = "template-npz"
    camera_kind = None
    ground_truth = None
    has_depth = True
    notes = ()

    def __init__(self, path: Path) -> None:
        try:
            with np.load(path) as arrays:
                self._images, self._depths = arrays["images"], arrays["depths"]
                camera = arrays["camera"].tolist()
        except (OSError, KeyError, ValueError) as error:
            raise InputError(f"{path}: no images, depths and camera in it ({error})") from error
        height, width = self._images.shape[1:3]
        self.path, self.name = path, name_of(path)
        self.intrinsics = Intrinsics(*camera, width, height)
        self.timestamps = np.arange(len(self._images)) / 30
        self.lonely_times = np.empty(0)

    def __len__(self) -> int:
        return len(self._images)

    def _frame(self, index: int) -> Frame:
        seconds = float(self.timestamps[index])
        return Frame(index, seconds, self._images[index], self._depths[index], self.intrinsics)

    def close(self) -> None:
        """Nothing is open."""


def name_of(path: Path) -> str:
    return path.name.removesuffix(SUFFIX)


FORMAT = Format(
    recognises=lambda path: path.name.endswith(SUFFIX),
    open=lambda path, calibration, registration: NpzSequence(path),
    name_of=name_of,
)
