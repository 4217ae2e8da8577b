"""Keyframes on disk: one compressed file each, written once when the keyframe is closed."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import astuple
from functools import partial
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.keyframe_map import KeyframeMap, MovingPixels
from mapper.core.depth_noise import DepthNoise
from mapper.core.intrinsics import Intrinsics
from mapper.core.npz import Array, Layout, stored_intrinsics
from mapper.runtime.atomic_files import atomic_write
from mapper.vision.local_features import LocalFeatures

# Kernels take these arrays as they are, so they must be what is said here.
LAYOUT: Final = Layout(
    "the keyframe",
    "run the sequence again with --overwrite",
    {
        "depth": Array("<f4", ("h", "w"), finite=True),
        "weight": Array("<f4", ("h", "w"), finite=True),
        "image_png": Array("|u1", ("bytes",)),
        "intrinsics": Array("number", (6,), finite=True),
        "noise": Array("number", (3,), finite=True),
        "feature_pixels": Array("<f4", ("n", 2), finite=True),
        "feature_descriptors": Array("|u1", ("n", 32), optional=True),  # either these
        "feature_vectors": Array("<f2", ("n", "c"), optional=True, finite=True),  # or those
        "feature_points": Array("<f4", ("n", 3)),
        "descriptor": Array("<f4", ("d",), optional=True, finite=True),
        "moving_pixels": Array("<i4", ("m",), optional=True),
        "moving_depth": Array("<f4", ("m",), optional=True, finite=True),
        "moving_weight": Array("<f4", ("m",), optional=True, finite=True),
    },
)
FEATURES: Final = (
    "feature_pixels",
    "feature_descriptors",
    "feature_vectors",
    "feature_points",
)
MAP: Final = ("depth", "weight", "image_png", "intrinsics", "noise")
MOVING: Final = ("moving_pixels", "moving_depth", "moving_weight")
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
        self.writing(keyframe, keyframe_map)()

    def writing(self, keyframe: Keyframe, keyframe_map: KeyframeMap) -> Callable[[], None]:
        """What writes the keyframe as it is now."""
        arrays = {
            "depth": keyframe_map.depth,
            "weight": keyframe_map.weight,
            "intrinsics": np.array(astuple(keyframe_map.intrinsics), np.float64),
            "noise": np.array(astuple(keyframe_map.noise), np.float64),
            "feature_pixels": keyframe.features.pixels,
            _kind(keyframe.features.descriptors): keyframe.features.descriptors,
            "feature_points": keyframe.features.points,
        }
        if keyframe.descriptor is not None:
            arrays["descriptor"] = keyframe.descriptor
        if (moving := keyframe_map.moving) is not None:
            arrays |= zip(MOVING, (moving.pixels, moving.depth, moving.weight), strict=True)
        return partial(self._write, keyframe.id, arrays, keyframe_map.image)

    def _write(self, keyframe_id: int, arrays: dict[str, np.ndarray], image: np.ndarray) -> None:
        png = cv2.imencode(".png", image[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
        arrays = {**arrays, "image_png": png}
        with (
            atomic_write(self.path(keyframe_id), "wb") as file,
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
        path = self.path(keyframe_id)
        arrays = LAYOUT.read(path, (*MAP, *MOVING))
        depth, weight = arrays["depth"], arrays["weight"]
        if min(depth.min(initial=0), weight.min(initial=0)) < 0:
            raise LAYOUT.unreadable(path, "it has depths or weights below zero")
        return KeyframeMap(
            depth,
            weight,
            _decoded(path, arrays["image_png"], depth.shape),
            stored_intrinsics(LAYOUT, path, arrays["intrinsics"], depth.shape),
            DepthNoise(*arrays["noise"].tolist()),
            _moving(path, arrays, depth.size),
        )

    def load_image(self, keyframe_id: int) -> np.ndarray:
        """The image alone of a keyframe, uint8 (h, w, 3), RGB."""
        path = self.path(keyframe_id)
        png = LAYOUT.read(path, ("image_png",))["image_png"]
        height, width = (int.from_bytes(png[at : at + 4].tobytes(), "big") for at in (20, 16))
        return _decoded(path, png, (height, width))

    def load_view(self, keyframe_id: int) -> tuple[LocalFeatures, Intrinsics, np.ndarray | None]:
        """What is known of a keyframe besides its map: features, camera, descriptor if any."""
        path = self.path(keyframe_id)
        arrays = LAYOUT.read(path, (*FEATURES, "intrinsics", "descriptor"))
        camera = stored_intrinsics(LAYOUT, path, arrays["intrinsics"], None)
        pixels, *descriptors, points = (arrays[name] for name in FEATURES if name in arrays)
        if len(descriptors) != 1:
            raise LAYOUT.unreadable(path, "its features have no descriptors, or two kinds")
        return LocalFeatures(pixels, descriptors[0], points), camera, arrays.get("descriptor")


def _kind(descriptors: np.ndarray) -> str:
    """The name under which descriptors are stored: of bits, or vectors."""
    return "feature_descriptors" if descriptors.dtype == np.uint8 else "feature_vectors"


def _moving(path: Path, arrays: Mapping[str, np.ndarray], size: int) -> MovingPixels | None:
    """What moved of a map of `size` pixels."""
    found = [arrays[name] for name in MOVING if name in arrays]
    if not found:
        return None
    pixels = found[0]
    if len(found) != len(MOVING) or pixels.min(initial=0) < 0 or pixels.max(initial=0) >= size:
        raise LAYOUT.unreadable(path, "what it says of moving things is damaged")
    return MovingPixels(*found)


def _decoded(path: Path, png: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The image of a keyframe, RGB; InputError unless it is as large as the depth, (H, W)."""
    sides = tuple(int.from_bytes(png[at : at + 4].tobytes(), "big") for at in (20, 16))
    if sides != shape:
        raise LAYOUT.unreadable(path, "the image in it is damaged or not as large as the depth")
    try:
        image = cv2.imdecode(png, cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise LAYOUT.unreadable(path, "the image in it is damaged") from error
    if image is None or image.shape[:2] != shape:
        raise LAYOUT.unreadable(path, "the image in it is damaged")
    return np.ascontiguousarray(image[..., ::-1])
