"""Keeps the recently used keyframe maps in memory and the others where they were saved."""

from __future__ import annotations

from collections import OrderedDict
from typing import Protocol

from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.depth_noise import trusted_depth
from mapper.vision.depth_pyramid import DepthPyramid, Level, build_pyramid


class MapStore(Protocol):
    """Where closed keyframes go. The run directory is one."""

    def save(self, keyframe: Keyframe, keyframe_map: KeyframeMap) -> None:
        """Write the map of a keyframe that is closed."""

    def load(self, keyframe_id: int) -> KeyframeMap:
        """The map that was written."""


class MapCache:
    """Maps (2.4 MB each at 640x480) and pyramids (2.5 MB each), bounded by `capacity` keyframes.

    Without a store every map stays in memory. The coarsest level of each (20 kB) always stays:
    it answers who sees what.
    """

    def __init__(self, store: MapStore | None, capacity: int, max_depth: float = 0.0) -> None:
        """max_depth: see TsdfConfig."""
        self._store = store
        self._max_depth = max_depth
        self._capacity = capacity
        self._maps: OrderedDict[int, KeyframeMap] = OrderedDict()
        self._pyramids: OrderedDict[int, DepthPyramid] = OrderedDict()
        self._coarse: dict[int, Level] = {}
        self._trusted: dict[int, float] = {}
        self._saved: set[int] = set()

    def put(self, keyframe_id: int, keyframe_map: KeyframeMap) -> None:
        """Hold a map that may still change."""
        self._maps[keyframe_id] = keyframe_map
        self._pyramids.pop(keyframe_id, None)
        self._remember_coarse(keyframe_id)

    def close(self, keyframe: Keyframe) -> None:
        """The map is final: save it, and prepare its pyramid anew when next asked for."""
        self._maps[keyframe.id].freeze()
        if self._store is not None and keyframe.id not in self._saved:
            self._store.save(keyframe, self._maps[keyframe.id])
            self._saved.add(keyframe.id)
        self._pyramids.pop(keyframe.id, None)
        self._remember_coarse(keyframe.id)
        self._evict()

    def replace(self, keyframe: Keyframe, keyframe_map: KeyframeMap) -> None:
        """Take another map for a closed keyframe, on disk too."""
        self._saved.discard(keyframe.id)
        self.put(keyframe.id, keyframe_map)
        self.close(keyframe)

    def forget(self, keyframe_id: int) -> None:
        """A keyframe that is none any more; what the store has of it stays there."""
        for held in (self._maps, self._pyramids, self._coarse, self._trusted):
            held.pop(keyframe_id, None)
        self._saved.discard(keyframe_id)

    def adopt(self, keyframe_id: int) -> None:
        """A keyframe of an earlier run: its map is in the store."""
        self._saved.add(keyframe_id)
        self._remember_coarse(keyframe_id)
        self._evict()

    def map(self, keyframe_id: int) -> KeyframeMap:
        """The map of a keyframe, read again if it was put out of memory."""
        if keyframe_id not in self._maps:
            assert self._store is not None
            loaded = self._maps[keyframe_id] = self._store.load(keyframe_id)
            self._evict()  # perhaps this one, where open maps fill the cache
            return loaded
        self._maps.move_to_end(keyframe_id)
        return self._maps[keyframe_id]

    def pyramid(self, keyframe_id: int) -> DepthPyramid:
        """The depth pyramid of that map, for dense alignment."""
        if keyframe_id not in self._pyramids:
            source = self.map(keyframe_id)
            self._pyramids[keyframe_id] = build_pyramid(
                source.depth, source.image, source.intrinsics, source.noise
            )
            if len(self._pyramids) > self._capacity:
                self._pyramids.popitem(last=False)
        self._pyramids.move_to_end(keyframe_id)
        return self._pyramids[keyframe_id]

    def coarse(self, keyframe_id: int) -> Level:
        """The coarsest level; its intensity and normals are empty."""
        return self._coarse[keyframe_id]

    def seen_depth(self, keyframe_id: int) -> float:
        """Units up to which a keyframe's depths count."""
        return self._max_depth or self._trusted[keyframe_id]

    def _remember_coarse(self, keyframe_id: int) -> None:
        source = self.map(keyframe_id)
        self._trusted[keyframe_id] = trusted_depth(source.depth, source.noise)
        level = self.pyramid(keyframe_id).levels[-1]
        self._coarse[keyframe_id] = Level(
            level.depth, level.intensity[:0], level.normals[:0], level.camera, level.noise
        )

    def _evict(self) -> None:
        for keyframe_id in list(self._maps):
            if len(self._maps) <= self._capacity:
                return
            if keyframe_id in self._saved:
                del self._maps[keyframe_id]
