"""Brings two runs into one world and finds what differs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mapper.backend.config import BackendConfig
from mapper.backend.finalisation import fused_map
from mapper.backend.fusion.map_fusion import reliable_depth
from mapper.backend.fusion.upright import estimate_up, held_up
from mapper.backend.global_map import GlobalMap, MapOf
from mapper.backend.sessions.changes import Changes, SeenDepth, Surveyed, changes
from mapper.core.mesh import Mesh
from mapper.core.sim3 import rigid_part, scale_of
from mapper.errors import ConfigError, InputError
from mapper.merging.keyframe_store import MergedKeyframes
from mapper.merging.merge import map_of_runs, merging_config, place
from mapper.merging.sessions import MergedRun, opened_runs

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """earlier, later: the runs, and their meshes in the world of `world`, one of the two.
    is_metric: lengths are in metres. up: (3,), unit, in the world."""

    earlier: MergedRun
    later: MergedRun
    world: MergedRun
    earlier_mesh: Mesh
    later_mesh: Mesh
    changes: Changes
    up: np.ndarray

    @property
    def is_metric(self) -> bool:
        """Whether lengths are in metres; else in units of the world's run."""
        return self.world.units_known


def compare(
    earlier: Path,
    later: Path,
    min_size: float,
    same_world: bool = False,
    say: Say = lambda line: None,
) -> Comparison:
    """What differs by at least min_size.

    same_world: the coordinates of both runs are of one world already; else they are brought into
    one as for a merge. Raises InputError where that cannot be done.
    """
    runs = opened_runs([earlier, later])
    config = merging_config(runs)
    store = MergedKeyframes(runs)
    if same_world:
        if len({each.units_known for each in runs}) > 1:
            raise ConfigError(
                "--same-world: one of the runs is in metres and the other is not, so their worlds "
                "are not the same"
            )
        poses = {k: S for each in runs for k, S in each.session.poses.items()}
    else:
        poses = dict(place(runs, store, config, say).joint.graph.poses)
    maps = {each.run.path: _map_of(each, poses) for each in runs}
    by_path = {each.run.path: each for each in runs}
    first, second = by_path[earlier], by_path[later]
    found = [_surveyed(maps[each.run.path], store, config) for each in (first, second)]
    held = held_up(maps[later].trajectory()[1].T_world_camera)
    up = estimate_up(found[1].mesh, held)
    differing = changes(found[0], found[1], up, min_size)
    meshes = found[0].mesh, found[1].mesh
    return Comparison(first, second, runs[0], *meshes, differing, up)


def _map_of(each: MergedRun, poses: Mapping[int, np.ndarray]) -> GlobalMap:
    return map_of_runs([each], list(each.session.keyframes), poses)


def _surveyed(saved: GlobalMap, store: MergedKeyframes, config: BackendConfig) -> Surveyed:
    source = saved.maps_to_fuse(config.refinement, store.load_recorded)
    mesh = fused_map(saved, config.fusion, source).extract_mesh()
    if not len(mesh.faces):
        raise InputError("one of the maps has no surface, so nothing can be compared")
    views = _views(saved, source, config)
    return Surveyed(mesh, views, _sigma(saved, store))


def _views(saved: GlobalMap, map_of: MapOf, config: BackendConfig) -> Iterator[SeenDepth]:
    for keyframe_id, S in saved.fused_poses.items():
        source, scale = map_of(keyframe_id), float(scale_of(S))
        depth = reliable_depth(source, config.fusion) * np.float32(scale)
        yield SeenDepth(depth, source.intrinsics, rigid_part(S), source.noise)


def _sigma(saved: GlobalMap, store: MergedKeyframes) -> float:
    """Deviation of a reading at the median depth, in units of the world; the middle of all."""
    sigmas = [
        store.load(k.id).noise.sigma(k.median_depth) * float(scale_of(saved.poses[k.id]))
        for k in saved.keyframes
        if k.id not in saved.left_out
    ]
    return float(np.median(sigmas))
