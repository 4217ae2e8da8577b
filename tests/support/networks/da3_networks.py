"""Tiny networks of Depth Anything 3 whose weights follow from a formula, not from a generator."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from mapper.frontends.da3.config import DUAL, NEVER, SINGLE, Da3Config
from mapper.frontends.da3.network import Da3, Da3Single

HEIGHT, WIDTH = 28, 42
TINY = Da3Config(
    img_size=56,
    embed_dim=32,
    depth=8,
    num_heads=4,
    alt_start=2,
    out_layers=(3, 5, 6, 7),
    head=DUAL,
    head_features=16,
    head_out_channels=(8, 12, 16, 16),
    cam_enc_depth=1,
)
SINGLE_TINY = replace(TINY, alt_start=NEVER, cat_token=False, head=SINGLE)


def drawn(model: nn.Module) -> None:
    """Weights at which views matter to one another and the outputs stay finite."""
    with torch.no_grad():
        for number, (name, parameter) in enumerate(model.named_parameters()):
            is_gain = parameter.ndim == 1 and name.endswith(("weight", "gamma"))
            places = torch.arange(parameter.numel(), dtype=torch.float64)
            values = 0.25 * torch.sin(places * 12.9898 + 78.233 * (number + 1))
            parameter.copy_((values + float(is_gain)).view_as(parameter))


def tiny_network() -> Da3:
    """Of views that see one another."""
    model = Da3(TINY).eval().requires_grad_(False)
    drawn(model)
    # A field of view that a camera can have.
    model.cam_dec.get_parameter("fc_fov.0.bias").fill_(1.0)
    model.cam_dec.fc_qvec.bias.copy_(torch.tensor([0.0, 0, 0, 3]))
    return model


def tiny_single() -> Da3Single:
    """Of single views."""
    model = Da3Single(SINGLE_TINY).eval().requires_grad_(False)
    drawn(model)
    return model


def waves(count: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """(count, H, W, 3) uint8: images that differ, by a formula."""
    n, y, x, c = np.meshgrid(*(np.arange(k) for k in (count, height, width, 3)), indexing="ij")
    return (127.5 + 127 * np.sin(0.4 * x + 0.3 * (n + 1) * y / (c + 1) + n)).astype(np.uint8)


def write_folder(folder: Path, model: Da3 | Da3Single | None = None) -> Path:
    """As Hugging Face has it: a prefix before every name, the configuration beside."""
    folder.mkdir(exist_ok=True)
    model = tiny_network() if model is None else model
    config = asdict(model.config)
    stored = {"model_name": "da3-tiny", "config": config}
    (folder / "config.json").write_text(json.dumps(stored), encoding="utf-8")
    tensors: dict[str, Tensor] = {f"model.{k}": v for k, v in model.state_dict().items()}
    save_file(tensors, folder / "model.safetensors")
    return folder
