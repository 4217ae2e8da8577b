"""Runs what golden files of WinT3R sequences record."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from reference.wint3r_offline import Slots, merged, padded_length, predict_slots
from torch import Tensor

from golden.recording import Golden
from golden.wint3r_details import FirstWindow, in_recorded_order
from mapper.errors import ConfigError, InputError
from mapper.frontends.layers.rope import state_grid
from mapper.frontends.wint3r.camera_pool import PoolOptions
from mapper.frontends.wint3r.config import Wint3rConfig
from mapper.frontends.wint3r.network import Wint3r
from mapper.frontends.wint3r.poses import pose_matrix
from mapper.frontends.wint3r.positions import RotaryPrecision, frame_positions
from mapper.frontends.wint3r.prediction import FramePrediction, WindowOutput
from mapper.frontends.wint3r.preprocess import normalised
from mapper.frontends.wint3r.session import Wint3rSession
from mapper.frontends.wint3r.windows import StreamOptions

POSES = "camera_pos_enc.iter"


@dataclass(frozen=True)
class Streamed:
    """Everything that an online run left behind. poses: raw, (iterations, B, slots so far, 7) after
    each window."""

    predictions: list[FramePrediction]
    windows: list[WindowOutput]
    poses: list[Tensor]


def build(golden: Golden) -> Wint3r:
    """The model of the recorded configuration with the recorded weights, loaded strictly."""
    weights = golden if golden.kind[1] == "weights" else golden.beside(weights_name(golden))
    described = golden if "config" in golden.sidecar else weights
    if "config" not in described.sidecar:
        raise InputError(f"{described.path}: the sidecar has no config")
    widths = described.sidecar.get("pts_head_overrides")
    widths = widths or weights.sidecar.get("pts_head_overrides")
    model = Wint3r(Wint3rConfig.of(described.sidecar["config"], widths)).eval().to(weights.device)
    try:
        model.load_state_dict(weights.tensors, strict=True)
    except RuntimeError as error:
        raise InputError(f"{weights.path}: the weights do not fit the model ({error})") from error
    return model


def weights_name(golden: Golden) -> str:
    name = golden.protocol.get("weights") or golden.sidecar.get("weights_file")
    if not name:
        raise InputError(f"{golden.path}: the sidecar names no file of weights")
    return str(name)


def run_weights(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """Strict loading, and every tensor read back under its own name."""
    yield from build(golden).state_dict().items()


@torch.inference_mode()
def run_sequence(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """All images in the recorded mode; every recorded tensor that we can name."""
    model, images, options = build(golden), images_of(golden), options_of(golden)
    mode = golden.protocol.get("mode")
    if mode == "online":
        ours = _online(model, images, options, golden.tensors)
    elif mode in ("offline", "train"):
        ours = _whole(model, images, options, mode)
    else:
        raise InputError(f"{golden.path}: unknown mode {mode!r}: expected online, offline or train")
    yield from named(golden.tensors, {**dict(ours), **_beginning(model, len(images))})
    blocks = {re.match(r"block(\d+)\.", name) for name in golden.tensors}
    for block in {int(match[1]) for match in blocks if match}:
        other = replace(options, pool=PoolOptions(block))
        outputs = frame_outputs(stream(model, images, other).predictions)
        found = {f"block{block}.{name}": tensor for name, tensor in outputs.items()}
        yield from named(golden.tensors, found)


def images_of(golden: Golden) -> Tensor:
    """The recorded input, (B, N, 3, H, W)."""
    source = golden
    inputs = str(golden.protocol.get("inputs") or golden.path.name)
    if inputs != golden.path.name:
        source = golden.beside(inputs)
    if "in.images_norm" in source.tensors:
        return source.tensors["in.images_norm"]
    if "in.images_u8" in source.tensors:
        return normalised(source.tensors["in.images_u8"].movedim(-1, -3) / 255)
    raise InputError(f"{source.path}: no input images (in.images_norm, in.images_u8)")


def options_of(golden: Golden) -> StreamOptions:
    protocol: Mapping[str, Any] = golden.protocol
    try:
        return StreamOptions(
            window=int(protocol.get("window_size", 4)),
            first_pose=bool(protocol.get("ret_first_pred", False)),
            precision=RotaryPrecision(protocol.get("rope", "fallback")),
        )
    except (ValueError, ConfigError) as error:
        raise InputError(f"{golden.path}: {error}") from error


def stream(model: Wint3r, images: Tensor, options: StreamOptions) -> Streamed:
    """All images (B, N, 3, H, W) through a session, one at a time."""
    session = Wint3rSession(model, options)
    streamed = Streamed([], [], [])
    for image in images.unbind(1):
        streamed.predictions.extend(session.step(image))
        _note(session, streamed)
    streamed.predictions.extend(session.flush())
    _note(session, streamed)
    return streamed


def frame_outputs(predictions: Iterable[FramePrediction]) -> dict[str, Tensor]:
    """Recorded names, without their prefix, of what is said of all frames."""
    predictions = list(predictions)
    poses = torch.stack([p.poses for p in predictions], 2)
    pointmap = torch.stack([p.pointmap for p in predictions], 1)
    return {
        **{f"{POSES}{i}": pose for i, pose in enumerate(poses)},
        "pts_local": pointmap,
        "conf": torch.stack([p.confidence for p in predictions], 1),
        "pts3d_in_other_view": in_world(poses[-1], pointmap),
    }


def in_world(poses: Tensor, pointmap: Tensor) -> Tensor:
    """Points (B, N, H, W, 3) moved by poses (B, N, 7)."""
    T_world_camera = pose_matrix(poses.to(pointmap.device))[:, :, None]
    rotation, translation = T_world_camera[..., :3, :3], T_world_camera[..., :3, 3]
    return pointmap @ rotation.transpose(-1, -2) + translation[..., None, :]


def named(
    tensors: Mapping[str, Tensor], ours: Mapping[str, Tensor]
) -> Iterator[tuple[str, Tensor]]:
    """Those of our tensors that were recorded, in the recorded order of rows."""
    for name, tensor in ours.items():
        if name in tensors:
            yield name, in_recorded_order(tensors[name], tensor)


def _beginning(model: Wint3r, batch: int) -> dict[str, Tensor]:
    positions = state_grid(model.config.state_size, model.config.state_pe)
    return {
        "state_init": model.initial_state(batch),
        "state_pos": positions.expand(batch, -1, -1),
    }


def _online(
    model: Wint3r, images: Tensor, options: StreamOptions, tensors: Mapping[str, Tensor]
) -> Iterator[tuple[str, Tensor]]:
    with FirstWindow(model) as details:
        streamed = stream(model, images, options)
    frames = streamed.windows[0].positions
    yield from details.outputs(tensors, frames)
    count = padded_length(images.shape[1], options.window, options.step)
    yield "out.num_views_after_padding", torch.tensor(count)
    for name, tensor in frame_outputs(streamed.predictions).items():
        yield f"out.{name}", tensor
    grid = (images.shape[-2] // 16, images.shape[-1] // 16)
    pool: list[Tensor] = []
    for number, window in enumerate(streamed.windows):
        batch, slots = window.tokens.shape[:2]
        positions = frame_positions(grid).expand(batch, slots, -1, -1)
        yield f"win{number}.in_tokens", window.tokens
        yield f"win{number}.pos", positions
        yield f"win{number}.state_out", window.decoded.state
        yield f"win{number}.dec_final", window.decoded.final.flatten(1, 2)
        yield f"win{number}.pre_local_final", window.decoded.before_frames.flatten(1, 2)
        yield f"ptshead{number}.pts_local", window.pointmap
        yield f"ptshead{number}.conf", window.confidence
        pool.append(window.decoded.camera_tokens)
        yield f"camhead{number}.pool", torch.cat(pool, 1)
        for i, poses in enumerate(streamed.poses[number]):
            yield f"camhead{number}.enc_iter{i}", poses


def _whole(
    model: Wint3r, images: Tensor, options: StreamOptions, mode: str
) -> Iterator[tuple[str, Tensor]]:
    slots = predict_slots(model, images, options, padded=mode == "offline")
    yield "ptshead0.pts_local", slots.pointmap
    yield "ptshead0.conf", slots.confidence
    yield "camhead0.pool", slots.camera_tokens
    for i, poses in enumerate(slots.poses):
        yield f"camhead0.enc_iter{i}", poses
    count = images.shape[1]
    if mode == "offline":
        count = padded_length(count, options.window, options.step)
        outputs = frame_outputs(merged(slots, options))
    else:
        outputs = _slot_outputs(slots)
    yield "out.num_views_after_padding", torch.tensor(count)
    for name, tensor in outputs.items():
        yield f"out.{name}", tensor


def _slot_outputs(slots: Slots) -> dict[str, Tensor]:
    """What training sees: every slot, poses as they are."""
    return {
        **{f"{POSES}{i}": poses for i, poses in enumerate(slots.poses)},
        "pts_local": slots.pointmap,
        "conf": slots.confidence,
        "view_idx_list": torch.tensor(slots.positions),
    }


def _note(session: Wint3rSession, streamed: Streamed) -> None:
    """Keep the newest window, if there is one, and all raw poses as they are after it."""
    window = session.window
    if window is None or (streamed.windows and streamed.windows[-1] is window):
        return
    streamed.windows.append(window)
    before = streamed.poses[-1][:, :, : window.first_pose_slot] if streamed.poses else None
    poses = window.poses if before is None else torch.cat([before, window.poses], 2)
    streamed.poses.append(poses)
