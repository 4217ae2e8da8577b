"""Keyframes and edges as journal lines, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from mapper.backend.edge import Edge, EdgeKind
from mapper.backend.keyframe import HungFrame, Keyframe
from mapper.backend.loop_closer import LoopDecision
from mapper.keyframe_files import KeyframeFiles


def keyframe_record(keyframe: Keyframe) -> dict[str, Any]:
    """Everything of a closed keyframe that is not in its file. Poses row by row."""
    return {
        "id": keyframe.id,
        "segment": keyframe.segment,
        "T_odometry_keyframe": keyframe.T_odometry_keyframe.ravel().tolist(),
        "frames": [
            [f.frame_index, f.timestamp, f.T_keyframe_camera.ravel().tolist()]
            for f in keyframe.frames
        ],
    }


def keyframe_from_record(record: dict[str, Any], files: KeyframeFiles) -> Keyframe:
    frames = [
        HungFrame(int(index), float(timestamp), np.array(T).reshape(4, 4))
        for index, timestamp, T in record["frames"]
    ]
    keyframe_id = int(record["id"])
    return Keyframe(
        keyframe_id,
        int(record["segment"]),
        np.array(record["T_odometry_keyframe"]).reshape(4, 4),
        files.load_features(keyframe_id),
        files.load_intrinsics(keyframe_id),
        frames,
    )


def edge_record(edge: Edge) -> dict[str, Any]:
    return {
        "i": edge.i,
        "j": edge.j,
        "type": edge.kind.value,
        "T_i_j": edge.T_i_j.ravel().tolist(),
        "information": edge.information.ravel().tolist(),
    }


def edge_from_record(record: dict[str, Any]) -> Edge:
    return Edge(
        int(record["i"]),
        int(record["j"]),
        np.array(record["T_i_j"]).reshape(4, 4),
        np.array(record["information"]).reshape(6, 6),
        EdgeKind(record["type"]),
    )


def decision_from_record(record: dict[str, Any]) -> LoopDecision:
    fields = {key: value for key, value in record.items() if key != "event"}
    return LoopDecision(**{**fields, "kind": EdgeKind(fields["kind"])})
