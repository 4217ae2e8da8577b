"""Keyframes and edges as journal lines, and back."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import Any

import numpy as np

from mapper.backend.global_map import GlobalMap
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.keyframe_culling import CulledKeyframe
from mapper.backend.keyframes.keyframe import Keyframe, TrackedFrame, Visit
from mapper.backend.loops.loop_decision import LoopDecision, Measured, Refusal
from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.run.decisions_in_words import decision_in_words, decision_of
from mapper.run.keyframe_files import KeyframeFiles
from mapper.vision.local_features import LocalFeatures

logger = logging.getLogger(__name__)

NO_FEATURES = LocalFeatures(
    np.zeros((0, 2), np.float32), np.zeros((0, 32), np.uint8), np.zeros((0, 3), np.float32)
)


def keyframe_record(keyframe: Keyframe) -> dict[str, Any]:
    """Everything of a closed keyframe that is not in its file. Poses row by row."""
    return {
        "id": keyframe.id,
        "segment": keyframe.segment,
        "is_metric": keyframe.is_metric,
        "units": keyframe.units,
        "T_previous_keyframe": _plain(keyframe.T_previous_keyframe),
        "is_found": keyframe.is_found,
        "turning": keyframe.turning,
        "shares_camera": keyframe.shares_camera,
        "T_odometry_last": _plain(keyframe.T_odometry_last),
        "median_depth": keyframe.median_depth,
        "T_odometry_keyframe": keyframe.T_odometry_keyframe.ravel().tolist(),
        "frames": [
            [f.frame_index, f.timestamp, f.T_keyframe_camera.ravel().tolist()]
            for f in keyframe.frames
        ],
    }


def _plain(T: np.ndarray | None) -> list[float] | None:
    return None if T is None else T.ravel().tolist()


def _matrix(values: list[float] | None) -> np.ndarray | None:
    return None if values is None else np.array(values).reshape(4, 4)


def keyframe_from_record(
    record: dict[str, Any], files: KeyframeFiles, damaged: list[int] | None = None
) -> Keyframe:
    """A keyframe from its line and its file. damaged: see saved_map.load_graph."""
    keyframe_id = int(record["id"])
    try:
        features, intrinsics, descriptor = files.load_view(keyframe_id)
    except InputError as error:
        if damaged is None:
            raise
        logger.warning("%s", error)
        damaged.append(keyframe_id)
        features, intrinsics, descriptor = NO_FEATURES, Intrinsics(1, 1, 0, 0, 1, 1), None
    return Keyframe(
        keyframe_id,
        int(record["segment"]),
        np.array(record["T_odometry_keyframe"]).reshape(4, 4),
        features,
        intrinsics,
        _frames(record),
        float(record["median_depth"]),
        descriptor,
        bool(record["is_metric"]),
        float(record["units"]),
        _matrix(record["T_previous_keyframe"]),
        _matrix(record.get("T_odometry_last")),
        is_found=bool(record.get("is_found", False)),
        turning=float(record.get("turning", 0.0)),
        shares_camera=bool(record.get("shares_camera", False)),
    )


def visit_record(culled: CulledKeyframe) -> dict[str, Any]:
    """Which keyframe became a visit to which; the rest is in the line that it had as a keyframe."""
    return {
        "id": culled.visit.id,
        "anchor": culled.anchor_id,
        "S_keyframe_visit": culled.visit.S_keyframe_visit.ravel().tolist(),
        # Here and not in lines of their own, so that a kill leaves all of it or nothing.
        "edges": [edge_record(edge) for edge in culled.edges],
    }


def visit_from_record(record: dict[str, Any], keyframe: dict[str, Any]) -> Visit:
    """keyframe: the line that it had as one."""
    return Visit.of(
        int(record["id"]),
        np.array(record["S_keyframe_visit"]).reshape(4, 4),
        _matrix(keyframe["T_previous_keyframe"]),
        _frames(keyframe),
    )


def _frames(keyframe: dict[str, Any]) -> list[TrackedFrame]:
    return [
        TrackedFrame(int(index), float(timestamp), np.array(T).reshape(4, 4))
        for index, timestamp, T in keyframe["frames"]
    ]


def edge_record(edge: Edge) -> dict[str, Any]:
    """An edge as the fields of a journal line."""
    record = {
        "i": edge.i,
        "j": edge.j,
        "type": edge.kind.value,
        "S_i_j": edge.S_i_j.ravel().tolist(),
        "information": edge.information.ravel().tolist(),
    }
    if edge.when_confirmed is not None:
        record["when_confirmed"] = edge.when_confirmed.ravel().tolist()
    return record


def edge_from_record(record: dict[str, Any]) -> Edge:
    """The edge of a journal line."""
    full = record.get("when_confirmed")  # none had one before edges were doubted
    return Edge(
        int(record["i"]),
        int(record["j"]),
        np.array(record["S_i_j"]).reshape(4, 4),
        np.array(record["information"]).reshape(7, 7),
        EdgeKind(record["type"]),
        None if full is None else np.array(full).reshape(7, 7),
    )


def poses_record(final: GlobalMap) -> dict[str, Any]:
    """Where the keyframes of a final map are, and what makes their depth maps better."""
    return {
        "left_out": final.left_out,
        "poses": {k.id: final.poses[k.id].ravel().tolist() for k in final.keyframes},
        "corrections": {k: grid.tolist() for k, grid in final.corrections.items()},
        "pairs": final.pairs,
    }


def map_from_record(keyframes: list[Keyframe], record: dict[str, Any]) -> GlobalMap:
    """The map whose poses these are, of a run's keyframes."""
    poses = {int(k): np.array(S).reshape(4, 4) for k, S in record["poses"].items()}
    grids = {int(k): np.array(grid) for k, grid in record["corrections"].items()}
    pairs = [(i, j) for i, j in record["pairs"]]
    left_out = [int(k) for k in record["left_out"]]
    return GlobalMap([k for k in keyframes if k.id in poses], poses, grids, pairs, left_out)


def decision_record(decision: LoopDecision) -> dict[str, Any]:
    """A decision as the fields of a journal line."""
    return asdict(decision)


def decision_from_record(record: dict[str, Any]) -> LoopDecision:
    """The decision of a journal line."""
    if "reason" in record:
        return decision_in_words(record)
    measured = record["measured"]
    return decision_of(
        record,
        None if record["refusal"] is None else Refusal(record["refusal"]),
        record["limit"],
        None if measured is None else Measured(**measured),
    )
