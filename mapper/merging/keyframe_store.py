"""The keyframes' maps of several runs, by the numbers of the joined map."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path

from mapper.backend.alignment.refined_maps import RefinedMaps
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.merging.sessions import MergedRun
from mapper.saved.results import refinement_config


class MergedKeyframes:
    """A MapStore that is only read."""

    def __init__(self, runs: Sequence[MergedRun]) -> None:
        self._runs = runs
        self._first = [each.shift.keyframes for each in runs]
        self._corrected = [
            RefinedMaps(
                refinement_config(each.run), each.run.keyframes.load, {}, each.saved.corrections, []
            ).corrected
            for each in runs
        ]

    def load(self, keyframe_id: int) -> KeyframeMap:
        """The map, with the correction that an alignment of its run made of its depth."""
        number, own_id = self._place(keyframe_id)
        return self._corrected[number](own_id)

    def load_recorded(self, keyframe_id: int) -> KeyframeMap:
        """The map as it was recorded."""
        number, own_id = self._place(keyframe_id)
        return self._runs[number].run.keyframes.load(own_id)

    def file(self, keyframe_id: int) -> Path:
        """Where the map lies."""
        number, own_id = self._place(keyframe_id)
        return self._runs[number].run.keyframes.path(own_id)

    def save(self, keyframe: Keyframe, keyframe_map: KeyframeMap) -> None:
        """Nothing is written into the runs."""
        raise NotImplementedError

    def _place(self, keyframe_id: int) -> tuple[int, int]:
        """The number of the run, and the id that the keyframe has there."""
        number = bisect_right(self._first, keyframe_id) - 1
        return number, keyframe_id - self._first[number]
