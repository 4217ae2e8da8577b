"""A run as COLMAP and Nerfstudio are given it: original images where they can be had."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Final

import numpy as np

from mapper.backend.global_map import GlobalMap
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.intrinsics import Intrinsics
from mapper.core.mesh import Mesh
from mapper.core.sim3 import scale_of
from mapper.errors import ConfigError, InputError
from mapper.io.export.scene import ExportedImage, Scene
from mapper.run.directory import RunDirectory
from mapper.saved.originals import Originals
from mapper.saved.results import CACHED_MAPS, refinement_config
from mapper.saved.shared_camera import SharedCamera, depth_from, share_camera

logger = logging.getLogger(__name__)
NO_POINTS: Final = Mesh(
    np.zeros((0, 3), np.float32),
    np.zeros((0, 3), np.int32),
    np.zeros((0, 3), np.uint8),
    np.zeros((0, 3), np.float32),
)
NAME: Final = "frame_{:06d}.jpg"  # by the frame's number in the sequence
READ: Final = 2  # originals in memory: image, depth and mask of one are asked for in turn


@dataclass(frozen=True, slots=True)
class SceneChoice:
    """every: that many-th frame of the sequence; None = the keyframes. depth: depth maps too.
    one_camera: for all images, the poses found again for it. refine: keyframes are wanted besides,
    by which the frames are moved."""

    every: int | None = None
    depth: bool = False
    one_camera: bool = False
    refine: bool = False


@dataclass(frozen=True, slots=True)
class PlacedImage:
    """A frame that is exported. keyframe: in whose stretch it is; is_keyframe: whether it opened
    it."""

    index: int
    T_world_camera: np.ndarray
    keyframe: Keyframe
    is_keyframe: bool


@contextmanager
def opened_scene(run: RunDirectory, saved: GlobalMap, choice: SceneChoice) -> Iterator[Scene]:
    """The scene, without points, whose images are read while it is open.

    Raises InputError and ConfigError for what there is not: frames without the sequence, depth of
    frames that have none.
    """
    maps = _Maps(run, saved)
    placed = chosen_frames(saved, choice.every)
    if not placed:
        raise InputError(f"{run.path}: none of the chosen frames was placed; nothing to export")
    if choice.refine:
        placed = chosen_frames(saved, choice.every, and_keyframes=True)
    originals = _originals(run, maps, placed, choice)
    try:
        shared = share_camera(saved.keyframes, maps.of) if choice.one_camera else None
        if shared is not None:
            logger.info("one camera: %.2f px off, %.2f px", shared.before, shared.after)
        source = _Source(maps, originals, shared, choice.depth)
        yield Scene([source.image(each) for each in placed], NO_POINTS)
    finally:
        if originals is not None:
            originals.close()


def chosen_frames(
    saved: GlobalMap, every: int | None, and_keyframes: bool = False
) -> list[PlacedImage]:
    """The placed frames that are exported, each once, in the order of the sequence."""
    owner = {
        frame.frame_index: keyframe
        for keyframe in saved.keyframes
        for _, frames in keyframe.stretches
        for frame in frames
    }
    opened = {keyframe.frame_index: keyframe for keyframe in saved.keyframes}
    indices, trajectory = saved.trajectory()
    found = {
        int(index): PlacedImage(
            int(index), T, opened.get(int(index), owner[int(index)]), int(index) in opened
        )
        for index, T in zip(indices, trajectory.T_world_camera, strict=True)
        if (every is not None and int(index) % every == 0)
        or (int(index) in opened and (every is None or and_keyframes))
    }
    return [found[index] for index in sorted(found)]


def _originals(
    run: RunDirectory, maps: _Maps, placed: list[PlacedImage], choice: SceneChoice
) -> Originals | None:
    """None where the sequence is gone, and the keyframes' own images have to do."""
    try:
        originals = Originals(run)
    except InputError as error:
        if choice.every is not None:
            raise InputError(f"{error}; --frames keyframes exports what the run has") from error
        logger.warning("%s; the keyframes' own are exported, as they were mapped", error)
        return None
    try:
        sizes = {(k.intrinsics.width, k.intrinsics.height): k for k in maps.saved.keyframes}
        for keyframe in {first.keyframe.id: first.keyframe for first in placed[:1]}.values():
            sizes[keyframe.intrinsics.width, keyframe.intrinsics.height] = keyframe
        for keyframe in sizes.values():
            originals.check(keyframe.frame_index, maps.of(keyframe.id))
        if choice.depth and choice.every is not None and not originals.has_depth:
            raise ConfigError("--depth: only keyframes have depth here; add --frames keyframes")
    except InputError as error:
        originals.close()
        if choice.every is not None:
            raise
        logger.warning("%s; the keyframes' own are exported, as they were mapped", error)
        return None
    except ConfigError:
        originals.close()
        raise
    return originals


class _Maps:
    """The keyframes' maps as they are fused."""

    def __init__(self, run: RunDirectory, saved: GlobalMap) -> None:
        self.saved = saved
        load = lru_cache(CACHED_MAPS)(run.keyframes.load)
        self._load: Callable[[int], KeyframeMap] = load
        self._best = saved.maps_to_fuse(refinement_config(run), load)

    def of(self, keyframe_id: int) -> KeyframeMap:
        """As it was recorded."""
        return self._load(keyframe_id)

    def depth(self, keyframe: Keyframe) -> np.ndarray:
        """float32 (h, w): as it was aligned, in the map's units."""
        known = keyframe.id not in self.saved.left_out
        depth = (self._best if known else self._load)(keyframe.id).depth
        return depth * np.float32(scale_of(self.saved.poses[keyframe.id]))


class _Source:
    """Makes the images of a scene."""

    def __init__(
        self,
        maps: _Maps,
        originals: Originals | None,
        shared: SharedCamera | None,
        with_depth: bool,
    ) -> None:
        self._maps, self._originals = maps, originals
        self._shared, self._with_depth = shared, with_depth
        if originals is not None:
            self._read = lru_cache(READ)(originals.read)

    def image(self, placed: PlacedImage) -> ExportedImage:
        """One of them, not read yet but for its size."""
        worked, T = placed.keyframe.intrinsics, placed.T_world_camera
        if self._shared is not None:
            worked, T = self._shared.camera, T @ self._moved_by(placed.keyframe)
        name = NAME.format(placed.index)
        depth = partial(self._depth, placed, worked) if self._with_depth else None
        if self._originals is None:
            return ExportedImage(name, T, worked, partial(self._kept, placed), depth)
        camera = self._originals.camera(placed.index, worked)
        mask = partial(self._mask, placed.index, worked) if self._originals.has_masks else None
        return ExportedImage(
            name, T, camera, partial(self._image, placed.index, worked), depth, mask
        )

    def _moved_by(self, keyframe: Keyframe) -> np.ndarray:
        """Where the camera stands under the shared camera, in the keyframe, in the map's units."""
        assert self._shared is not None
        T = self._shared.T_keyframe_shared[keyframe.id].copy()
        T[:3, 3] *= float(scale_of(self._maps.saved.poses[keyframe.id]))
        return T

    def _kept(self, placed: PlacedImage) -> np.ndarray:
        return self._maps.of(placed.keyframe.id).image

    def _image(self, index: int, worked: Intrinsics) -> np.ndarray:
        return self._read(index, worked).image

    def _mask(self, index: int, worked: Intrinsics) -> np.ndarray:
        mask = self._read(index, worked).mask
        return (
            mask if mask is not None else np.ones(self._read(index, worked).image.shape[:2], bool)
        )

    def _depth(self, placed: PlacedImage, worked: Intrinsics) -> np.ndarray:
        """The keyframe's; of other frames that of the sensor."""
        original = self._read(placed.index, worked) if self._originals is not None else None
        if not placed.is_keyframe:
            assert original is not None and original.depth is not None
            return original.depth
        depth = self._maps.depth(placed.keyframe)
        if self._shared is not None:
            depth = depth_from(depth, placed.keyframe.intrinsics, self._moved_by(placed.keyframe))
        return depth if original is None else original.mapped(depth)
