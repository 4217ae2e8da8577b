"""In which precision a learned frontend computes."""

from __future__ import annotations

from typing import Final

import torch

from mapper.errors import ConfigError
from mapper.frontends.layers import int8_linear
from mapper.frontends.layers.precision import Precision

AUTO: Final = "auto"
AMPERE: Final = (8, 0)  # the first GPUs with bfloat16 products


def choose_precision(option: str, device: torch.device, key: str) -> Precision:
    """What an option's value, "auto" or a Precision, means on a device.

    Automatically bfloat16 where the device multiplies it faster than float32, which is left at that
    elsewhere: float16 has too small a range for some networks to be taken unasked. key: the
    option's full name. ConfigError for what the device cannot do.
    """
    if option == AUTO:
        return "bfloat16" if has_fast_bfloat16(device) else "float32"
    if option == "int8" and not (device.type == "cpu" and int8_linear.AVAILABLE):
        raise ConfigError(
            f"{key}=int8 is for CPUs with AVX512-VNNI and PyTorch's oneDNN; auto always works"
        )
    if option == "float16" and device.type == "cpu":
        raise ConfigError(f"{key}=float16 is for GPUs; auto always works")
    if option == "bfloat16" and device.type == "cuda" and not has_fast_bfloat16(device):
        raise ConfigError(
            f"{key}=bfloat16 needs a GPU of compute capability 8.0; auto always works"
        )
    return option  # type: ignore[return-value]  # the settings admit nothing else


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether products in bfloat16 are faster there than in float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= AMPERE
    if device.type == "cpu":
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return False
