"""Runs what golden files of Depth Anything 3's single functions record."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np
import torch
from torch import Tensor

from golden.da3.sequences import build
from golden.recording import Golden
from mapper.core.geometry import inverse
from mapper.errors import InputError
from mapper.frontends.da3.backbone import Backbone
from mapper.frontends.da3.cameras import encoding_of, intrinsics_of, normalised_poses, poses_of
from mapper.frontends.da3.config import Da3Config
from mapper.frontends.da3.metric import (
    fitted_pixels,
    metres_per_unit,
    metric_depth,
    with_metric_sky,
)
from mapper.frontends.da3.posed import fit_of, moved, samples_of
from mapper.frontends.da3.rays import cameras_of_rays
from mapper.frontends.da3.reference_view import Choice, reference_view
from mapper.frontends.layers.map_positions import add_positions
from mapper.frontends.layers.rope import Rope2D
from mapper.vision.rotations import inverse_rigid

SIZE: Final = (56, 84)  # (height, width) of the image whose cameras are recorded
RAY_SIZE: Final = (80, 112)
TIED: Final = 1e-6  # of a range of similarities, in float32
CHOICES: Final[tuple[Choice, ...]] = ("first", "middle", "saddle_balanced", "saddle_sim_range")
UNIT_INPUTS: Final = (
    *(f"rope.{d}.{what}" for d in (8, 16, 32, 64) for what in ("in", "local_pos", "global_pos")),
    *("pos_embed.stored", "camera.c2w", "camera.intrinsics", "camera.decode_in"),
    *("cam_enc.extrinsics", "cam_enc.intrinsics", "cam_dec.in"),
    *(f"select.{views}.tokens" for views in range(1, 17)),
    *(f"normalise.{views}.in" for views in range(1, 17)),
    *(f"{fit}.{what}" for fit in ("align", "align_ransac") for what in ("predicted", "given")),
    *(f"metric.{what}" for what in ("conf", "depth", "intrinsics", "metric_raw", "sky")),
    *("rays.ray", "rays.conf", "rays.idx", "rays.true_c2w"),
)

DA3_FUNCTION_INPUTS: Final = (
    *UNIT_INPUTS,
    *("chunk.", "sequential.", "loop.", "call."),
    *("distance.a", "distance.b", "merge.a", "merge.b", "merge.conf_a", "merge.conf_b"),
    *("average.weights", "scale.source", "scale.target", "scale.mask"),
)


@torch.inference_mode()
def run_units(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """Whatever of the file's tensors one of the parts can compute."""
    for marker, part in PARTS.items():
        if any(name.startswith(f"{marker}.") for name in golden.tensors):
            yield from ((n, o) for n, o in part(golden) if n in golden.tensors)


def rope(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    t = golden.tensors
    for name in t:
        if match := re.fullmatch(r"rope\.(\d+)\.(local|global)_out", name):
            tokens = t[f"rope.{match[1]}.in"].transpose(1, 2)
            tables = Rope2D.at(t[f"rope.{match[1]}.{match[2]}_pos"][0], int(match[1]))
            yield name, tables.rotate(tokens).transpose(1, 2)


def position_embedding(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    stored = golden.tensors["pos_embed.stored"]
    side = round((stored.shape[1] - 1) ** 0.5)
    config = Da3Config(img_size=14 * side, embed_dim=stored.shape[2], num_heads=1, depth=12)
    backbone = Backbone(config)
    backbone.pos_embed.data = stored
    for name in golden.tensors:
        if match := re.fullmatch(r"pos_embed\.(\d+)x(\d+)", name):
            yield name, backbone.position(int(match[1]), int(match[2]))


def map_positions(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    for name in golden.tensors:
        if match := re.fullmatch(r"uv\.(\d+)x(\d+)\.of\.(\d+)x(\d+)\.c(\d+)", name):
            height, width, image_height, image_width, channels = map(int, match.groups())
            empty = torch.zeros(1, channels, height, width)
            placed = add_positions(empty, image_width / image_height, 1.0, torch.float32)
            yield name, placed[0].permute(1, 2, 0)


def cameras(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    t = golden.tensors
    yield "camera.encoding", encoding_of(t["camera.c2w"], t["camera.intrinsics"], *SIZE)
    T = poses_of(t["camera.decode_in"])
    yield "camera.decode_c2w", T[..., :3, :]
    yield "camera.decode_w2c", inverse_rigid(T)[..., :3, :]
    yield "camera.decode_intrinsics", intrinsics_of(t["camera.decode_in"], *SIZE)


def camera_encoder(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    t, model = golden.tensors, build(golden.beside(golden.protocol["weights"]))
    given = inverse_rigid(t["cam_enc.extrinsics"])
    encoding = encoding_of(given, t["cam_enc.intrinsics"], *SIZE)
    yield "cam_enc.out", model.get_submodule("cam_enc")(encoding)


def camera_decoder(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    model = build(golden.beside(golden.protocol["weights"]))
    yield "cam_dec.out", model.get_submodule("cam_dec")(golden.tensors["cam_dec.in"])


def selection(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    for name, tokens in golden.tensors.items():
        if match := re.fullmatch(r"select\.(\d+)\.tokens", name):
            for choice in CHOICES:
                chosen = reference_view(tokens[:, :, 0], choice)
                told = f"select.{match[1]}.{choice}"
                if choice == "saddle_sim_range":
                    chosen = as_recorded_where_tied(tokens[:, :, 0], chosen, golden.tensors[told])
                yield told, chosen
                if choice == "saddle_balanced":
                    yield f"select.{match[1]}.reordered", reference_first(tokens, chosen)


def as_recorded_where_tied(tokens: Tensor, chosen: Tensor, recorded: Tensor) -> Tensor:
    """Two views that are the least alike of all have one range of similarities: which of them is
    taken is the processor's rounding. tokens: (B, S, C). chosen, recorded: (B,)."""
    unit = tokens / tokens.norm(dim=-1, keepdim=True)
    alike = unit @ unit.transpose(1, 2) - torch.eye(tokens.shape[1])
    ranges = alike.amax(-1) - alike.amin(-1)
    both = ranges.gather(1, torch.stack([chosen, recorded.long()], 1))
    tied = (both[:, 0] - both[:, 1]).abs() <= TIED * both[:, 0].abs()
    return torch.where(tied, recorded.long(), chosen)


def reference_first(tokens: Tensor, reference: Tensor) -> Tensor:
    """(B, S, ...): the others in their order behind it, as the authors compute."""
    orders = [[int(b), *(i for i in range(tokens.shape[1]) if i != b)] for b in reference]
    return torch.stack([part[order] for part, order in zip(tokens, orders, strict=True)])


def normalisation(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    for name, given in golden.tensors.items():
        if re.fullmatch(r"normalise\.(\d+)\.in", name):
            yield name.replace(".in", ".out"), normalised_poses(given)


def alignment(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    for prefix in ("align", "align_ransac"):
        if f"{prefix}.given" in golden.tensors:
            predicted, given = (
                inverse(square(golden.tensors[f"{prefix}.{kind}"].double().numpy()))
                for kind in ("predicted", "given")
            )
            scale, T = fit = fit_of(predicted, given)
            yield f"{prefix}.s", torch.tensor(scale, dtype=torch.float64)
            yield f"{prefix}.R", torch.from_numpy(T[:3, :3])
            yield f"{prefix}.t", torch.from_numpy(T[:3, 3])
            yield f"{prefix}.aligned", torch.from_numpy(inverse(moved(given, fit)))
            yield f"{prefix}.samples", torch.from_numpy(samples_of(len(given)))


def square(T: np.ndarray) -> np.ndarray:
    """(..., 4, 4) of (..., 3 or 4, 4)."""
    result = np.broadcast_to(np.eye(4), (*T.shape[:-2], 4, 4)).copy()
    result[..., : T.shape[-2], :] = T
    return result


def metric(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    t = {name: tensor.numpy() for name, tensor in golden.tensors.items()}
    K = t["metric.intrinsics"]
    metres = metric_depth(t["metric.metric_raw"], (K[..., 0, 0] + K[..., 1, 1]) / 2)
    sky, depth, confidence = t["metric.sky"], t["metric.depth"], t["metric.conf"]
    mask = fitted_pixels(metres, sky, depth, confidence)
    scale = metres_per_unit(metres, depth, mask)
    scaled = with_metric_sky(scale * depth, sky)
    yield "metric.metric_depth", torch.from_numpy(metres)
    yield "metric.mask", torch.from_numpy(mask)
    yield "metric.scale", torch.tensor(scale)
    yield "metric.out_depth", torch.from_numpy(scaled)
    sure = np.where(sky < 0.3, confidence, 1).astype(np.float32)  # the sky's, which we leave out
    yield "metric.out_conf", torch.from_numpy(sure)


def rays(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    t = {name: tensor.numpy() for name, tensor in golden.tensors.items()}
    found = cameras_of_rays(t["rays.ray"][0], t["rays.conf"][0], t["rays.idx"], published=True)
    told = {
        "c2w": found.T_world_camera,
        "focal": found.focal,
        "principal": found.principal,
        "w2c": inverse(found.T_world_camera)[:, :3],
        "intrinsics": found.intrinsics(*RAY_SIZE),
    }
    yield from ((f"rays.{name}", torch.from_numpy(value)[None]) for name, value in told.items())


PARTS: Final[Mapping[str, Callable[[Golden], Iterator[tuple[str, Tensor]]]]] = {
    "rope": rope,
    "pos_embed": position_embedding,
    "uv": map_positions,
    "camera": cameras,
    "cam_enc": camera_encoder,
    "cam_dec": camera_decoder,
    "select": selection,
    "normalise": normalisation,
    "align": alignment,
    "metric": metric,
    "rays": rays,
}


def run_functions(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """By the function that the protocol names."""
    from golden.da3.chunks import run_chunk_graph, run_chunks
    from golden.da3.intermediates import run_intermediates
    from golden.da3.keyframes import run_keyframe_loop, run_keyframe_units

    runs = {
        "units": run_units,
        "intermediates": run_intermediates,
        "chunks": run_chunks,
        "chunk_graph": run_chunk_graph,
        "keyframe_loop": run_keyframe_loop,
        "keyframe_units": run_keyframe_units,
    }
    name = golden.protocol.get("function")
    if name not in runs:
        raise InputError(f"{golden.path}: function {name!r} is none that is known")
    yield from runs[name](golden)
