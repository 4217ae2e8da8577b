"""Writes keyframes and journal in a thread of its own, in the order in which they came.

Compressing a keyframe takes longer than all else that is done for a frame; nobody waits for it. A
kill loses what was not written yet, keyframe and journal alike: the map on disk is whole all the
same, and --resume maps the rest again.
"""

from __future__ import annotations

from collections.abc import Callable

from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.run.keyframe_files import KeyframeFiles
from mapper.slam.background_worker import Worker


class WritingBehind:
    """The MapStore of a run that is being mapped.

    What writing fails over comes out of the next call but for close().
    """

    def __init__(self, files: KeyframeFiles, threaded: bool) -> None:
        self._files = files
        self._waiting: set[int] = set()
        self._worker: Worker[Callable[[], None]] = Worker(_do, threaded, name="mapper-writer")

    def put(self, write: Callable[[], None]) -> None:
        """Write after all that came before."""
        self._worker.put(write)

    def save(self, keyframe: Keyframe, keyframe_map: KeyframeMap) -> None:
        """Write the map of a keyframe, once; neither may change after it."""
        self._waiting.add(keyframe.id)
        self.put(self._files.writing(keyframe, keyframe_map))

    def load(self, keyframe_id: int) -> KeyframeMap:
        """The map of a keyframe as it was written, once it is."""
        if keyframe_id in self._waiting:
            self.settle()
        return self._files.load(keyframe_id)

    def settle(self) -> None:
        """Return when all is written that came."""
        self._worker.settle()
        self._waiting.clear()

    def close(self) -> None:
        """The same, and nothing can follow; without a word about faults."""
        self._worker.close()


def _do(write: Callable[[], None]) -> None:
    write()
