"""Runs what a golden file of Depth Anything 3's modules records of one sequence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from golden.da3.sequences import build, chosen
from golden.da3.units import reference_first
from golden.recording import Golden
from mapper.errors import InputError
from mapper.frontends.da3.backbone import Backbone, global_rope, local_rope
from mapper.frontends.da3.heads import AUX, RAY_LEVEL, DualHead
from mapper.frontends.da3.network import Da3
from mapper.frontends.da3.reference_view import reference_view
from mapper.frontends.vggt.block import Block, rotated

STRIDE = 4  # of the map before the last layers, of which not every pixel is recorded


@torch.inference_mode()
def run_intermediates(golden: Golden) -> Iterator[tuple[str, Tensor]]:
    """What the backbone's blocks and the head's parts make of the recorded views."""
    protocol = golden.protocol
    model = build(golden.beside(protocol["weights"]))
    if not isinstance(model, Da3):
        raise InputError(f"{golden.path}: recorded of a network of single views")
    images = chosen(golden.beside(protocol["inputs"]).tensors["images"], protocol)
    ours = backbone_values(model.backbone.pretrained, images, protocol)
    ours |= head_values(model, images, protocol)
    for name, tensor in ours.items():
        if name in golden.tensors:
            yield name, tensor


def backbone_values(
    backbone: Backbone, images: Tensor, protocol: Mapping[str, str]
) -> dict[str, Tensor]:
    """Inputs of the blocks, the reference view first from the one before alt_start on."""
    config, views = backbone.config, images.flatten(0, 1)
    frames, grid = images.shape[:2], backbone.grid(views)
    tokens = backbone.embedded(views)
    found = {"patch_embed": backbone.patch_embed(views)}
    for layer, block in enumerate(backbone.blocks):
        assert isinstance(block, Block)
        if layer == config.alt_start - 1:
            found["selection.tokens"] = tokens[:, 0].unflatten(0, frames)
            reference = reference_view(found["selection.tokens"], protocol["ref_view_strategy"])  # type: ignore[arg-type]
            found["reference"] = reference
            tokens = reference_first(tokens.unflatten(0, frames), reference).flatten(0, 1)
        if layer == config.alt_start:
            index = torch.tensor([0] + [1] * (frames[1] - 1))
            first = backbone.camera_token[0][index].repeat(frames[0], 1)
            tokens = torch.cat([first[:, None], tokens[:, 1:]], 1)
        together = config.is_global(layer)
        rows = tokens.unflatten(0, frames).flatten(1, 2) if together else tokens
        rope = (global_rope if together else local_rope)(grid, config, rows.device)
        rope_here = rope if layer >= config.alt_start else None
        found[f"block.{layer}.in"] = rows
        query, key, value = block.attn.projected(block.norm1(rows))
        if rope_here is not None:
            query, key = rotated(query, rope_here), rotated(key, rope_here)
        for name, operand in (("q", query), ("k", key), ("v", value)):
            found[f"attn.{layer}.{name}"] = operand.transpose(1, 2)
        rows = block(rows, rope_here)
        found[f"block.{layer}.out"] = rows
        tokens = rows.reshape(tokens.shape)
    return found


def head_values(model: Da3, images: Tensor, protocol: Mapping[str, str]) -> dict[str, Tensor]:
    """The head's parts, for the first view."""
    from mapper.frontends.da3.network import Asked

    raw = model(images, Asked(protocol["ref_view_strategy"]))  # type: ignore[arg-type]
    head, grid = model.head, raw.tapped.grid
    levels = [raw.tapped.taps[layer][0, :1] for layer in model.config.out_layers]
    found: dict[str, Tensor] = {}
    for k, tokens in enumerate(levels):
        normed = head.norm(tokens).unflatten(1, grid).permute(0, 3, 1, 2)
        found[f"head.project.{k}"] = head.projects[k](normed)
        found[f"head.resized.{k}"] = head.level(k, tokens, grid)
    hooks, listened = listen(head)
    logits, rays = head.both(dict(zip(head.sizes.taps, levels, strict=True)), grid)
    for hook in hooks:
        hook.remove()
    found |= {f"head.{name}": value for name, value in listened.items()}
    enlarged = head.enlarged(listened["refinenet1"], grid)
    found["head.output_conv2.in"] = enlarged[..., ::STRIDE, ::STRIDE]
    found["head.output_conv2"] = logits
    found[f"head.output_conv2{AUX}.{RAY_LEVEL}"] = rays
    return found


def listen(head: DualHead) -> tuple[list[torch.utils.hooks.RemovableHandle], dict[str, Tensor]]:
    """What the fusion's and the outputs' modules say, by their names."""
    seen: dict[str, Tensor] = {}
    hooks = []
    for name, module in head.scratch.named_modules():
        if re.fullmatch(rf"refinenet\d(_aux)?|output_conv1|output_conv1{AUX}\.\d", name):

            def hear(_m: nn.Module, _i: object, output: Tensor, name: str = name) -> None:
                seen[name] = output.clone()

            hooks.append(module.register_forward_hook(hear))
    return hooks, seen
