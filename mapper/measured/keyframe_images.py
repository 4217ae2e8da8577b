"""The keyframes' images as they were taken, and what is seen or measured in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from mapper.backend.global_map import GlobalMap, MapOf
from mapper.backend.graph.priors import ScalePrior, TagSighting
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.errors import InputError
from mapper.measured.depth_folder import SAME_TIME, DepthFolder, MappedFrames
from mapper.measured.network_depth import BIASED, MetricDepth, spread_out
from mapper.measured.sensor_depth import BIASED as SENSOR_BIASED
from mapper.measured.sensor_depth import SparseReadings, of_keyframe
from mapper.measured.tags import TagKind, found_tags, refuse_none, sighting
from mapper.run.directory import RunDirectory
from mapper.saved.originals import Original, Originals

OF_THE_SEQUENCE: Final = "sequence"  # of --depth: the depth that comes along
STEP: Final = 4  # every 4th pixel a side is compared


class KeyframeImages:
    """Of a run whose sequence may be gone: tags are then looked for in the images as mapped."""

    def __init__(self, run: RunDirectory, saved: GlobalMap, map_of: MapOf) -> None:
        """map_of: the keyframes' maps as they are fused."""
        self._run, self._map_of = run, map_of
        self._keyframes = [k for k in saved.keyframes if k.id not in saved.left_out]
        self._missing = ""  # why there are no originals
        self._originals = self._opened()

    def close(self) -> None:
        """Of the sequence."""
        if self._originals is not None:
            self._originals.close()

    def sightings(self, kind: TagKind) -> list[TagSighting]:
        """Of the tags, by all keyframes. Raises InputError where there are none."""
        found: list[TagSighting] = []
        for keyframe in self._keyframes:
            view = self._map_of(keyframe.id)
            camera, image = view.intrinsics, view.image
            if self._originals is not None:
                camera = self._originals.camera(keyframe.frame_index, keyframe.intrinsics)
                image = self._original(keyframe).image
            for seen in found_tags(image, kind):
                made = sighting(seen, kind, keyframe.id, camera, view)
                found += [made] if made is not None else []
        refuse_none(found, kind, len(self._keyframes))
        return found

    def scales_by_depth(self, source: str) -> list[ScalePrior]:
        """Of each keyframe that the sensor saw too. source: OF_THE_SEQUENCE, or a folder."""
        if source == OF_THE_SEQUENCE:
            return self._scales("--depth sequence", self._pairs_of_sequence)
        says = self._run.read_description().says.sequence
        count = says.frames or self._keyframes[-1].frames[-1].frame_index + 1
        chosen = range(says.start, says.start + says.stride * count, says.stride)
        originals = self._required()
        frames = MappedFrames(originals.files, originals.times, chosen)
        folder = DepthFolder(Path(source).expanduser(), frames)

        def pairs(keyframe: Keyframe) -> tuple[np.ndarray, np.ndarray] | None:
            sensed = folder.depth(keyframe.frame_index)
            if sensed is None:
                return None
            return _compared(sensed, self._original(keyframe), self._map_of(keyframe.id).depth)

        return self._scales(f"--depth {source}", pairs)

    def scales_by_readings(self, readings: SparseReadings) -> list[ScalePrior]:
        """Of each keyframe at whose moment there were readings."""
        times = np.array([keyframe.timestamp for keyframe in self._keyframes])
        readings.check_overlap(times)
        frames = [frame.timestamp for k in self._keyframes for frame in k.frames]
        steps = np.diff(np.unique(frames))
        tolerance = SAME_TIME * float(np.median(steps)) if len(steps) else 0.0
        self._required()

        def pairs(keyframe: Keyframe) -> tuple[np.ndarray, np.ndarray] | None:
            pixels, metres = readings.at(keyframe.timestamp, tolerance + 1e-6)
            original = self._original(keyframe)
            u, v = np.rint(pixels).astype(int).T
            width, height = original.size
            inside = (u >= 0) & (u < width) & (v >= 0) & (v < height)
            mapped = original.mapped(self._map_of(keyframe.id).depth)
            return metres[inside], mapped[v[inside], u[inside]]

        return self._scales(readings.name, pairs)

    def scales_by_network(self, choice: str) -> list[ScalePrior]:
        """Of a few keyframes, by a network's metres. choice: of its weights.

        The images as they are stored, where they are at hand; else as they were mapped.
        """
        network = MetricDepth(choice)

        def pairs(keyframe: Keyframe) -> tuple[np.ndarray, np.ndarray]:
            view = self._map_of(keyframe.id)
            camera, image, mapped = view.intrinsics, view.image, view.depth
            if self._originals is not None:
                original = self._original(keyframe)
                camera = self._originals.camera(keyframe.frame_index, keyframe.intrinsics)
                image, mapped = original.image, original.mapped(view.depth)
            metres = network.depth(image, camera)
            return metres[::STEP, ::STEP].ravel(), mapped[::STEP, ::STEP].ravel()

        name = f"--scale-from {choice}"
        return self._scales(name, pairs, spread_out(self._keyframes), BIASED)

    def _pairs_of_sequence(self, keyframe: Keyframe) -> tuple[np.ndarray, np.ndarray] | None:
        if not self._required().has_depth:
            raise InputError("--depth sequence: there is no depth in this sequence")
        original = self._original(keyframe)
        if original.depth is None:
            return None
        return _compared(original.depth, original, self._map_of(keyframe.id).depth)

    def _scales(
        self,
        name: str,
        pairs: Callable[[Keyframe], tuple[np.ndarray, np.ndarray] | None],
        asked: Sequence[Keyframe] | None = None,
        biased: float = SENSOR_BIASED,
    ) -> list[ScalePrior]:
        """Of the keyframes whose depths go together with what was measured. asked: None = all."""
        found, asked = [], self._keyframes if asked is None else asked
        for keyframe in asked:
            both = pairs(keyframe)
            made = None if both is None else of_keyframe(name, keyframe.id, *both, biased)
            found += [made] if made is not None else []
        if not found:
            raise InputError(
                f"{name}: its depths and those of the map go together in not one of "
                f"{len(asked)} keyframes; are they of these images, and along their axis?"
            )
        return found

    def _original(self, keyframe: Keyframe) -> Original:
        return self._required().read(keyframe.frame_index, keyframe.intrinsics)

    def _required(self) -> Originals:
        if self._originals is None:
            raise InputError(self._missing)
        return self._originals

    def _opened(self) -> Originals | None:
        try:
            originals = Originals(self._run)
        except InputError as error:
            self._missing = str(error)
            return None
        try:
            first = self._keyframes[0]
            originals.check(first.frame_index, self._map_of(first.id))
        except InputError as error:
            self._missing = str(error)
            originals.close()
            return None
        return originals


def _compared(
    sensed: np.ndarray, original: Original, depth: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(n,), (n,): depth images of the same frame, the keyframe's where the sensor's pixels are."""
    mapped = original.mapped(depth)
    if sensed.shape != mapped.shape:
        raise InputError(
            f"--depth: images of {sensed.shape[1]}x{sensed.shape[0]} for colour of "
            f"{mapped.shape[1]}x{mapped.shape[0]}; register depth to colour first"
        )
    return sensed[::STEP, ::STEP].ravel(), mapped[::STEP, ::STEP].ravel()
