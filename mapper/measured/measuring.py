"""What the user measured, found again in a map that is made."""

from __future__ import annotations

from contextlib import closing
from functools import lru_cache

from mapper.backend.global_map import GlobalMap
from mapper.backend.graph.priors import Measured, TagSighting, UpPrior
from mapper.backend.priors.knowledge import Knowledge
from mapper.errors import ConfigError
from mapper.measured.asked import NOTHING_ASKED, Measurements
from mapper.measured.camera_height import of_height
from mapper.measured.keyframe_images import KeyframeImages
from mapper.measured.lengths import of_image, of_world
from mapper.measured.level_floor import of_floor
from mapper.measured.sensor_depth import read_sparse
from mapper.run.directory import RunDirectory
from mapper.saved.results import CACHED_MAPS, load_mesh, refinement_config


def measured_in(
    run: RunDirectory, saved: GlobalMap, asked: Measurements, quiet: bool = False
) -> Knowledge:
    """What was measured, by keyframes. Raises ConfigError or InputError that says what is wrong."""
    if not asked:
        raise ConfigError(NOTHING_ASKED)
    load = lru_cache(CACHED_MAPS)(run.keyframes.load)
    map_of = saved.maps_to_fuse(refinement_config(run), load)
    measured: list[Measured] = []
    sightings: list[TagSighting] = []
    ups: list[UpPrior] = []
    in_mesh = asked.distances or asked.image_points or asked.has_level_floor
    if in_mesh or asked.camera_height is not None:
        mesh = load_mesh(run, saved, quiet)
        measured += [of_world(each, saved, mesh) for each in asked.distances]
        measured += [of_image(each, saved, mesh, map_of) for each in asked.image_points]
        if asked.camera_height is not None:
            measured += of_height(asked.camera_height, saved, mesh, map_of)
        if asked.has_level_floor:
            ups += of_floor(saved, mesh, map_of)
    if asked.tag or asked.depth or asked.sparse_depth or asked.scale_from:
        with closing(KeyframeImages(run, saved, map_of)) as images:
            sightings += images.sightings(asked.tag) if asked.tag else []
            measured += images.scales_by_depth(asked.depth) if asked.depth else []
            if asked.sparse_depth:
                measured += images.scales_by_readings(read_sparse(asked.sparse_depth))
            if asked.scale_from:
                measured += images.scales_by_network(asked.scale_from)
    return Knowledge((), tuple(measured), tuple(sightings), ups=tuple(ups))
