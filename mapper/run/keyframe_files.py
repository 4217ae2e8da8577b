"""Keyframes on disk: one compressed file each, written once when the keyframe is closed."""

from __future__ import annotations

import zipfile
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path

import cv2
import numpy as np

from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.depth_noise import DepthNoise
from mapper.core.intrinsics import Intrinsics
from mapper.core.npz import UNREADABLE
from mapper.errors import InputError
from mapper.runtime.atomic_files import atomic_write
from mapper.vision.local_features import LocalFeatures

COMPRESSION_LEVEL = 1  # the depth is noise: harder work would save little


class KeyframeFiles:
    """The MapStore of a run directory: keyframes/000042.npz, read back exactly as written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, keyframe_id: int) -> Path:
        """Where the map of a keyframe is kept."""
        return self._folder / f"{keyframe_id:06d}.npz"

    def save(self, keyframe: Keyframe, keyframe_map: KeyframeMap) -> None:
        """Write the map of a keyframe, once."""
        k = keyframe_map.intrinsics
        png = cv2.imencode(".png", keyframe_map.image[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])[
            1
        ]
        arrays = {
            "depth": keyframe_map.depth,
            "weight": keyframe_map.weight,
            "image_png": png,
            "intrinsics": np.array([k.fx, k.fy, k.cx, k.cy, k.width, k.height]),
            "noise": np.array(astuple(keyframe_map.noise)),
            "feature_pixels": keyframe.features.pixels,
            "feature_descriptors": keyframe.features.descriptors,
            "feature_points": keyframe.features.points,
        }
        if keyframe.descriptor is not None:
            arrays["descriptor"] = keyframe.descriptor
        with (
            atomic_write(self.path(keyframe.id), "wb") as file,
            zipfile.ZipFile(
                file, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION_LEVEL
            ) as archive,
        ):
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w") as member:
                    np.lib.format.write_array(member, array)

    def delete(self, keyframe_id: int) -> None:
        """Of a keyframe that is none any more; one that is left behind does no harm."""
        with suppress(OSError):
            self.path(keyframe_id).unlink()

    def load(self, keyframe_id: int) -> KeyframeMap:
        """The map of a keyframe as it was written."""
        arrays = self._read(keyframe_id, ("depth", "weight", "image_png", "intrinsics", "noise"))
        image = cv2.imdecode(arrays["image_png"], cv2.IMREAD_COLOR)
        if image is None:
            raise InputError(f"{self.path(keyframe_id)}: the image in it is damaged")
        fx, fy, cx, cy, width, height = arrays["intrinsics"]
        intrinsics = Intrinsics(fx, fy, cx, cy, int(width), int(height))
        return KeyframeMap(
            arrays["depth"],
            arrays["weight"],
            np.ascontiguousarray(image[..., ::-1]),
            intrinsics,
            DepthNoise(*arrays["noise"].tolist()),
        )

    def load_view(self, keyframe_id: int) -> tuple[LocalFeatures, Intrinsics, np.ndarray | None]:
        """What is known of a keyframe besides its map: features, camera, descriptor if any."""
        names = ("feature_pixels", "feature_descriptors", "feature_points")
        arrays = self._read(keyframe_id, (*names, "intrinsics"), ("descriptor",))
        fx, fy, cx, cy, width, height = arrays["intrinsics"]
        intrinsics = Intrinsics(fx, fy, cx, cy, int(width), int(height))
        features = LocalFeatures(*(arrays[name] for name in names))
        return features, intrinsics, arrays.get("descriptor")

    def _read(
        self, keyframe_id: int, names: tuple[str, ...], optional: tuple[str, ...] = ()
    ) -> dict[str, np.ndarray]:
        path = self.path(keyframe_id)
        try:
            with np.load(path, allow_pickle=False) as arrays:
                present = [name for name in optional if name in arrays]
                return {name: arrays[name] for name in (*names, *present)}
        except UNREADABLE as error:
            raise InputError(
                f"{path}: the keyframe cannot be read ({type(error).__name__}); "
                "run the sequence again with --overwrite"
            ) from error
