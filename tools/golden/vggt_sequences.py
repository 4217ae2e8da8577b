"""Runs what golden files of STream3R, StreamVGGT and VGGT sequences record."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import torch
from torch import Tensor

from golden.recording import Golden, load_tensors
from mapper.errors import ConfigError, InputError
from mapper.frontends.vggt.cache.pages import FrameCache
from mapper.frontends.vggt.cache.session_options import SessionOptions
from mapper.frontends.vggt.config import VggtConfig
from mapper.frontends.vggt.network import Vggt, VggtPrediction
from mapper.frontends.vggt.session import StreamSession
from mapper.frontends.vggt.tracks.tracker import Tracks

STREAMVGGT: Final = "streamvggt"  # of the three, the one whose camera cache is shared
RAW_KEY_AXES: Final = 5  # (B, heads, frames, tokens, d); STream3R's has frames and tokens in one
TRUNCATED_POSE: Final = 7  # numbers of an encoding in some recordings of VGGT


def build(weights: Golden) -> Vggt:
    """The model of the sidecar's configuration with the recorded weights, loaded strictly."""
    if "config" not in weights.sidecar:
        raise InputError(f"{weights.path}: the sidecar has no config")
    has_tracks = any(name.startswith("track_head.") for name in weights.tensors)
    try:
        model = Vggt(VggtConfig.of(weights.sidecar["config"], has_tracks)).eval().to(weights.device)
        model.load_state_dict(weights.tensors, strict=True)
    except (ConfigError, RuntimeError) as error:
        raise InputError(f"{weights.path}: the weights do not fit the model ({error})") from error
    return model


def run_weights(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """Strict loading, and every tensor read back under its own name."""
    yield from build(golden).state_dict().items()


def run_inputs(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """The images, from the recorded pixels."""
    for name, pixels in golden.tensors.items():
        images = name.replace("raw_uint8", "images")
        if name != images and images in golden.tensors:
            yield images, pixels.permute(0, 3, 1, 2).float() / 255


@torch.inference_mode()
def run_sequence(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """All frames at once, or one call after another; every recorded tensor that we can name."""
    protocol, tensors = golden.protocol, golden.tensors
    model = build(golden.beside(protocol["weights"]))
    read = load_tensors(golden.path.with_name(protocol["inputs"]))
    inputs = {name: tensor.to(golden.device) for name, tensor in read.items()}
    images = images_of(golden, inputs)
    query = inputs["query_points"].expand(len(images), -1, -1) if asks_tracks(golden) else None
    raw = RawKeys(model, tensors)
    session: StreamSession | None = None
    if protocol["run"] == "session":
        options = SessionOptions(protocol["mode"], protocol["model"] == STREAMVGGT)
        session = StreamSession(model, options)
        calls = [session.step(call) for call in calls_of(protocol, images)]
        if query is not None:  # published: each frame is tracked against itself
            calls = [replace(c, tracks=tracks_of(model, c, query)) for c in calls]
    else:
        calls = [model(images, protocol["mode"], query_points=query)]
    ours = outputs(model, calls, query is not None)
    for name, tensor in ours.items():
        if name in tensors:
            yield name, fitted(tensor, tensors[name])
    raw.remove()
    if session is not None:
        yield from cache_tensors(session, raw, tensors)


def asks_tracks(golden: Golden) -> bool:
    """Whether the run was given points to track."""
    return bool(golden.protocol.get("query_points"))


def tracks_of(model: Vggt, call: VggtPrediction, query: Tensor) -> Tracks:
    """The tracks of one call on its own."""
    return model.track(model.track_features(call.aggregated), query)


def images_of(golden: Golden, inputs: Mapping[str, Tensor]) -> Tensor:
    """(B, S, 3, H, W) as the protocol chooses them.

    frames: how many, or which; null = all. sequences: how many of equal length in a row, or a list
    of frames each; null = one.
    """
    protocol = golden.protocol
    images = inputs[protocol.get("images") or "images"]
    frames, sequences = protocol.get("frames"), protocol.get("sequences")
    if isinstance(sequences, list) and sequences and isinstance(sequences[0], list):
        return torch.stack([images[chosen(part, len(images))] for part in sequences])
    if isinstance(sequences, list):
        sequences = len(sequences)
    if isinstance(frames, int):
        return images[: frames * (sequences or 1)].unflatten(0, (-1, frames))
    if isinstance(frames, list):
        images = images[chosen(frames, len(images))]
    return images.unflatten(0, (sequences or 1, -1))


def chosen(frames: Sequence[int], count: int) -> list[int]:
    """Indices of frames; InputError for those that there are not."""
    if any(not 0 <= frame < count for frame in frames):
        raise InputError(f"frames {list(frames)}: the recorded inputs have {count}")
    return list(frames)


def calls_of(protocol: Mapping[str, Any], images: Tensor) -> Iterator[Tensor]:
    """The images of each call: of one frame, or as many as `chunks` says."""
    chunks = protocol.get("chunks") or 1
    if isinstance(chunks, int):
        yield from images.split(chunks, 1)
        return
    if isinstance(chunks[0], list):
        chunks = [len(chunk) for chunk in chunks]
    yield from images[:, : sum(chunks)].split(list(chunks), 1)


def outputs(model: Vggt, calls: list[VggtPrediction], tracks: bool) -> dict[str, Tensor]:
    """All outputs under their recorded names, frames in a row."""

    def joined(values: Sequence[Tensor | None], axis: int = 1) -> Tensor:
        return torch.cat([value for value in values if value is not None], axis)

    iterations = [torch.stack(c.pose_iterations) for c in calls]
    last = max(model.aggregator.tapped)
    found = {
        "pose_enc": joined([c.pose_encoding for c in calls]),
        "pose_enc_iters": joined(iterations, 2),
        "world_points": joined([c.points for c in calls]),
        "world_points_conf": joined([c.points_confidence for c in calls]),
        "depth": joined([c.depth for c in calls])[..., None],
        "depth_conf": joined([c.depth_confidence for c in calls]),
        "tokens_last": joined([c.aggregated.taps[last] for c in calls]),
    }
    if tracks:
        told = [c.tracks for c in calls if c.tracks is not None]
        found |= {
            "track": joined([t.xy for t in told]),
            "track_iters": joined([torch.stack(t.iterations) for t in told], 2),
            "vis": joined([t.visibility for t in told]),
            "track_conf": joined([t.confidence for t in told]),
            "track_features": joined([model.track_features(c.aggregated) for c in calls]),
        }
    return found


def fitted(ours: Tensor, expected: Tensor) -> Tensor:
    """Ours in the recorded layout: without the axis of a single sequence, or time first."""
    if expected.shape[-1] == TRUNCATED_POSE and ours.shape[-1] == TRUNCATED_POSE + 2:
        ours = ours[..., :TRUNCATED_POSE]
    if ours.shape == expected.shape:
        return ours
    if ours.squeeze().shape == expected.squeeze().shape:
        return ours.reshape(expected.shape)
    for axis in range(ours.ndim - 1):
        if ours.transpose(axis, axis + 1).shape == expected.shape:
            return ours.transpose(axis, axis + 1)
    return ours


class RawKeys:
    """Keys as StreamVGGT's cache was recorded: before their norm and rotation.

    (The written description says after the norm.) Ours keeps them after both, whence there is no
    way back, so they are taken down where they are computed.
    """

    def __init__(self, model: Vggt, names: Iterable[str]) -> None:
        self._model = model
        self._seen: dict[int, list[Tensor]] = {}
        self._hooks = []
        for name in names:
            if match := re.fullmatch(r"cache\.agg\.(\d+)\.k", name):
                layer = int(match[1])
                projection = model.aggregator.global_blocks[layer].get_submodule("attn.qkv")
                self._hooks.append(projection.register_forward_hook(self._listener(layer)))

    def remove(self) -> None:
        for hook in self._hooks:
            hook.remove()

    def keys(self, layer: int) -> Tensor:
        """(B, heads, frames * tokens, d)."""
        heads = self._model.config.agg_heads
        together = torch.cat(self._seen[layer], 1).unflatten(-1, (3, heads, -1))
        return together[:, :, 1].transpose(1, 2)

    def _listener(self, layer: int) -> Any:
        def listen(_module: Any, _inputs: Any, output: Tensor) -> None:
            self._seen.setdefault(layer, []).append(output.detach().clone())

        return listen


def cache_tensors(
    session: StreamSession, raw: RawKeys, expected: Mapping[str, Tensor]
) -> Iterator[tuple[str, Tensor]]:
    """Keys and values after the last frame, in the recorded order."""
    frames, cameras = session.frames, session.cameras
    assert isinstance(frames, FrameCache) and cameras is not None
    blocks = session.model.config.cam_trunk_depth
    for name, tensor in expected.items():
        if match := re.fullmatch(r"cache\.agg\.(\d+)\.([kv])", name):
            is_raw = match[2] == "k" and tensor.ndim == RAW_KEY_AXES
            layer = int(match[1])
            ours = raw.keys(layer) if is_raw else entries(frames, layer, match[2])
        elif match := re.fullmatch(r"cache\.cam\.(\d+)\.(\d+)\.([kv])", name):
            ours = entries(cameras, int(match[1]) * blocks + int(match[2]), match[3])
        elif match := re.fullmatch(r"cache\.cam\.(\d+)\.([kv])", name):
            ours = entries(cameras, int(match[1]), match[2])
        else:
            continue
        yield name, ours.reshape(tensor.shape) if ours.numel() == tensor.numel() else ours


def entries(cache: FrameCache, layer: int, kind: str) -> Tensor:
    """(B, heads, frames, tokens, d) by frame."""
    keys, values = cache.ordered(layer)
    return (keys if kind == "k" else values).permute(0, 3, 1, 2, 4)
