"""Which of several possible ways a camera takes."""

from __future__ import annotations

from typing import Final

import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.rooms.renderer import RoomRenderer
from mapper.rooms.spec import SequenceSpec, seeded
from mapper.rooms.stairs import Stairs
from mapper.rooms.walks.free_space import FreeSpace
from mapper.rooms.walks.jumps import Clock, KidnappedWalk
from mapper.rooms.walks.motions import MOTIONS, Outing
from mapper.rooms.walks.walk import Walk

WAYS: Final = 6
GLANCES: Final = 16  # views along a way by which it is judged
COARSE: Final = Intrinsics(26.0, 26.0, 15.5, 11.5, 32, 24)
LEAST_SPREAD: Final = 0.02  # of normals: their covariance's smallest share, that holds a camera
RICH_ENOUGH: Final = 0.5  # textures that hold a camera before a single wall
ENOUGH: Final = 0.97  # of the glances


def draw_walk(spec: SequenceSpec, renderer: RoomRenderer, clock: Clock) -> Walk:
    """The first of a few ways that sees enough nearly all the time, or else the best of them."""
    seconds = float(clock.times[-1])
    corridor = spec.room.layout == "corridor"
    stairs = Stairs.of(spec.room) if spec.room.layout == "stairs" else None
    outing = Outing(FreeSpace(renderer.room), seconds, spec.pace, corridor, stairs)
    best, most = None, -1.0
    for way in range(WAYS if spec.watchful else 1):
        walk = Walk(MOTIONS[spec.path](outing, seeded(spec.seed, "walk", way)))
        share = _share_of_views(walk, spec, renderer, seconds) if spec.watchful else 1.0
        if share > most:
            best, most = walk, share
        if most > ENOUGH:
            break
    assert best is not None
    if spec.path == "kidnap" and clock.jump is not None:
        moment = float(clock.times[clock.jump]) - 0.5 / spec.rate
        return KidnappedWalk(best, moment, seeded(spec.seed, "kidnap"))
    return best


def _share_of_views(
    walk: Walk, spec: SequenceSpec, renderer: RoomRenderer, seconds: float
) -> float:
    """Of glances along the way: in how many shape or texture hold the camera."""
    times = np.linspace(0, seconds, GLANCES)
    held = 0
    for T in walk.poses(times):
        view = renderer.view(T, COARSE)
        near = (view.depth > 0.5) & (view.depth < 0.9 * spec.camera.range)
        if near.mean() < 0.4:
            continue
        normals = view.surfaces.normals[view.face[near]]
        spread = np.linalg.eigvalsh(normals.T @ normals / len(normals))[0]
        held += spread > LEAST_SPREAD or spec.room.richness >= RICH_ENOUGH
    return held / GLANCES
