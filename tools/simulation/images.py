"""The images of the simulated predictions: the real ones, or views of the textured truth."""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.io.sequences.sequence import Sequence
from simulation.config import ImageConfig
from simulation.processes import Stream, correlated_noise, generator
from simulation.texture import Reference, SurfaceTexture
from simulation.truth import DepthRenderer

EXPOSURE_FRAMES = 30.0  # after which a gain has forgotten itself (1/e)
FILL_WINDOW = 41  # pixels around a hole of the mesh that its fill is averaged over
WHITE = np.float32(255)


class Images(Protocol):
    def image(self, frame: int, T_world_camera: np.ndarray) -> np.ndarray:
        """uint8 (H, W, 3), RGB, of a frame of the sequence."""
        ...


class RealImages:
    """The sequence's own, resized; they fit the geometry as well as poses and cameras do."""

    def __init__(self, sequence: Sequence, intrinsics: Intrinsics) -> None:
        self._sequence = sequence
        self._size = (intrinsics.width, intrinsics.height)

    def image(self, frame: int, T_world_camera: np.ndarray) -> np.ndarray:
        image = self._sequence[frame].image
        return cv2.resize(image, self._size, interpolation=cv2.INTER_AREA)


class RenderedImages:
    """Views of the textured truth, which fit the geometry exactly, with brightness and noise."""

    def __init__(
        self,
        renderer: DepthRenderer,
        texture: SurfaceTexture,
        intrinsics: Intrinsics,
        config: ImageConfig,
        seed: int,
    ) -> None:
        self._renderer = renderer
        self._texture = texture
        self._intrinsics = intrinsics
        self._config = config
        self._seed = seed

    def image(self, frame: int, T_world_camera: np.ndarray) -> np.ndarray:
        image = self.clean_image(T_world_camera)
        rng = generator(self._seed, Stream.IMAGE_NOISE, frame)
        noise = self._config.noise * WHITE * rng.standard_normal(image.shape, np.float32)
        return np.rint(self._gain(frame) * image + noise).clip(0, 255).astype(np.uint8)

    def clean_image(self, T_world_camera: np.ndarray) -> np.ndarray:
        """float32 (H, W, 3), 0 to 255: the texture alone."""
        k, finer = self._intrinsics, self._config.supersample
        hits = self._renderer.cast(k.resized(finer * k.width, finer * k.height), T_world_camera)
        colors = self._texture.colors(hits).astype(np.float32)
        size = (k.width, k.height)
        total = cv2.resize(colors, size, interpolation=cv2.INTER_AREA)
        seen = (hits.face >= 0).astype(np.float32)
        return _filled(total, cv2.resize(seen, size, interpolation=cv2.INTER_AREA))

    def _gain(self, frame: int) -> np.float32:
        rng = generator(self._seed, Stream.EXPOSURE)
        wandering = correlated_noise(rng, frame + 1, 1, EXPOSURE_FRAMES)[frame, 0]
        return np.float32(1 + self._config.exposure * np.tanh(wandering))


def open_references(
    sequence: Sequence, T_world_camera: np.ndarray, config: ImageConfig
) -> list[Reference]:
    """Every reference_every-th frame of known pose (poses (N, 4, 4), NaN = unknown)."""
    known = np.flatnonzero(np.isfinite(T_world_camera).all((1, 2)))
    references = []
    for index in known[:: config.reference_every]:
        frame = sequence[int(index)]
        if frame.intrinsics is None:
            raise InputError(f"{sequence.path}: the camera is unknown; give a calibration.yaml")
        references.append(Reference(frame.image, frame.intrinsics, T_world_camera[index]))
    return references


def _filled(total: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Colours (H, W, 3) that cover a share (H, W) of each pixel, holes taking those around."""
    window = (FILL_WINDOW, FILL_WINDOW)
    around, weight = cv2.blur(total, window), cv2.blur(share, window)[..., None]
    mean = total.mean((0, 1)) / max(float(share.mean()), 1e-6)
    fill = np.where(weight > 1e-3, around / np.maximum(weight, np.float32(1e-3)), mean)
    share = share[..., None]
    return np.where(share > 0, total / np.maximum(share, np.float32(0.1)), fill)
