"""Tiny random networks of the VGGT family, for several tests."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from mapper.frontends.vggt.config import TrackConfig, VggtConfig
from mapper.frontends.vggt.network import Vggt

HEIGHT, WIDTH = 42, 56
STORED = {"img_size": 56, "patch_size": 14, "embed_dim": 32, "freeze": "none"}
# Of the dense heads and of the track head.
DPT: dict[str, Any] = {
    "dpt_features": 16,
    "dpt_layer_idx": (0, 1, 2, 3),
    "dpt_out_channels": (8, 12, 16, 16),
}
TRACK = TrackConfig(features=16, hidden_size=32, corr_levels=3, corr_radius=3, depth=1, **DPT)
DEPTHS: dict[str, Any] = {"vit_depth": 1, "agg_depth": 4, "cam_trunk_depth": 2}
HEADS: dict[str, Any] = {"vit_heads": 2, "agg_heads": 2, "cam_heads": 2}
TINY = VggtConfig(img_size=56, embed_dim=32, **DEPTHS, **HEADS, **DPT)


def random_network(track: TrackConfig | None = None) -> Vggt:
    """Weights at which frames matter to one another and the outputs stay finite."""
    torch.manual_seed(5)
    model = Vggt(replace(TINY, track=track)).eval()
    for name, parameter in model.named_parameters():
        is_gain = parameter.ndim == 1 and name.endswith(("weight", "gamma"))
        torch.nn.init.normal_(parameter, mean=float(is_gain), std=0.1)
    with torch.no_grad():  # a field of view that a camera can have
        model.camera_head.pose_branch.fc2.bias[7:] = 1.0
        if track is not None:
            # The embedding of motion turns by hundreds of radians a pixel: with random weights the
            # slightest rounding would decide where a point goes.
            update = model.track_head.tracker.updateformer
            update.input_transform.weight[:, : track.features] *= 0.01
            update.flow_head.weight *= 0.3
    return model


def random_images(count: int, height: int = HEIGHT, width: int = WIDTH) -> Tensor:
    """(count, 3, H, W) in [0, 1]."""
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(2))


def write_folder(folder: Path) -> Path:
    """STream3R as Hugging Face has it: the constructor's arguments beside bare names."""
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(STORED))
    save_file(random_network().state_dict(), folder / "model.safetensors")
    return folder


def write_flat(folder: Path) -> Path:
    """StreamVGGT as published: a pickled dictionary of tensors, the track head included."""
    folder.mkdir(exist_ok=True)
    path = folder / "checkpoints.pth"
    torch.save(random_network(TRACK).state_dict(), path)
    return path
