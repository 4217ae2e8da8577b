"""Which keyframes make up the map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from mapper.backend.graph.pose_graph import PoseGraph


class Stretch(Protocol):
    """What is asked of a keyframe."""

    @property
    def id(self) -> int:
        """Of the keyframe."""

    @property
    def frame_count(self) -> int:
        """How many frames it stands for."""


S = TypeVar("S", bound=Stretch)


def main_keyframes(keyframes: Sequence[S], graph: PoseGraph) -> list[S]:
    """Keyframes of the connected part of the graph that holds the most frames.

    Segments that no loop has joined to it are in a world of their own and stay out.
    """
    if graph.is_connected:
        return list(keyframes)
    component = graph.component_of()
    frames: dict[int, int] = {}
    for keyframe in keyframes:
        root = component[keyframe.id]
        frames[root] = frames.get(root, 0) + keyframe.frame_count
    main = max(frames, key=lambda root: (frames[root], -root), default=0)
    return [k for k in keyframes if component[k.id] == main]
