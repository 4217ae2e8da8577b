"""Depth Anything 3's exports npz and mini_npz: all frames in one results.npz."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mapper.frontends.predictions.adapter import Conventions
from mapper.frontends.predictions.adapters.stacked import StackedNames, StackedSource
from mapper.frontends.predictions.arrays import names_of

# Where an export folder holds it; npz has the images, too.
FILES: Final = ("exports/npz/results.npz", "exports/mini_npz/results.npz", "results.npz")
# depth (S, H, W), along z. conf (S, H, W). extrinsics (S, 3, 4): world to camera. intrinsics
# (S, 3, 3). image (S, H, W, 3), bytes. The monocular models have neither cameras nor confidence.
NAMES: Final = StackedNames(
    depth=("depth",),
    world_points=(),
    confidence={"depth": "conf"},
    poses=("extrinsics",),
    intrinsics=("intrinsics",),
    images=("image",),
)
CONVENTIONS: Final = Conventions(
    pose="w2c", axes="opencv", is_metric=False, confidence="1 + exp of the head's answer"
)


class Da3Adapter:
    """One file with depth, and mostly conf, extrinsics and intrinsics."""

    name = "da3"
    what = "Depth Anything 3: results.npz of the exports npz or mini_npz"

    def detect(self, path: Path) -> bool:
        """By its depth with one of the names that go with it here."""
        names = names_of(_file(path))
        return "depth" in names and bool({"extrinsics", "conf", "image"} & names)

    def open(self, path: Path) -> StackedSource:
        """Without extrinsics its depths are placed by their images."""
        return StackedSource(_file(path), NAMES, CONVENTIONS)


def _file(path: Path) -> Path:
    if not path.is_dir():
        return path
    return next((path / name for name in FILES if (path / name).exists()), path / FILES[-1])
