"""An adapter: depths and poses that a model of your own wrote into one .pred.npz file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mapper import InputError
from mapper.frontends.predictions.adapter import Conventions, Piece


class NpzSource:
    """See mapper.frontends.predictions.adapter.Source."""

    has_poses = True

    def __init__(self, path: Path) -> None:
        try:
            with np.load(path) as arrays:
                self._depths, self._poses = arrays["depths"], arrays["poses"]
                self._camera = arrays["camera"]
        except (OSError, KeyError, ValueError) as error:
            raise InputError(f"{path}: no depths, poses and camera in it ({error})") from error
        self.conventions = Conventions(pose="c2w", axes="opencv", is_metric=True)
        self.count = len(self._depths)

    def pieces(self, index: int) -> list[Piece]:
        return [
            Piece(
                depth=self._depths[index],
                pose=self._poses[index],
                intrinsics=self._camera,
            )
        ]


class NpzAdapter:
    name = "template-npz"
    what = "a .pred.npz file with depths (N, h, w), poses (N, 4, 4) and camera (3, 3)"

    def detect(self, path: Path) -> bool:
        return path.name.endswith(".pred.npz")

    def open(self, path: Path) -> NpzSource:
        return NpzSource(path)
