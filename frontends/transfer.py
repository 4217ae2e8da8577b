"""One copy to the device and one back for each frame, through memory that a GPU reads itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float32, UInt8


def sent(image: UInt8[np.ndarray, "h w 3"], device: torch.device) -> UInt8[Tensor, "h w 3"]:
    """An image on the device, in eight bits; of a GPU nothing waits for the copy."""
    pixels = torch.from_numpy(np.array(image))
    if device.type != "cuda":
        return pixels.to(device)
    return pixels.pin_memory().to(device, non_blocking=True)


def brought(tensors: Sequence[Tensor]) -> list[Float32[np.ndarray, ...]]:
    """Tensors of one device as float32 arrays; of a GPU in one copy, and with one wait."""
    if tensors[0].device.type != "cuda":
        return [tensor.float().cpu().numpy() for tensor in tensors]
    together = torch.cat([tensor.flatten().float() for tensor in tensors])
    here = torch.empty(together.shape, pin_memory=True)
    here.copy_(together, non_blocking=True)
    torch.cuda.current_stream(together.device).synchronize()
    parts = here.split([tensor.numel() for tensor in tensors])
    return [part.view(t.shape).numpy() for part, t in zip(parts, tensors, strict=True)]
