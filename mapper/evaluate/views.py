"""Frames of a benchmark as a frontend gets to see them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from mapper.core.frame import Frame
from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.evaluate.protocol import ImagePreparation
from mapper.io.cameras.depth_registration import Undistorter
from mapper.io.datasets.dataset import BenchSequence

FILLING = 1e-8  # added to a scale, so that rounding down never leaves a pixel uncovered


@dataclass(frozen=True, slots=True)
class PreparedView:
    """image: uint8 (H, W, 3). depth: float32 (H, W), metres, 0 = none, of the same pixels; or None.
    intrinsics: of both, where they are known."""

    image: np.ndarray
    depth: np.ndarray | None
    intrinsics: Intrinsics | None


class ViewReader:
    """Reads frames of a sequence as a protocol wants them.

    raw: the frontend is a network of images alone: no depth, no camera, no undistortion, and the
    protocol's image loader. Otherwise it gets undistorted images with depth and camera.
    """

    def __init__(self, sequence: BenchSequence, preparation: ImagePreparation, raw: bool) -> None:
        self._sequence = sequence
        self._preparation = preparation
        self._raw = raw
        self._undistorter = _undistorter(sequence) if any(sequence.distortion) and not raw else None

    def frame(self, index: int) -> Frame:
        """What the frontend sees of frame `index`."""
        timestamp = float(self._sequence.timestamps[index])
        if self._raw and self._preparation.loader != "window":
            return Frame(index, timestamp, self._loaded(self._image(index)))
        view = self.view(index)
        if self._raw:
            return Frame(index, timestamp, view.image)
        return Frame(index, timestamp, view.image, view.depth, view.intrinsics)

    def view(self, index: int) -> PreparedView:
        """Image, depth and camera at the size at which the protocol compares them."""
        image, depth = self._image(index), self._depth(index)
        if self._undistorter is not None:
            image = self._undistorter.image(image)
            depth = None if depth is None else self._undistorter.depth(depth)
        if depth is not None and depth.shape != image.shape[:2]:
            depth = _nearest(depth, image.shape[1], image.shape[0])
        view = PreparedView(image, depth, self._sequence.intrinsics)
        size = (self._preparation.width, self._preparation.height)
        return windowed(view, *size) if all(size) else view

    def true_depth(self, index: int) -> np.ndarray:
        """float32 (H, W), metres, 0 = none: for networks as it lies on disk, else as the view's."""
        depth = self._depth(index) if self._raw else self.view(index).depth
        if depth is None:
            raise InputError(
                f"{self._sequence.name}: the dataset has no depth, which this task needs"
            )
        return depth

    def _depth(self, index: int) -> np.ndarray | None:
        if self._sequence.depths is None or self._sequence.read_depth is None:
            return None
        depth = self._sequence.read_depth(self._sequence.depths[index])
        return np.where(np.isfinite(depth) & (depth > 0), depth, 0).astype(np.float32)

    def _image(self, index: int) -> np.ndarray:
        return self._sequence.read_image(self._sequence.images[index])

    def _loaded(self, image: np.ndarray) -> np.ndarray:
        loader = LOADERS[self._preparation.loader]
        return loader(image, self._preparation.size, not self._preparation.squeeze)


def windowed(view: PreparedView, width: int, height: int) -> PreparedView:
    """The view cut symmetrically about its principal point and scaled to fill width x height.

    Depth is taken from the nearest pixel. Source: specs of CUT3R's evaluation, section D.
    """
    if view.intrinsics is None:
        raise InputError("the dataset does not say which camera this is; reconstruction needs it")
    view = _about_principal_point(view, view.intrinsics)
    assert view.intrinsics is not None
    old_height, old_width = view.image.shape[:2]
    scale = max(width / old_width, height / old_height) + FILLING
    size = (int(old_width * scale), int(old_height * scale))
    kind = Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC
    image = np.asarray(Image.fromarray(view.image).resize(size, kind))
    depth = None if view.depth is None else _nearest(view.depth, *size)
    intrinsics = view.intrinsics.resized(*size)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return _cropped(PreparedView(image, depth, intrinsics), left, top, width, height)


def _about_principal_point(view: PreparedView, camera: Intrinsics) -> PreparedView:
    height, width = view.image.shape[:2]
    cx, cy = round(camera.cx), round(camera.cy)
    half = min(cx, width - cx), min(cy, height - cy)
    if min(half) < 1:
        raise InputError(
            f"the principal point ({cx}, {cy}) lies outside the {width}x{height} image"
        )
    return _cropped(view, cx - half[0], cy - half[1], 2 * half[0], 2 * half[1])


def _cropped(view: PreparedView, left: int, top: int, width: int, height: int) -> PreparedView:
    window = np.s_[top : top + height, left : left + width]
    assert view.intrinsics is not None
    return PreparedView(
        np.ascontiguousarray(view.image[window]),
        None if view.depth is None else np.ascontiguousarray(view.depth[window]),
        view.intrinsics.cropped(left, top, width, height),
    )


def _nearest(depth: np.ndarray, width: int, height: int) -> np.ndarray:
    return np.asarray(cv2.resize(depth, (width, height), interpolation=cv2.INTER_NEAREST))


def _undistorter(sequence: BenchSequence) -> Undistorter:
    if sequence.intrinsics is None:
        raise InputError(f"{sequence.name}: distortion without a camera; is the dataset complete?")
    return Undistorter(sequence.intrinsics, sequence.distortion)


def _as_is(image: np.ndarray, size: int, crop: bool) -> np.ndarray:
    return image


def _cut3r(image: np.ndarray, size: int, crop: bool) -> np.ndarray:
    from mapper.frontends.cut3r.preprocess import preprocessed

    return preprocessed(image, size, crop)


def _vggt(image: np.ndarray, size: int, crop: bool) -> np.ndarray:
    from mapper.frontends.vggt.preprocess import for_evaluation

    return for_evaluation(Image.fromarray(image), size, crop)


LOADERS: dict[str, Callable[[np.ndarray, int, bool], np.ndarray]] = {
    "as_is": _as_is,
    "cut3r": _cut3r,
    "vggt": _vggt,
}


def source_files(sequence: BenchSequence, index: int) -> list[Path]:
    """The files from which a frame is read."""
    return [sequence.images[index], *((sequence.depths or [])[index : index + 1])]
