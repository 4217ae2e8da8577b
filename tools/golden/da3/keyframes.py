"""Runs what golden files of the keyframe loop record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from golden.recording import Golden
from mapper.errors import InputError
from mapper.frontends.keyframe_loop.cameras import average, distances
from mapper.frontends.keyframe_loop.config import LoopRules
from mapper.frontends.keyframe_loop.loop import Call, KeyframeMap, merged_poses
from mapper.frontends.keyframe_loop.scale import absolute_scale, scale_between

SMALL: Final = (slice(None), slice(0, 20), slice(0, 30))  # the part of the small recordings
# Recorded constants, by the rules' names.
NAMES: Final = {
    "first": "map_init_window",
    "every": "map_every",
    "most": "max_keyframes",
    "least": "min_keyframes",
    "nearest": "top_k_keyframes",
    "bridges": "bridge_keyframes",
    "apart": "keyframe_threshold",
    "fill": "keyframe_resample_threshold",
    "forward": "keyframe_resample_threshold_max_f",
    "farthest": "keyframe_resample_threshold_max_b",
    "between": "keyframe_resample_threshold_min",
}


def run_keyframe_loop(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """The map after every call; InputError where the loop chooses other keyframes."""
    config = golden.sidecar.get("config") or golden.protocol["config"]
    keyframes = KeyframeMap(LoopRules(**{ours: config[name] for ours, name in NAMES.items()}))
    t = {name: tensor.numpy() for name, tensor in golden.tensors.items()}
    poses = np.zeros((len(golden.protocol["frames"]), 4, 4))
    for number, recorded in enumerate(golden.protocol["calls"]):
        shown = recorded["frames"]
        agreed(golden, number, keyframes.active if number else [], shown[: recorded["active"]])
        c2w, points, confidence = (t[f"call.{number}.{name}"] for name in ("c2w", "points", "conf"))
        call = Call(shown, recorded["active"], c2w, points, confidence, range(len(shown)))
        keyframes.take(call)
        agreed(golden, number, sorted(keyframes.keyframes), recorded["keyframes_after"])
        agreed(golden, number, keyframes.active, recorded["active_after"])
        for frame, mapped in keyframes.frames.items():
            poses[frame] = mapped.T_world_camera
        yield f"after.{number}.c2w", torch.from_numpy(poses.copy())
    final = [keyframes.frames[frame] for frame in range(len(poses))]
    yield "final.points", torch.from_numpy(np.stack([f.points for f in final]))
    yield "final.conf", torch.from_numpy(np.stack([f.confidence for f in final]))
    yield "final.times", torch.tensor([float(f.times) for f in final])


def agreed(golden: Golden, call: int, ours: Any, expected: Any) -> None:
    if list(ours) != list(expected):
        raise InputError(f"{golden.path}: call {call}: {list(ours)}, recorded {list(expected)}")


def run_keyframe_units(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    t = {name: tensor.numpy() for name, tensor in golden.tensors.items()}
    yield "distance.out", torch.from_numpy(distances(t["distance.a"], t["distance.b"]))
    both = (t["merge.a"], t["merge.conf_a"], t["merge.b"], t["merge.conf_b"])
    yield "merge.out", torch.from_numpy(merged_poses(*both))
    yield "average.out", torch.from_numpy(average(t["merge.b"], t["average.weights"]))
    for name, part in (("scale", (slice(None),)), ("scale_small", SMALL)):
        source, target, mask = (t[f"scale.{kind}"][part] for kind in ("source", "target", "mask"))
        flat = (source.reshape(-1, 3), target.reshape(-1, 3), mask.reshape(-1))
        yield f"{name}.l1", torch.tensor(absolute_scale(*flat))
        yield f"{name}.best", torch.tensor(scale_between(source, target, mask))
