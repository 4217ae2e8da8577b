"""A tiny WinT3R with random weights, and images for it."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mapper.core.frame import Frame
from mapper.core.intrinsics import Intrinsics
from mapper.frontends.wint3r.config import PointHeadConfig, Wint3rConfig
from mapper.frontends.wint3r.network import Wint3r

SIZES = {
    "state_size": 10,
    "enc_embed_dim": 48,
    "enc_depth": 2,
    "enc_num_heads": 3,
    "dec_embed_dim": 32,
    "dec_depth": 2,
    "dec_num_heads": 2,
    "state_dec_num_heads": 4,
}
CONFIG = Wint3rConfig(**SIZES, pts_head=PointHeadConfig(16, (32, 16, 8), 8))  # type: ignore[arg-type]
LAST_LAYER = "pts_head.output_block.0.2"


def tiny_model() -> Wint3r:
    """Weights at which everything matters: attention over the pool, window and frame."""
    torch.manual_seed(1)
    model = Wint3r(CONFIG).eval().requires_grad_(False)
    for name, parameter in model.named_parameters():
        if name.endswith("gamma"):
            torch.nn.init.constant_(parameter, 0.3)
        elif parameter.ndim > 1 or name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.15)
    return model


def smooth(model: Wint3r) -> Wint3r:
    """With points about a gentle surface in front of the camera, as a trained network's are."""
    model.get_parameter(f"{LAST_LAYER}.weight").mul_(0.002)
    model.get_parameter(f"{LAST_LAYER}.bias").copy_(torch.tensor([0.0, 0.0, 1.0, 0.0]))
    return model


def save_tiny(path: Path, model: Wint3r) -> Path:
    """In a container with the constructor as text, as the trainers of this family write it."""
    text = f"WinT3R({', '.join(f'{name}={value}' for name, value in SIZES.items())})"
    torch.save({"args": argparse.Namespace(model=text), "model": model.state_dict()}, path)
    return path


def images(count: int, batch: int = 1, height: int = 32, width: int = 48) -> list[Tensor]:
    """Normalised noise, (batch, 3, height, width) each."""
    generator = torch.Generator().manual_seed(2)
    return [torch.randn(batch, 3, height, width, generator=generator) for _ in range(count)]


def frames(count: int, intrinsics: Intrinsics | None = None) -> list[Frame]:
    """Noise of 64x28, which the network sees as 512x224: the fewest patches there are."""
    rng = np.random.default_rng(3)
    return [
        Frame(i, i / 30, rng.integers(0, 255, (28, 64, 3), np.uint8), None, intrinsics)
        for i in range(count)
    ]
