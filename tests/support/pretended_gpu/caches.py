"""Tables that are kept by device: those of a GPU that is not there any more must not stay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mapper.frontends.da3 import backbone
from mapper.frontends.layers import map_positions, rope
from mapper.frontends.vggt import aggregator
from mapper.frontends.vggt.cache import kernels
from mapper.frontends.wint3r import point_head, positions, preprocess

TABLES = (
    backbone._rope,
    rope.grid_rope,
    rope.state_rope,
    aggregator._frame_rope,
    aggregator._pixel_statistics,
    map_positions._embedding,
    positions.window_rope,
    point_head.plane_coordinates,
    preprocess._statistics,
    kernels.choose,
)


@contextmanager
def without_tables() -> Iterator[None]:
    """Without any, before and after."""
    for table in TABLES:
        table.cache_clear()
    yield
    for table in TABLES:
        table.cache_clear()
