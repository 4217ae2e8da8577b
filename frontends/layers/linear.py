"""Matrix products on a CPU by oneDNN, where PyTorch's own choice is a slower library.

PyTorch gives float32 products to the BLAS it was built with. MKL takes narrower instructions on
processors of other makers: on an AMD EPYC with AVX-512 oneDNN is 2.2 times faster. With bfloat16
weights a layer computes in bfloat16, twice as fast again on processors that have such products.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

FEWEST_ROWS: Final = 16  # below which a call of oneDNN costs more than it saves
HALF: Final = (torch.bfloat16, torch.float16)
AVAILABLE: Final = torch.backends.mkldnn.is_available() and hasattr(
    torch.ops.mkldnn, "_linear_pointwise"
)
# Whether oneDNN can multiply in bfloat16 here, be it slowly; see `cpu_types` for whether it pays.
HAS_BFLOAT16: Final = AVAILABLE and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


class Linear(nn.Linear):
    """nn.Linear under the same parameter names. Weights in half precision take tokens of any."""

    def forward(self, tokens: Tensor, gelu: bool = False) -> Tensor:
        """(..., in) to (..., out), in the weights' type; then exact GELU if asked."""
        if self.weight.dtype in HALF:
            tokens = tokens.to(self.weight.dtype)
        return product(tokens, self.weight, self.bias, gelu)


class PointwiseConv2d(nn.Conv2d):
    """A 1x1 convolution as the product that it is; fastest where the channels come last."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__(channels, out, 1)

    def forward(self, image: Tensor) -> Tensor:
        """(N, C, h, w) to (N, out, h, w), channels last in memory."""
        pixels = image.permute(0, 2, 3, 1).to(self.weight.dtype)
        mixed = product(pixels, self.weight.flatten(1), self.bias)
        return mixed.permute(0, 3, 1, 2)


def product(
    tokens: Tensor, weight: Tensor, bias: Tensor | None = None, gelu: bool = False
) -> Tensor:
    """tokens (..., in) times weight (out, in) transposed, plus bias; then exact GELU if asked."""
    if suits(tokens, weight):
        name, kind = ("gelu", "none") if gelu else ("none", "")
        return torch.ops.mkldnn._linear_pointwise(tokens.contiguous(), weight, bias, name, [], kind)
    mixed = functional.linear(tokens, weight, bias)
    return functional.gelu(mixed) if gelu else mixed


def suits(tokens: Tensor, weight: Tensor) -> bool:
    """Whether oneDNN can take the product: it computes no gradients, and is slow without end on
    weights that do not lie densely."""
    return (
        AVAILABLE
        and tokens.device.type == "cpu"
        and tokens.dtype == weight.dtype
        and (weight.dtype == torch.float32 or (weight.dtype == torch.bfloat16 and HAS_BFLOAT16))
        and tokens.numel() >= FEWEST_ROWS * tokens.shape[-1]
        and (weight.is_contiguous() or weight.t().is_contiguous())
        and not torch.compiler.is_compiling()
        and not torch.is_autocast_enabled("cpu")
        and not (torch.is_grad_enabled() and (tokens.requires_grad or weight.requires_grad))
    )
