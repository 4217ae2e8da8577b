"""What it costs to forget frames or to round them, on a tiny recorded network."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import torch
from golden.recording import Golden, load_tensors
from golden.vggt_sequences import build
from torch import Tensor

from mapper.frontends.vggt.cache.session_options import ALL_POLICIES, SessionOptions
from mapper.frontends.vggt.network import Vggt
from mapper.frontends.vggt.session import StreamSession

# Out, a rest, back, another rest, out again: what a camera in a room does.
WALK: Final = (*range(9), 8, 8, *range(7, -1, -1), 0, 0, *range(1, 9), 8, 8, *range(7, -1, -1))
CAPACITIES: Final = (5, 9, 18)
OVERLAPS: Final = (0.9, 0.7)  # below which a frame is a keyframe
STORED: Final = ("bfloat16", "int8", "float8")
MODELS: Final = ("stream3r", "streamvggt")


@torch.inference_mode()
def print_policies(folder: Path) -> None:
    """folder: of the golden data, whose networks and images are taken."""
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)  # that frames are forgotten is the point
    print(
        f"{len(WALK)} frames; mean error of camera positions and of depths over all frames, "
        "against the unbounded float32 cache, relative to the mean of each\n\n"
        "| model | cache | position | depth |\n| --- | --- | --- | --- |"
    )
    for name in MODELS:
        model = build(Golden.open(folder / f"{name}_tiny_weights.json"))
        images = load_tensors(folder / f"{name}_tiny_inputs.safetensors")["images"]
        compare(name, model, images[list(WALK)])


def compare(name: str, model: Vggt, images: Tensor) -> None:
    """Every policy at every capacity, then every stored type."""
    plain = SessionOptions(shared_camera_cache=name == "streamvggt")
    exact, size = outputs(model, images, plain)
    for frames in CAPACITIES:
        for policy in ALL_POLICIES:
            bounded = replace(plain, budget=size // len(images) * frames, policy=policy)
            report(f"{name} | {frames} frames, {policy}", outputs(model, images, bounded)[0], exact)
        every = replace(bounded, policy="overlap", cache_every=2)
        label = f"{name} | {frames} frames, overlap, every second"
        report(label, outputs(model, images, every)[0], exact)
        for overlap in OVERLAPS:
            keyframes = replace(bounded, policy="overlap", cache_overlap=overlap)
            label = f"{name} | {frames} frames, overlap, keyframes below {overlap}"
            report(label, outputs(model, images, keyframes)[0], exact)
    for storage in STORED:
        rounded, taken = outputs(model, images, replace(plain, storage=storage))
        report(f"{name} | all in {storage}, {taken / size:.2f} of the bytes", rounded, exact)


def outputs(
    model: Vggt, images: Tensor, options: SessionOptions
) -> tuple[tuple[Tensor, Tensor], int]:
    """Positions (frames, 3) and depths (frames, H * W); and the bytes of the cache."""
    session = StreamSession(model, options)
    told = [session.step(image[None]) for image in images]
    positions = torch.stack([each.pose_encoding[0, 0, :3] for each in told])
    depths = torch.stack([each.depth.flatten() for each in told if each.depth is not None])
    return (positions, depths), session.cache_bytes


def report(name: str, found: Sequence[Tensor], exact: Sequence[Tensor]) -> None:
    errors = (
        float((a - b).norm(dim=1).mean() / b.norm(dim=1).mean())
        for a, b in zip(found, exact, strict=True)
    )
    print(f"| {name} | " + " | ".join(f"{error:.4f}" for error in errors) + " |")
