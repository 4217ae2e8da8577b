"""VGGT's predictions.npz, as its demo saves it: all frames in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mapper.frontends.predictions.adapter import Conventions
from mapper.frontends.predictions.adapters.stacked import StackedNames, StackedSource
from mapper.frontends.predictions.arrays import NpzFile, names_of

FILE: Final = "predictions.npz"
# extrinsic (S, 3, 4): world to camera. intrinsic (S, 3, 3). depth (S, H, W, 1), else world_points
# (S, H, W, 3): the former with the cameras is the more exact. images (S, 3, H, W) of 0 to 1.
NAMES: Final = StackedNames(
    depth=("depth",),
    world_points=("world_points", "world_points_from_depth"),
    confidence={
        "depth": "depth_conf",
        "world_points": "world_points_conf",
        "world_points_from_depth": "depth_conf",
    },
    poses=("extrinsic",),
    intrinsics=("intrinsic",),
    images=("images",),
)
CONVENTIONS: Final = Conventions(
    pose="w2c", axes="opencv", is_metric=False, confidence="1 + exp of the head's answer"
)


class VggtAdapter:
    """One file with extrinsic, intrinsic and depth or world_points."""

    name = "vggt"
    what = "VGGT: predictions.npz with extrinsic, intrinsic, depth or world_points"

    def detect(self, path: Path) -> bool:
        """By the singular names of its cameras."""
        return bool({"extrinsic", "intrinsic"} & names_of(_file(path)))

    def open(self, path: Path) -> StackedSource:
        """Cameras must be there: without them its depths have no place."""
        file = NpzFile(_file(path))
        for name in ("extrinsic", "intrinsic"):
            file.first_of([name])
        file.close()
        return StackedSource(_file(path), NAMES, CONVENTIONS)


def _file(path: Path) -> Path:
    return path / FILE if path.is_dir() else path
