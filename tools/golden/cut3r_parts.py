"""Runs what golden files of CUT3R's single parts record: geometry and preprocessing."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from golden.cut3r_poses import chained, pose_encoding, transformed, weighted_rigid_fit
from golden.recording import Golden
from mapper.frontends.cut3r.activations import (
    SMALLEST_NORM,
    confidence_exp,
    facing_forward,
    points_exp,
    pose_exp,
    rgb_sigmoid,
)
from mapper.frontends.cut3r.pose_encoding import pose_matrix
from mapper.frontends.cut3r.preprocess import as_tensor, preprocessed
from mapper.frontends.layers.rope import Rope2D
from mapper.vision.pointmap_focal import median_focal, weiszfeld_focal

GEOMETRY_INPUTS: Final = (
    "pose.raw",
    "rot.special",
    "dense.raw",
    "focal.pts3d",
    "focal.pp",
    "procrustes.src",
    "procrustes.dst",
    "procrustes.w",
    "chunk.poses",
    "chunk.reset",
    "rope.in",
    "rope.pos",
    "rope48.in",
)
CLIPPING_BOUNDS: Final = (0.5, 3.5)  # of the recorded focal.weiszfeld_clipped
GEOTRF_POSES: Final = slice(4, 7)  # of pose.c2w: those that moved the focal pointmaps


def run_geometry(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """Poses, dense activations, focal lengths, transforms, chains, rotary positions."""
    tensors = golden.tensors
    for name, ours in _geometry(tensors):
        if name in tensors:
            yield name, ours


def _geometry(t: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    if "pose.raw" in t:
        yield from _poses(t)
    if "rot.special" in t:
        special = torch.eye(4).repeat(len(t["rot.special"]), 1, 1)
        special[:, :3, :3] = t["rot.special"]
        yield "rot.special_quat_wxyz", _encoded(special)[:, 3:]
    if "dense.raw" in t:
        raw = t["dense.raw"].permute(0, 2, 3, 1)
        yield "dense.pts3d", points_exp(raw[..., :3])
        yield "dense.pts3d_posz", points_exp(facing_forward(raw[..., :3]))
        yield "dense.conf", confidence_exp(raw[..., 3], 1.0, float("inf"))
        yield "dense.rgb", rgb_sigmoid(raw[..., :3])
    if "focal.pts3d" in t:
        pointmap, centre = t["focal.pts3d"], t["focal.pp"]
        yield "focal.weiszfeld", weiszfeld_focal(pointmap, centre)
        yield "focal.weiszfeld_clipped", weiszfeld_focal(pointmap, centre, CLIPPING_BOUNDS)
        yield "focal.median", median_focal(pointmap, centre)
    if "procrustes.src" in t:
        fit = weighted_rigid_fit(t["procrustes.src"], t["procrustes.dst"], t["procrustes.w"])
        yield "procrustes.T", fit
    if "chunk.poses" in t:
        yield "chunk.out", torch.stack(chained(t["chunk.poses"], t["chunk.reset"].tolist()))
    for name in ("rope", "rope48"):
        if f"{name}.in" in t:
            tokens = t[f"{name}.in"].transpose(1, 2)  # recorded as (B, heads, n, head_dim)
            rope = Rope2D.at(t["rope.pos"][0], tokens.shape[-1])
            yield f"{name}.out", rope.rotate(tokens).transpose(1, 2)


def _poses(t: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    pose = pose_exp(t["pose.raw"])
    yield "pose.post_exp", pose
    yield "pose.post_exp_inverse", _published_inverse(pose)
    matrices = pose_matrix(pose)
    yield "pose.c2w", matrices
    yield "pose.c2w_from_unnormalised", pose_matrix(t["pose.raw"])
    yield "pose.encoding_from_c2w", _encoded(t["pose.c2w"])
    if "focal.pts3d" in t:
        yield "geotrf.world", transformed(matrices[GEOTRF_POSES], t["focal.pts3d"])


def _published_inverse(pose: Tensor) -> Tensor:
    """What the reference calls the inverse of the pose activation: it is none, and nothing uses it.

    A translation of length d becomes one of length d^2 / (exp(d) - 1).
    """
    length = pose[:, :3].norm(dim=-1, keepdim=True)
    translation = pose[:, :3] * length / torch.expm1(length).clamp(min=SMALLEST_NORM)
    return torch.cat([translation, pose[:, 3:]], -1)


def _encoded(T_world_camera: Tensor) -> Tensor:
    return torch.from_numpy(pose_encoding(T_world_camera.double().numpy())).float()


def run_preprocess(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """Every recorded output image, from the sources in this file or in those beside it."""
    sources: dict[str, Image.Image] = {}
    for file in reversed(golden.siblings()):
        sources |= dict(_sources(file.tensors))
    cases = golden.sidecar.get("cases", {})
    for name in golden.tensors:
        kind, _, source = name.partition(".")
        how, size = kind.rstrip("0123456789"), kind.lstrip("abcdefghijklmnopqrstuvwxyz")
        if source not in sources or how not in ("out", "nocrop", "float") or not size.isdigit():
            continue
        square_ok = how == "out" and f"{source}@{size}" not in cases
        square_ok &= f"{source}@{size}@square_ok" in cases
        image = preprocessed(sources[source], int(size), how != "nocrop", square_ok)
        yield name, as_tensor(image) if how == "float" else torch.from_numpy(image.copy())


def _sources(tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, Image.Image]]:
    for name, tensor in tensors.items():
        kind, _, source = name.partition(".")
        if kind == "raw":
            yield source, Image.fromarray(tensor.numpy())
        elif kind == "png":
            encoded = Image.open(io.BytesIO(np.asarray(tensor).tobytes()))
            yield source, ImageOps.exif_transpose(encoded).convert("RGB")
