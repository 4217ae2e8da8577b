"""Tiny CUT3R networks with random weights, small enough for tests on a CPU."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from mapper.frontends.cut3r.config import Cut3rConfig, DptConfig
from mapper.frontends.cut3r.model import Cut3r

SIZES = {
    "state_size": 30,
    "local_mem_size": 10,
    "enc_embed_dim": 64,
    "enc_depth": 2,
    "enc_num_heads": 4,
    "dec_embed_dim": 48,
    "dec_depth": 4,
    "dec_num_heads": 3,
    "state_dec_num_heads": 4,
}
TINY = Cut3rConfig(**SIZES, dpt=DptConfig(16, 8, (8, 12, 16, 24)))  # type: ignore[arg-type]
TEXT = "ARCroco3DStereo(ARCroco3DStereoConfig({}, head_type='dpt', pos_embed='RoPE100'))"


def random_network() -> Cut3r:
    """Weights at which a frame matters to the next one."""
    torch.manual_seed(3)
    network = Cut3r(TINY).eval()
    for parameter in network.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.15)
    return network


def write_checkpoint(path: Path) -> Path:
    """As the trainer writes it: tensors, and the constructor as text."""
    torch.manual_seed(1)
    model = Cut3r(TINY)
    for name, parameter in model.named_parameters():
        is_gain = parameter.ndim == 1 and name.endswith("weight")
        torch.nn.init.normal_(parameter, mean=float(is_gain), std=0.1)
    with torch.no_grad():  # points lie before the camera, as those of a trained network do
        model.get_parameter("downstream_head.dpt_self.head.4.bias")[2] = 1.0
    text = TEXT.format(", ".join(f"{name}={value}" for name, value in SIZES.items()))
    torch.save({"args": argparse.Namespace(model=text), "model": model.state_dict()}, path)
    return path
