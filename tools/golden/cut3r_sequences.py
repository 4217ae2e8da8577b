"""Runs what golden files of CUT3R, TTT3R and TTSA3R sequences record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import torch
from torch import Tensor

from golden.module_outputs import ModuleOutputs
from golden.recording import Golden
from mapper.errors import InputError
from mapper.frontends.cut3r.config import Cut3rConfig
from mapper.frontends.cut3r.model import Cut3r, blend, gate_of
from mapper.frontends.cut3r.network import Decoded
from mapper.frontends.cut3r.rules.chosen import RULES
from mapper.frontends.cut3r.state import Cut3rPrediction, Cut3rState, StreamInput
from mapper.frontends.cut3r.stepping import (
    FRAME_BY_FRAME,
    FRAME_BY_FRAME_TTT3R,
    Rollout,
    StepOptions,
    whole_sequence,
)
from mapper.frontends.cut3r.update_rules import Gate
from mapper.frontends.layers.attention import LogitObserver
from mapper.frontends.layers.encoded import Encoded
from mapper.frontends.layers.rope import grid_positions, state_grid

OUTPUTS: Final[Mapping[str, Callable[[Cut3rPrediction], Tensor | None]]] = {
    "pts3d_in_self_view": lambda p: p.pointmap,
    "conf_self": lambda p: p.confidence,
    "rgb": lambda p: p.rgb,
    "camera_pose": lambda p: p.pose,
    "pts3d_in_other_view": lambda p: p.pointmap_world,
    "conf": lambda p: p.confidence_world,
}
QUERY_INPUTS: Final = ("query.ray_map", "query.in.", "query_in.", "in_query.")
FLAG_DEFAULTS: Final = {"img_mask": True, "ray_mask": False, "update": True, "reset": False}


@dataclass
class LogitRecorder:
    """Keeps the state-to-image logits of every layer, which the rules never do, and passes on."""

    rule: LogitObserver | None
    layers: list[Tensor] = field(default_factory=list)

    def add(self, query: Tensor, key: Tensor) -> None:
        scale = query.shape[-1] ** -0.5
        self.layers.append(torch.einsum("bmhd,bnhd->bhmn", query, key) * scale)
        if self.rule is not None:
            self.rule.add(query, key)


@dataclass(frozen=True)
class Recorded:
    """Everything that one frame left behind. state: after it."""

    encoded: Encoded
    decoded: Decoded
    prediction: Cut3rPrediction
    memory: Tensor
    gate: Gate
    logits: Tensor
    state: Cut3rState


def build(golden: Golden) -> Cut3r:
    """The model of the sidecar's configuration with the recorded weights, loaded strictly."""
    if "config" not in golden.sidecar:
        raise InputError(f"{golden.path}: the sidecar has no config")
    config = Cut3rConfig.of(golden.sidecar["config"], golden.sidecar.get("dpt_overrides"))
    patch_size = golden.sidecar.get("patch_size", config.patch_size)
    if patch_size != config.patch_size:
        raise InputError(f"{golden.path}: patch_size {patch_size} contradicts the configuration")
    weights = golden
    if golden.kind[1] != "weights":
        weights = golden.beside(golden.protocol["weights"])
    model = Cut3r(config).eval().to(weights.device)
    try:
        model.load_state_dict(weights.tensors, strict=True)
    except RuntimeError as error:
        raise InputError(f"{weights.path}: the weights do not fit the model ({error})") from error
    return model


def run_weights(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """Strict loading, and every tensor read back under its own name."""
    yield from build(golden).state_dict().items()


@torch.inference_mode()
def run_sequence(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """All frames, then the query if there was one; every recorded tensor that we can name."""
    tensors, model = golden.tensors, build(golden)
    views = list(views_of(golden))
    options = options_of(golden, views)
    initial = model.initial_state(views[0].batch)
    yield from named(tensors, {"state.init": initial.tokens, "mem.init": initial.memory})
    if "state.pos" in tensors:
        yield (
            "state.pos",
            state_grid(model.config.state_size, model.config.state_pe).expand_as(
                tensors["state.pos"]
            ),
        )
    hooks = ModuleOutputs(model, [n for n in tensors if n.startswith("dbg.")])
    frames: list[Recorded] = []
    state = initial
    for view in views:
        frames.append(record(model, view, state, options))
        state = frames[-1].state
    hooks.remove()
    yield from hooks.outputs(tensors)
    yield from frame_tensors(tensors, frames)
    if golden.protocol.get("raymap_query"):
        yield from run_query(model, tensors, state, options)


def views_of(golden: Golden) -> Iterator[StreamInput]:
    """The recorded inputs; absent flags take the sidecar's defaults."""
    tensors = golden.tensors
    images, rays = tensors.get("in.img"), tensors.get("in.ray_map")
    if images is None and "in.u8" in tensors:
        images = (tensors["in.u8"].permute(0, 1, 4, 2, 3).float() / 255 - 0.5) / 0.5
    given = images if images is not None else rays
    if given is None:
        raise InputError(f"{golden.path}: no input images (in.img, in.u8, in.ray_map)")
    defaults = {**FLAG_DEFAULTS, **golden.sidecar.get("flags_default", {})}
    flags = {
        name: tensors.get(f"flag.{name}", torch.full(given.shape[:2], bool(default)))
        for name, default in defaults.items()
        if name in FLAG_DEFAULTS
    }
    for i in range(len(given)):
        yield StreamInput(
            image=None if images is None else images[i],
            ray_map=None if rays is None else rays[i],
            image_mask=flags["img_mask"][i],
            ray_mask=flags["ray_mask"][i],
            update=flags["update"][i],
            reset=flags["reset"][i],
        )


def options_of(golden: Golden, views: list[StreamInput]) -> StepOptions:
    """The update rule and the frame loop that the protocol names, with all heads."""
    protocol = golden.protocol
    try:
        rule = RULES[protocol["update_rule"]]()
    except KeyError as error:
        raise InputError(f"{golden.path}: unknown update_rule {error}") from error
    return StepOptions(rule, rollout_of(protocol, views), world=True, rgb=True)


def rollout_of(protocol: Mapping[str, Any], views: list[StreamInput]) -> Rollout:
    """Frame by frame where the path is "recurrent"; every other name is the whole sequence."""
    if protocol.get("path", "recurrent") != "recurrent":
        return whole_sequence(any(bool(view.has_rays.any()) for view in views))
    if protocol.get("reset_semantics") == "ttt3r":
        return FRAME_BY_FRAME_TTT3R
    return FRAME_BY_FRAME


def record(model: Cut3r, view: StreamInput, state: Cut3rState, options: StepOptions) -> Recorded:
    """`model.step`, stage by stage, keeping what each left behind."""
    observer = options.rule.observer()
    recorder = LogitRecorder(observer)
    encoded = model.encode(view, options.rollout)
    decoded = model.decode(encoded, state, recorder)
    prediction = model.predict(encoded, decoded, options)
    change = model.change(view, encoded, decoded, state, observer)
    gate = gate_of(options.rule, change, state)
    if state.candidate is not None and not gate.parts:
        gate = replace(gate, parts=options.rule.gate(change).parts)
    memory = model.written_memory(encoded, decoded, state)
    after = model.after_reset(blend(state, change, gate, memory), view, options.rollout)
    logits = torch.stack(recorder.layers)
    return Recorded(encoded, decoded, prediction, memory, gate, logits, after)


def frame_tensors(
    tensors: Mapping[str, Tensor], frames: list[Recorded]
) -> Iterator[tuple[str, Tensor]]:
    """Recorded tensors with a leading axis of frames."""
    batch, states, _ = frames[0].decoded.candidate.shape
    parts = {name for frame in frames for name in frame.gate.parts}
    ours: dict[str, list[Tensor]] = {
        "state.after": [f.state.tokens for f in frames],
        "mem.after": [f.state.memory for f in frames],
        "state.rollout": [f.decoded.candidate for f in frames],
        "mem.written": [f.memory for f in frames],
        "enc.feat": [f.encoded.features for f in frames],
        "enc.pos": [grid_positions(*f.encoded.grid).expand(batch, -1, -1) for f in frames],
        "global_feat": [f.encoded.global_feature for f in frames],
        "pose_token.in": [f.decoded.pose_token_in for f in frames],
        "pose_token.out": [f.decoded.pose_token_out for f in frames],
        "gate.final": [f.gate.coefficient.expand(batch, states, 1) for f in frames],
        **{f"gate.{name}": gate_part(frames, name) for name in parts},
    }
    for k in range(len(frames[0].decoded.layers)):
        ours[f"dec.{k + 1}"] = [f.decoded.layers[k] for f in frames]
    for name, output in OUTPUTS.items():
        maps = [output(f.prediction) for f in frames]
        ours[f"out.{name}"] = [m for m in maps if m is not None]
    yield from named(tensors, {name: torch.stack(each) for name, each in ours.items() if each})
    logits = {f"ca_state_logits.frame{i}": f.logits for i, f in enumerate(frames)}
    yield from named(tensors, logits)


def gate_part(frames: list[Recorded], name: str) -> list[Tensor]:
    """One ingredient of the gate, NaN on frames where the rule was not asked."""
    known = next(f.gate.parts[name] for f in frames if name in f.gate.parts)
    missing = torch.full_like(known, torch.nan)
    return [f.gate.parts.get(name, missing) for f in frames]


def named(
    tensors: Mapping[str, Tensor], ours: Mapping[str, Tensor]
) -> Iterator[tuple[str, Tensor]]:
    """Those of our tensors that were recorded.

    Some recordings left out the axis of a single sequence, a revisit keeps its last frames, and the
    ingredients of a gate are NaN on frames where the reference did not evaluate it.
    """
    for name, tensor in ours.items():
        if name not in tensors:
            continue
        expected = tensors[name]
        if tensor.ndim == expected.ndim and len(expected) < len(tensor):
            tensor = tensor[-len(expected) :]
        if (
            tensor.numel() == expected.numel()
            and tensor.squeeze().shape == expected.squeeze().shape
        ):
            tensor = tensor.reshape(expected.shape)
        if name.startswith("gate.") and tensor.shape == expected.shape:
            tensor = tensor.masked_fill(expected.isnan(), torch.nan)
        yield name, tensor


def run_query(
    model: Cut3r, tensors: Mapping[str, Tensor], state: Cut3rState, options: StepOptions
) -> Iterator[tuple[str, Tensor]]:
    """The ray-map query after the last frame; its rays are recorded under query, or are the last
    frame's."""
    asked = [n for n, t in tensors.items() if "query" in n and "ray" in n and t.shape[-1] == 6]
    rays = tensors[asked[0]] if asked else tensors["in.ray_map"][-1]
    rays = rays.reshape(-1, *rays.shape[-3:])[-len(state.tokens) :]
    prediction = query(model, rays, state, options)
    for name in tensors:
        output = OUTPUTS.get(name.removeprefix("query.").removeprefix("out."))
        if name.startswith("query.") and output is not None:
            tensor = output(prediction)
            assert tensor is not None
            yield from named(tensors, {name: tensor})


def query(
    model: Cut3r, ray_map: Tensor, state: Cut3rState, options: StepOptions
) -> Cut3rPrediction:
    """What a camera with these rays (B, H, W, 6) would see; the state is left as it is.

    The pose token always comes from the memory, even before the first frame, as published.
    """
    remembered = replace(state, learned_pose=torch.zeros_like(state.learned_pose))
    encoded = model.encode(StreamInput(ray_map=ray_map), FRAME_BY_FRAME)
    return model.predict(encoded, model.decode(encoded, remembered), options)
