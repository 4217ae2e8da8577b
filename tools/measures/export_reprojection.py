"""Whether exported images show what was predicted there: tools measures.export_reprojection RUN
FOLDER, the latter written by mapper export --format colmap.

Each keyframe's points are projected by pycolmap into its exported image, by the model alone. The
colours found there must make the keyframe's own image again: how far apart the two are is measured
by aligning tiles of them, in pixels of the exported image. Neither a camera of the run nor what the
export believed about crops and sizes goes into it.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.geometry import backproject, transform
from mapper.core.sim3 import rigid_part, scale_of
from mapper.run.directory import RunDirectory
from mapper.saved.map import load_map
from mapper.saved.results import refinement_config

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64, UInt8

TILE: Final = 64  # pixels of the keyframe's image
FEWEST_POINTS: Final = 0.5  # of a tile: those without are filled with what is near, or mean nothing
SURE: Final = 0.8  # correlation of two tiles that show the same
STEPS: Final = 8  # of least squares
TEXTURE: Final = 6.0  # deviation of the grey levels; a bare wall tells no shift


@dataclass(frozen=True, slots=True)
class Reprojection:
    """shifts: (N,) pixels of the exported images, one a tile that tells; few where the images are
    not of the same thing. images: that were held against their keyframes. pixel: of the keyframe's
    image, in pixels of the exported ones."""

    shifts: Float64[np.ndarray, " n"]
    images: int
    pixel: float

    def __str__(self) -> str:
        median, most = np.median(self.shifts), np.percentile(self.shifts, 95)
        return (
            f"{self.images} images, {len(self.shifts)} tiles: off by {median:.2f} px (median), "
            f"{most:.2f} px (95 %), at full resolution; a pixel of the map is {self.pixel:.2f}"
        )


def measure(run: RunDirectory, folder: Path) -> Reprojection:
    """Of all keyframes that were exported."""
    import pycolmap

    model = pycolmap.Reconstruction(str(folder / "sparse" / "0"))
    images = {image.name: image for image in model.images.values()}
    saved = load_map(run)
    map_of = saved.maps_to_fuse(refinement_config(run), run.keyframes.load)
    shifts, sizes = [np.zeros(0)], []
    for keyframe in saved.keyframes:
        image = images.get(f"frame_{keyframe.frame_index:06d}.jpg")
        if image is None:
            continue
        source, S = map_of(keyframe.id), saved.poses[keyframe.id]
        shown = cv2.imread(str(folder / "images" / image.name))
        assert shown is not None, f"{image.name} is missing"
        pixels, has_point = projected(source, S, image)
        pixel = float(np.median(np.linalg.norm(np.diff(pixels, axis=1), axis=-1)))
        shifts.append(pixel * tile_shifts(source.image, shown[..., ::-1], pixels, has_point))
        sizes.append(pixel)
    if not sizes:
        raise SystemExit(f"{folder}: none of the run's keyframes is in it")
    return Reprojection(np.concatenate(shifts), len(sizes), float(np.median(sizes)))


def projected(
    source: KeyframeMap, S_world_keyframe: Float64[np.ndarray, "4 4"], image: Any
) -> tuple[Float64[np.ndarray, "h w 2"], Bool[np.ndarray, "h w"]]:
    """Where each pixel's point falls in the exported image, the first pixel's centre at (0, 0),
    and where there was a point; where there is none, as if it had the median depth."""
    has_point = source.depth > 0
    depth = np.where(has_point, source.depth, np.median(source.depth[has_point]))
    scale = np.float32(scale_of(S_world_keyframe))
    points = backproject((depth * scale).astype(np.float32), source.intrinsics)
    world = transform(rigid_part(S_world_keyframe), points.reshape(-1, 3).astype(np.float64))
    in_camera = image.cam_from_world() * world
    pixels = image.camera.img_from_cam(in_camera) - 0.5
    return np.asarray(pixels).reshape(*depth.shape, 2), has_point


def tile_shifts(
    worked: UInt8[np.ndarray, "h w 3"],
    shown: UInt8[np.ndarray, "H W 3"],
    pixels: Float64[np.ndarray, "h w 2"],
    has_point: Bool[np.ndarray, "h w"],
) -> Float64[np.ndarray, " n"]:
    """How far tiles of the keyframe's image lie from the colours found at `pixels` (x, y) of the
    exported one, in pixels of the keyframe's; of tiles that lie in it and have texture."""
    factor = max(float(np.median(np.abs(np.diff(pixels[..., 0], axis=1)))), 1.0)
    blurred = cv2.GaussianBlur(shown, (0, 0), 0.4 * factor) if factor > 1.2 else shown
    x, y = pixels[..., 0].astype(np.float32), pixels[..., 1].astype(np.float32)
    found = cv2.remap(blurred, x, y, cv2.INTER_LINEAR)
    inside = (x >= 0) & (y >= 0) & (x <= shown.shape[1] - 1) & (y <= shown.shape[0] - 1)
    mine, theirs = (_grey(image) for image in (worked, found))
    side = min(TILE, *has_point.shape)
    window = cv2.createHanningWindow((side, side), cv2.CV_32F)
    shifts = []
    for top in range(0, has_point.shape[0] - side + 1, side):
        for left in range(0, has_point.shape[1] - side + 1, side):
            part = slice(top, top + side), slice(left, left + side)
            if not inside[part].all() or has_point[part].mean() < FEWEST_POINTS:
                continue
            if mine[part].std() < TEXTURE:
                continue
            shift = _shift(mine[part], theirs[part], window)
            if shift is not None:
                shifts.append(shift)
    return np.array(shifts)


def _shift(mine: np.ndarray, theirs: np.ndarray, window: np.ndarray) -> float | None:
    """Pixels between two tiles: a start by phase, which is coarse, then least squares of the
    colours, whose gain may differ; None where the tiles are not of the same thing."""
    # It multiplies what it is given by the window, so it is given copies.
    way = np.array(cv2.phaseCorrelate(mine.copy(), theirs.copy(), window)[0])
    weight = np.sqrt(window).ravel()
    for _ in range(STEPS):
        moved = _moved(theirs, way)
        slopes = [cv2.Scharr(moved, cv2.CV_32F, *axis) / 32 for axis in ((1, 0), (0, 1))]
        columns = [*slopes, moved, np.ones_like(moved)]
        A = np.stack([column.ravel() * weight for column in columns], 1)
        step = np.linalg.lstsq(A, mine.ravel() * weight, rcond=None)[0]
        way = way + step[:2] / max(float(step[2]), 0.1)
        if np.abs(way).max() > len(mine) / 2:
            return None
    inner = window > 0.5
    alike = np.corrcoef(mine[inner], _moved(theirs, way)[inner])[0, 1]
    return float(np.hypot(*way)) if alike > SURE else None


def _moved(tile: np.ndarray, way: np.ndarray) -> np.ndarray:
    """The tile read at every pixel plus `way` (x, y)."""
    motion = np.array([[1, 0, way[0]], [0, 1, way[1]]], np.float64)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(
        tile, motion, tile.shape[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE
    )


def _grey(image: UInt8[np.ndarray, "h w 3"]) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    print(measure(RunDirectory.open(arguments.run), arguments.folder))


if __name__ == "__main__":
    main()
