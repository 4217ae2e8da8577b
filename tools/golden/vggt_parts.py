"""Runs what golden files of VGGT's single functions and modules record."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

import torch
from torch import Tensor

from golden.module_outputs import ModuleOutputs
from golden.recording import Golden, load_tensors
from golden.vggt_cameras import (
    camera_points,
    encoded,
    intrinsics,
    unprojected,
    world_to_camera_inverse,
)
from golden.vggt_images import run_preprocess
from golden.vggt_sequences import build
from mapper.frontends.layers.map_positions import add_positions, axes
from mapper.frontends.layers.rope import Rope2D, grid_positions
from mapper.frontends.vggt.aggregator import frame_rope, normalised
from mapper.frontends.vggt.batch_attention import BatchMixer, FrameMask, visible
from mapper.frontends.vggt.block import Block, rotated
from mapper.frontends.vggt.camera_head import activated
from mapper.frontends.vggt.dpt import confidence_exp, points_inv_log
from mapper.frontends.vggt.network import Vggt
from mapper.frontends.vggt.pose_encoding import extrinsics
from mapper.frontends.vggt.tracks.embeddings import flow_embedding, grid_embedding, sampled
from mapper.vision.rotations import quaternion_of_rotation, rotation_of_quaternion

FUNCTION_INPUTS: Final = (
    "act_in",
    "pose_in",
    "rope_in",
    "rope_pos",
    "pose_enc",
    "quat_to_mat_unnormalised_in",
    "intrinsics_shifted_pp",
    "depth",
    "flow_in",
    "updateformer_in",
)
SMALLEST_DEPTH: Final = 1e-8  # below which a pixel is recorded as invalid
RECORDED_POSE_SIZE: Final = (392, 518)


@torch.inference_mode()
def run_functions(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """Whatever of the file's tensors one of the parts can compute."""
    tensors = golden.tensors
    for marker, part in PARTS.items():
        if any(re.fullmatch(marker, name) for name in tensors):
            for name, ours in part(golden):
                if name in tensors:
                    yield name, ours


def activations(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    raw = golden.tensors["act_in"].permute(0, 2, 3, 1)
    yield "inv_log_out", points_inv_log(raw[..., :3])
    yield "expp1_out", confidence_exp(raw[..., 3])
    yield "exp_out", raw[..., :1].exp()
    yield "exp_expp1_out", confidence_exp(raw[..., 1])
    if "pose_in" in golden.tensors:
        yield "pose_act_linear_linear_relu", activated(golden.tensors["pose_in"])


def rope(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    tokens = golden.tensors["rope_in"].transpose(1, 2)  # recorded as (B, heads, n, head_dim)
    tables = Rope2D.at(golden.tensors["rope_pos"][0], tokens.shape[-1])
    yield "rope_out", tables.rotate(tokens).transpose(1, 2)


def map_positions(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """Grids, whose sizes stand in their names, and the embeddings of them, or of every k-th row and
    column where there are fewer."""
    size, aspect = (1, 1), 1.0
    for name, tensor in sorted(golden.tensors.items(), reverse=True):  # each grid comes first
        if match := re.fullmatch(r"uv_grid_w(\d+)_h(\d+)_ar([\d.]+)(?:_(\d+))?", name):
            aspect = float(match[3]) / float(match[4] or 1)
            size = int(match[2]), int(match[1])
            columns, rows = axes(*size, aspect)
            x, y = (torch.linspace(-most, most, count) for most, count in (columns, rows))
            yield name, torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)
        elif re.fullmatch(r"uv_embed\w*dim(\d+)", name):
            step = max(1, (size[1] - 1) // max(tensor.shape[1] - 1, 1))
            yield name, position_map(*size, tensor.shape[2], aspect)[::step, ::step]


def position_map(height: int, width: int, channels: int, aspect: float) -> Tensor:
    """(h, w, K): what is added to an empty map."""
    empty = torch.zeros(1, channels, height, width)
    return add_positions(empty, aspect, 1.0)[0].permute(1, 2, 0)


def poses(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    t = golden.tensors
    size = RECORDED_POSE_SIZE
    for name in t:
        if match := re.fullmatch(r"intrinsics_(\d+)x(\d+)", name):
            size = (int(match[1]), int(match[2]))
            yield name, intrinsics(t["pose_enc"], *size)
    camera = t.get(f"intrinsics_{size[0]}x{size[1]}", intrinsics(t["pose_enc"], *size))
    pose = extrinsics(t["pose_enc"])
    yield "extrinsics", pose
    again = encoded(t["extrinsics"], camera, *size)
    yield "pose_enc_back", again
    for name in t:
        if match := re.fullmatch(r"pose_enc_back_relT_scale([\d.]+)", name):
            yield name, torch.cat([again[..., :3] / float(match[1]), again[..., 3:]], -1)
    if "quat_to_mat_unnormalised_in" in t:
        yield "quat_to_mat_out", rotation_of_quaternion(t["quat_to_mat_unnormalised_in"])
        yield "mat_to_quat_out", quaternion_of_rotation(t["quat_to_mat_out"])
    if "intrinsics_shifted_pp" in t:
        yield "pose_enc_shifted_pp", encoded(t["extrinsics"], t["intrinsics_shifted_pp"], *size)
    yield "se3_inverse", world_to_camera_inverse(t["extrinsics"][0])


def unproject(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    t = golden.tensors
    depth = t["depth"].squeeze(-1)
    yield "extrinsics", t["extrinsics"]
    yield "intrinsics", t["intrinsics"]
    yield "world_points", unprojected(depth, t["extrinsics"], t["intrinsics"])
    yield "cam_points_frame0", camera_points(depth[0], t["intrinsics"][0])
    yield "valid_frame0", depth[0] > SMALLEST_DEPTH


def masks(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """Which token may see which, from which frame may see which."""
    for name in golden.tensors:
        if match := re.fullmatch(r"(?:cam_)?mask(\d+)(?:x(\d+))?\.(\w+)_allowed", name):
            frames, tokens = int(match[1]), int(match[2] or 1)
            allowed = torch.zeros(frames, frames, dtype=torch.bool)
            for frame in range(frames):
                allowed[frame, list(visible(mode_of(match[3]), frame, frames))] = True
            yield name, allowed.repeat_interleave(tokens, 0).repeat_interleave(tokens, 1)


def mode_of(name: str) -> FrameMask:
    if name == "full":
        return "full"
    return "causal" if name == "causal" else "window"


def modules(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """Encoder, blocks and the point head on the recorded images."""
    model = build(golden.beside(f"{golden.sidecar['weights']}.safetensors"))
    inputs = load_tensors(golden.path.with_name(f"{golden.sidecar['inputs']}.safetensors"))
    yield from encoder(model, "rect", inputs["images"][:2])
    if "square_images" in inputs:
        yield from encoder(model, "square", inputs["square_images"])
    yield from blocks(model, inputs["images"][:3])
    yield from point_head(model, inputs["images"][:2], golden.tensors)


def encoder(model: Vggt, prefix: str, images: Tensor) -> Iterator[tuple[str, Tensor]]:
    vit, pixels = model.aggregator.patch_embed, normalised(images)
    tokens, registers = vit.prepared(pixels), vit.registers
    yield f"{prefix}.normalized", pixels
    yield f"{prefix}.conv", vit.patch_embed(pixels)
    yield f"{prefix}.prepared_tokens", tokens
    yield f"{prefix}.vit_block0", vit.blocks[0](tokens)
    after = vit.all_tokens(pixels)
    yield f"{prefix}.x_norm_clstoken", after[:, 0]
    yield f"{prefix}.x_norm_regtokens", after[:, 1 : 1 + registers]
    yield f"{prefix}.x_norm_patchtokens", vit(pixels)


def blocks(model: Vggt, images: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Three frames in causal mode."""
    aggregator, frames = model.aggregator, len(images)
    grid = aggregator.grid(images)
    tables, mix = frame_rope(grid, model.config, images.device), BatchMixer("causal", frames)
    special = aggregator.special_tokens(1, frames, anchored=True)
    tokens = torch.cat([special, aggregator.patch_embed(normalised(images))], 1)
    positions = grid_positions(*grid) + 1
    corner = positions.new_zeros(model.config.special_tokens, 2)
    yield "causal3.pos", torch.cat([corner, positions]).expand(frames, -1, -1)
    yield "causal3.frame_block0.in", tokens
    for layer in range(model.config.agg_depth):
        local = aggregator.frame_blocks[layer](tokens, tables)
        yield f"causal3.frame_block{layer}.out", local
        flat, block = local.flatten(0, 1)[None], aggregator.global_blocks[layer]
        assert isinstance(block, Block)
        query, key, _ = block.attn.projected(block.norm1(flat))
        yield f"causal3.global{layer}.q_normed", query.transpose(1, 2)
        yield f"causal3.global{layer}.q_roped", rotated(query, tables).transpose(1, 2)
        yield f"causal3.global{layer}.k_roped", rotated(key, tables).transpose(1, 2)
        together = block(flat, tables, partial(mix, layer))
        yield f"causal3.global_block{layer}.out", together
        tokens = together.view_as(local)


def point_head(
    model: Vggt, images: Tensor, expected: Mapping[str, Tensor]
) -> Iterator[tuple[str, Tensor]]:
    """The head's parts, for the first of two frames in causal mode."""
    head, prefix = model.point_head, "dpt2."
    names = [name.removeprefix(prefix) for name in expected if name.startswith(prefix)]
    hooks = ModuleOutputs(head, names)
    aggregated = model(images[None], "causal").aggregated
    hooks.remove()
    for name, ours in hooks.outputs({name: expected[prefix + name] for name in names}):
        yield prefix + name, ours[:1]
    last = aggregated.taps[model.config.dpt_layer_idx[-1]]
    yield "dpt2.tokens_hook3", last
    for number in (0, 1):  # computed as a matrix product, not by the module
        tokens = aggregated.taps[model.config.dpt_layer_idx[number]][0, :1]
        patches = tokens[:, model.config.special_tokens :]
        yield f"dpt2.resize_layers.{number}", head.level(number, patches, aggregated.grid)


def tracker(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """Pieces of the tracker on the batch run's recorded features."""
    t = golden.tensors
    model = build(golden.beside(f"{golden.sidecar['weights']}.safetensors"))
    run, _, name = str(golden.sidecar["inputs"]).partition(":")
    batch = golden.beside(f"{run}.safetensors")
    inputs = load_tensors(golden.path.with_name(batch.protocol["inputs"]))
    part = model.track_head.tracker
    maps = part.normed(batch.tensors[name][None])
    query = inputs["query_points"][None] / part.config.stride
    feature = sampled(maps[:, 0], query, "border")
    yield "fmaps_normed", maps[0, : len(t["fmaps_normed"])]
    yield "query_scaled", query
    yield "query_feat", feature
    frames = maps.shape[1]
    every = (feature[:, None].expand(-1, frames, -1, -1), query[:, None].expand(-1, frames, -1, -1))
    yield "corr_iter0", part.correlation(part.pyramid(maps), *every)
    yield "flow_emb16", flow_embedding(t["flow_in"], t["flow_emb16"].shape[-1] // 2)
    for embedding in t:
        if match := re.fullmatch(r"pos_embed_dim(\d+)_h(\d+)_w(\d+)", embedding):
            rows_columns = grid_positions(int(match[2]), int(match[3])).float()
            ours = grid_embedding(rows_columns.flip(-1), int(match[1]))
            yield embedding, ours.T.unflatten(1, (int(match[2]), int(match[3])))[None]
    yield "updateformer_out", part.updateformer(t["updateformer_in"])


# What kind of recording it is, told by a tensor that it holds.
PARTS: Final[Mapping[str, Callable[[Golden], Iterator[tuple[str, Tensor]]]]] = {
    "act_in": activations,
    "rope_in": rope,
    "uv_(grid|embed).*": map_positions,
    "intrinsics_shifted_pp": poses,
    "cam_points_frame0": unproject,
    r"mask.*_allowed": masks,
    r"rect\.conv": modules,
    "fmaps_normed": tracker,
    r".*\.(crop|nocrop|pad)\.sample_\d+_\d+": run_preprocess,
}
