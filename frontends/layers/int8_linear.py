"""Linear layers by whole numbers of eight bits, on CPUs that multiply such four times as fast.

Weights have a scale an output channel, tokens one a row, found at each call: no calibration data.
A few channels of trained tokens are tens of times larger than the rest and would take the digits of
all others. Those that the weights make little of are brought down first: each channel is multiplied
by the size of the weights that read it, which are divided by it (after SmoothQuant, Xiao et al.,
2023, whose scales need recorded tokens).
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

LARGEST: Final = 127
ZERO: Final = 128  # oneDNN is fast for unsigned tokens only: 0 is stored as 128
AVAILABLE: Final = (
    torch.backends.mkldnn.is_available()
    and hasattr(torch.ops.onednn, "qlinear_pointwise")
    and torch.cpu._is_vnni_supported()
)


class Int8Linear(nn.Module):
    """Made of a linear layer, for inference on the CPU, where AVAILABLE; answers in bfloat16.

    Not to be moved, saved or trained: the plain weight is not kept.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight = linear.weight.detach().float()
        bias = weight.new_zeros(len(weight)) if linear.bias is None else linear.bias.float()
        self.bias = nn.Parameter(bias.detach(), requires_grad=False)
        self._reading = weight.square().mean(0).sqrt_().clamp_(min=torch.finfo(weight.dtype).tiny)
        weight = weight / self._reading
        scale = weight.abs().amax(1).clamp(min=torch.finfo(torch.float32).tiny) / LARGEST
        whole = (weight / scale[:, None]).round_().to(torch.int8)
        # No buffers: the packed weight can only be multiplied with.
        self._packed = torch.ops.onednn.qlinear_prepack(whole, None)
        self._scale, self._zero = scale, torch.zeros(len(scale), dtype=torch.int64)

    def forward(self, tokens: Tensor, gelu: bool = False) -> Tensor:
        """(..., in) to (..., out); then exact GELU if asked."""
        rows = tokens.flatten(0, -2) * self._reading
        step = rows.abs().amax(1, keepdim=True).clamp_(min=torch.finfo(rows.dtype).tiny) / LARGEST
        whole = (rows / step).round_().add_(ZERO).to(torch.uint8)
        mixed = torch.ops.onednn.qlinear_pointwise(
            whole,
            1.0,
            ZERO,
            self._packed,
            self._scale,
            self._zero,
            None,
            1.0,
            0,
            torch.float32,
            "none",
            [],
            "",
        )
        mixed = torch.addcmul(self.bias, mixed, step).to(torch.bfloat16)
        mixed = functional.gelu(mixed) if gelu else mixed
        return mixed.view(*tokens.shape[:-1], -1)
