"""A CUT3R checkpoint of random weights, small enough for a test on a CPU."""

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


def write_checkpoint(path: Path) -> Path:
    """In the published container: tensors, and the constructor as text."""
    torch.manual_seed(1)
    model = Cut3r(Cut3rConfig(**SIZES, dpt=DptConfig(16, 8, (8, 12, 16, 24))))  # type: ignore[arg-type]
    for name, parameter in model.named_parameters():
        is_gain = parameter.ndim == 1 and name.endswith("weight")
        torch.nn.init.normal_(parameter, mean=float(is_gain), std=0.1)
    with torch.no_grad():  # points lie before the camera, as those of a trained network do
        model.get_parameter("downstream_head.dpt_self.head.4.bias")[2] = 1.0
    sizes = ", ".join(f"{name}={value}" for name, value in SIZES.items())
    text = f"ARCroco3DStereo(ARCroco3DStereoConfig({sizes}, head_type='dpt', pos_embed='RoPE100'))"
    torch.save({"args": argparse.Namespace(model=text), "model": model.state_dict()}, path)
    return path
