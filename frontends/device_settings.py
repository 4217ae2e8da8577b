"""How PyTorch computes on a GPU while a network runs there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from mapper.frontends.layers.precision import Precision


@contextmanager
def inference_on(device: torch.device, precision: Precision) -> Iterator[None]:
    """Without gradients. On a GPU what stays float32 beside half precision, the heads, is
    multiplied with TF32's ten bits, and in float32 with all of its own: PyTorch's default takes
    TF32 for convolutions alone."""
    if device.type != "cuda":
        with torch.inference_mode():
            yield
        return
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    before = products.allow_tf32, convolutions.allow_tf32
    products.allow_tf32 = convolutions.allow_tf32 = precision != "float32"
    try:
        with torch.inference_mode():
            yield
    finally:
        products.allow_tf32, convolutions.allow_tf32 = before
