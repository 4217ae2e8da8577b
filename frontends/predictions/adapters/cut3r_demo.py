"""The folder that CUT3R's demo writes: camera, depth, conf and color, a file a frame in each."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mapper.errors import InputError
from mapper.frontends.predictions.adapter import Conventions, Piece
from mapper.frontends.predictions.arrays import NpzFile, read_npy
from mapper.frontends.predictions.images import read_rgb
from mapper.frontends.predictions.names import by_name

# camera/000000.npz: pose (4, 4), camera to world, and intrinsics (3, 3). depth and conf: .npy
# (H, W). color: PNG. Depths are those of the points in the frame's own camera.
CONVENTIONS: Final = Conventions(
    pose="c2w", axes="opencv", is_metric=False, confidence="1 + exp of the head's answer"
)


class Cut3rDemoSource:
    """A file a frame in each of the folders, in the order of their names."""

    conventions = CONVENTIONS
    has_poses = True

    def __init__(self, folder: Path) -> None:
        self._cameras = by_name(folder / "camera", (".npz",))
        self._depths = by_name(folder / "depth", (".npy",))
        self._confidences = by_name(folder / "conf", (".npy",))
        self._images = by_name(folder / "color", (".png", ".jpg"))
        self.count: int | None = len(self._cameras)
        for name, files in (("camera", self._cameras), ("depth", self._depths)):
            if not files:
                raise InputError(f"{folder}: no files in {name}/, which CUT3R's demo writes")
        every = {"depth": self._depths, "conf": self._confidences, "color": self._images}
        for name, files in every.items():
            if files and len(files) != self.count:
                raise InputError(
                    f"{folder}: {self.count} files in camera/ and {len(files)} in {name}/: was "
                    "the demo broken off?"
                )

    def pieces(self, index: int) -> list[Piece]:
        """What the frame's files hold."""
        if index >= len(self._cameras):
            return []
        camera = NpzFile(self._cameras[index])
        pose = camera.array(camera.first_of(["pose"])).whole()
        intrinsics = camera.array(camera.first_of(["intrinsics"])).whole()
        camera.close()
        return [
            Piece(
                depth=read_npy(self._depths[index]),
                confidence=read_npy(self._confidences[index]) if self._confidences else None,
                pose=pose,
                intrinsics=intrinsics,
                image=read_rgb(self._images[index]) if self._images else None,
            )
        ]


class Cut3rDemoAdapter:
    """A folder with camera/ and depth/."""

    name = "cut3r-demo"
    what = "CUT3R's demo: a folder of camera/*.npz, depth/*.npy, conf/*.npy, color/*.png"

    def detect(self, path: Path) -> bool:
        """By its folders."""
        return (path / "camera").is_dir() and (path / "depth").is_dir()

    def open(self, path: Path) -> Cut3rDemoSource:
        """Raises InputError where files are missing."""
        return Cut3rDemoSource(path)
