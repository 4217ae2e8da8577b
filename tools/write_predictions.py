"""Write saved predictions anew, in the layout that another model would have saved them in.

    python tools/write_predictions.py SAVED --style vggt --out DIR
    mapper run SEQUENCE --frontend predictions --set predictions.path=DIR

SAVED is a folder of mapper run --save-predictions or of tools/simulate_predictions.py, with a
prediction of each frame and one segment. vggt and da3 are one file in DIR, written uncompressed;
cut3r-demo and per-frame a file a frame. depth keeps of each prediction the depth alone, as 16-bit
PNG, multiplied by a factor of each frame's own: what a monocular network knows.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from tqdm import tqdm

from mapper.core.geometry import inverse
from mapper.core.prediction import Prediction
from mapper.core.prediction_files import load_prediction
from mapper.errors import InputError, MapperError

FULL: Final = 60000  # of 16 bits, what the furthest point is written as


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("saved", type=Path)
    parser.add_argument("--style", choices=sorted(STYLES), required=True)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument("--seed", type=int, default=0, help="of depth's factors (%(default)s)")
    arguments = parser.parse_args()
    try:
        predictions = Saved(arguments.saved)
        arguments.out.mkdir(parents=True, exist_ok=True)
        STYLES[arguments.style](predictions, arguments.out, arguments.seed)
    except MapperError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{arguments.out}: {len(predictions)} predictions as {arguments.style}")
    return 0


class Saved:
    """The predictions of a folder, one a frame."""

    def __init__(self, folder: Path) -> None:
        self._files = sorted(folder.glob("*.npz"))
        frames = [int(path.stem.split("-")[0]) for path in self._files]
        if not frames or frames != list(range(len(frames))):
            raise InputError(f"{folder}: expected one prediction of each frame, from 0 on")
        if len({path.stem.split("-")[1] for path in self._files}) > 1:
            raise InputError(f"{folder}: several segments: other layouts have one world")

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> Prediction:
        return load_prediction(self._files[index])

    def stacked(self, of: Callable[[Prediction], np.ndarray]) -> np.ndarray:
        """What each prediction has of something, (S, ...)."""
        return np.stack([of(self[index]) for index in tqdm(range(len(self)), leave=False)])


def extrinsics(prediction: Prediction) -> np.ndarray:
    """World to camera, (3, 4), single precision as networks compute."""
    return inverse(prediction.T_world_camera)[:3].astype(np.float32)


def intrinsics(prediction: Prediction) -> np.ndarray:
    """(3, 3)."""
    return prediction.intrinsics.matrix.astype(np.float32)


def as_vggt(saved: Saved, out: Path, seed: int) -> None:
    """predictions.npz of the demo; images (S, 3, H, W) of 0 to 1, in half precision."""
    np.savez(
        out / "predictions.npz",
        extrinsic=saved.stacked(extrinsics),
        intrinsic=saved.stacked(intrinsics),
        depth=saved.stacked(lambda p: p.depth[..., None]),
        depth_conf=saved.stacked(lambda p: p.confidence),
        images=saved.stacked(lambda p: (p.image.transpose(2, 0, 1) / 255).astype(np.float16)),
    )


def as_da3(saved: Saved, out: Path, seed: int) -> None:
    """exports/npz/results.npz."""
    folder = out / "exports" / "npz"
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(
        folder / "results.npz",
        image=saved.stacked(lambda p: p.image),
        depth=saved.stacked(lambda p: p.depth),
        conf=saved.stacked(lambda p: p.confidence),
        extrinsics=saved.stacked(extrinsics),
        intrinsics=saved.stacked(intrinsics),
    )


def as_cut3r_demo(saved: Saved, out: Path, seed: int) -> None:
    """camera/, depth/, conf/ and color/."""
    for name in ("camera", "depth", "conf", "color"):
        (out / name).mkdir(exist_ok=True)
    for index in tqdm(range(len(saved)), leave=False):
        p, name = saved[index], f"{index:06d}"
        pose = p.T_world_camera.astype(np.float32)
        np.savez(out / "camera" / f"{name}.npz", pose=pose, intrinsics=intrinsics(p))
        np.save(out / "depth" / f"{name}.npy", p.depth)
        np.save(out / "conf" / f"{name}.npy", p.confidence)
        cv2.imwrite(str(out / "color" / f"{name}.png"), p.image[..., ::-1])


def as_per_frame(saved: Saved, out: Path, seed: int) -> None:
    """A file a frame, with points in the camera."""
    for index in tqdm(range(len(saved)), leave=False):
        p = saved[index]
        np.savez(
            out / f"{index:06d}.npz",
            pose=p.T_world_camera,
            pointmap=p.pointmap,
            confidence=p.confidence,
            intrinsics=p.intrinsics.matrix,
            image=p.image,
        )


def as_depth(saved: Saved, out: Path, seed: int) -> None:
    """16-bit PNG, of which the furthest point has a value drawn between a third of all and all."""
    rng = np.random.default_rng(seed)
    for index in tqdm(range(len(saved)), leave=False):
        depth = saved[index].depth
        full = FULL * np.exp(rng.uniform(np.log(1 / 3), 0.0))
        scaled = np.rint(depth * (full / max(float(depth.max()), 1e-6)))
        cv2.imwrite(str(out / f"{index:06d}.png"), scaled.astype(np.uint16))


STYLES: Final[dict[str, Callable[[Saved, Path, int], None]]] = {
    "vggt": as_vggt,
    "da3": as_da3,
    "cut3r-demo": as_cut3r_demo,
    "per-frame": as_per_frame,
    "depth": as_depth,
}


if __name__ == "__main__":
    sys.exit(main())
