"""What the user measured, found again in a map that is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from mapper.backend.global_map import GlobalMap
from mapper.backend.graph.priors import Measured, TagSighting
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.priors.knowledge import Knowledge
from mapper.errors import ConfigError, InputError
from mapper.measured.camera_height import of_height
from mapper.measured.lengths import ImageLength, WorldLength, of_image, of_world
from mapper.measured.tags import TagKind, found_tags, refuse_none, sighting
from mapper.run.directory import RunDirectory
from mapper.saved.originals import Originals
from mapper.saved.results import CACHED_MAPS, load_mesh, refinement_config

NOTHING_ASKED: Final = (
    "nothing to scale it by: give --distance, --image-points, --camera-height or --tag"
)


@dataclass(frozen=True, slots=True)
class Measurements:
    """As the user says them. tags: of several sizes are of several families."""

    distances: tuple[WorldLength, ...] = ()
    image_points: tuple[ImageLength, ...] = ()
    camera_height: float | None = None
    tag: TagKind | None = None

    def __bool__(self) -> bool:
        lengths = bool(self.distances or self.image_points)
        return lengths or self.camera_height is not None or self.tag is not None


def measured_in(
    run: RunDirectory, saved: GlobalMap, asked: Measurements, quiet: bool = False
) -> Knowledge:
    """What was measured, by keyframes. Raises ConfigError or InputError that says what is wrong."""
    if not asked:
        raise ConfigError(NOTHING_ASKED)
    load = lru_cache(CACHED_MAPS)(run.keyframes.load)
    map_of = saved.maps_to_fuse(refinement_config(run), load)
    measured: list[Measured] = []
    if asked.distances or asked.image_points or asked.camera_height is not None:
        mesh = load_mesh(run, saved, quiet)
        measured += [of_world(each, saved, mesh) for each in asked.distances]
        measured += [of_image(each, saved, mesh, map_of) for each in asked.image_points]
        if asked.camera_height is not None:
            measured += of_height(asked.camera_height, saved, mesh, map_of)
    sightings = _sightings(run, saved, asked.tag, map_of) if asked.tag else []
    return Knowledge((), tuple(measured), tuple(sightings))


def _sightings(
    run: RunDirectory, saved: GlobalMap, kind: TagKind, map_of: Callable[[int], KeyframeMap]
) -> list[TagSighting]:
    """Of all keyframes: in the images as they were taken, where they can be had."""
    found: list[TagSighting] = []
    readable = [k for k in saved.keyframes if k.id not in saved.left_out]
    originals = _originals(run, readable[0].frame_index, map_of(readable[0].id))
    try:
        for keyframe in readable:
            view = map_of(keyframe.id)
            camera, image = view.intrinsics, view.image
            if originals is not None:
                camera = originals.camera(keyframe.frame_index, keyframe.intrinsics)
                image = originals.read(keyframe.frame_index, keyframe.intrinsics).image
            for seen in found_tags(image, kind):
                made = sighting(seen, kind, keyframe.id, camera, view)
                found += [made] if made is not None else []
    finally:
        if originals is not None:
            originals.close()
    refuse_none(found, kind, len(readable))
    return found


def _originals(run: RunDirectory, frame: int, first: KeyframeMap) -> Originals | None:
    """None where the images as they were taken cannot be had."""
    try:
        originals = Originals(run)
    except InputError:
        return None
    try:
        originals.check(frame, first)
    except InputError:
        originals.close()
        return None
    return originals
