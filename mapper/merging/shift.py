"""The numbers of a run moved out of the way of those of other runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mapper.backend.graph.edge import Edge
from mapper.backend.keyframes.keyframe import PACKED, Keyframe, Visit
from mapper.backend.loops.loop_decision import LoopDecision
from mapper.core.trajectory import Trajectory


@dataclass(frozen=True, slots=True)
class Shift:
    """What is added to the numbers of keyframes, segments and frames, and to times [s]."""

    keyframes: int = 0
    segments: int = 0
    frames: int = 0
    seconds: float = 0.0

    def keyframe(self, keyframe: Keyframe) -> Keyframe:
        """With its frames and visits."""
        return replace(
            keyframe,
            id=keyframe.id + self.keyframes,
            segment=keyframe.segment + self.segments,
            frames=[
                replace(
                    frame,
                    frame_index=frame.frame_index + self.frames,
                    timestamp=frame.timestamp + self.seconds,
                )
                for frame in keyframe.frames
            ],
            visits=[self._visit(visit) for visit in keyframe.visits],
        )

    def edge(self, edge: Edge) -> Edge:
        """Between the same two keyframes."""
        return replace(edge, i=edge.i + self.keyframes, j=edge.j + self.keyframes)

    def decision(self, decision: LoopDecision) -> LoopDecision:
        """About the same two keyframes."""
        return replace(decision, i=decision.i + self.keyframes, j=decision.j + self.keyframes)

    def trajectory(self, trajectory: Trajectory) -> Trajectory:
        """At its times."""
        return replace(trajectory, timestamps=trajectory.timestamps + self.seconds)

    def line(self, line: Mapping[str, Any]) -> dict[str, Any]:
        """A line of the journal that tells of a keyframe, a visit, an edge or a decision."""
        moved = dict(line)
        for name in ("id", "anchor", "i", "j"):
            if name in moved:
                moved[name] += self.keyframes
        if "segment" in moved:
            moved["segment"] += self.segments
        if "frames" in moved:
            moved["frames"] = [
                [index + self.frames, timestamp + self.seconds, T]
                for index, timestamp, T in moved["frames"]
            ]
        if "edges" in moved:
            moved["edges"] = [self.line(edge) for edge in moved["edges"]]
        return moved

    def _visit(self, visit: Visit) -> Visit:
        packed = np.array(visit.packed, PACKED)
        packed["index"] += self.frames
        packed["timestamp"] += self.seconds
        return replace(visit, id=visit.id + self.keyframes, packed=packed)
