"""What Python asks of a GPU before PyTorch takes it apart: names of devices, pinned memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

if TYPE_CHECKING:
    from tests.support.pretended_gpu.device import PretendedGpu

GPU: Final = torch.device("cuda:0")
HALF: Final = (torch.bfloat16, torch.float16)
aten = torch.ops.aten


def on_gpu(x: object) -> bool:
    """A tensor there, or the device itself."""
    if isinstance(x, torch.device):
        return x.type == "cuda"
    return isinstance(x, Tensor) and x.device.type == "cuda"


def named(device: Any) -> Any:
    """cuda is cuda:0; the guard cannot tell which one is current."""
    if isinstance(device, torch.device):
        return GPU if device == torch.device("cuda") else device
    return GPU if isinstance(device, str) and device == "cuda" else device


class Front(TorchFunctionMode):
    """Answers what no operation of PyTorch's can answer without a GPU."""

    def __init__(self, gpu: PretendedGpu) -> None:
        super().__init__()
        self._gpu = gpu

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.device:
            return named(func(*args, **(kwargs or {})))
        args = tuple(named(a) for a in args)
        kwargs = {k: named(v) for k, v in (kwargs or {}).items()}
        if func is torch.empty and kwargs.pop("pin_memory", False):
            return self._gpu.host.pin(func(*args, **kwargs))
        if func is Tensor.pin_memory:
            return self._gpu.host.pin(args[0].clone())
        if func is Tensor.is_pinned:
            return self._gpu.host.is_pinned(args[0])
        if func is torch.tensor and on_gpu(kwargs.get("device")):
            return func(*args, **{**kwargs, "device": "cpu"}).to(GPU)
        if func is Tensor.new_tensor and on_gpu(args[0]):
            return torch.tensor(args[1], dtype=kwargs.get("dtype", args[0].dtype)).to(GPU)
        if func is Tensor.numpy and on_gpu(args[0]):
            raise TypeError("can't convert cuda:0 device type tensor to numpy")
        if func is torch.nn.functional.scaled_dot_product_attention and on_gpu(args[0]):
            query, key, value = args[:3]
            return self._attention(query, key, value, kwargs.get("attn_mask"))
        return func(*args, **kwargs)

    def _attention(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        """As CUDA chooses: on Hopper cuDNN for half precision, before that the flash kernel from
        Ampere on, else the memory-efficient one."""
        if torch.is_autocast_enabled("cuda"):
            half = torch.get_autocast_dtype("cuda")
            query, key, value = (t.to(half) for t in (query, key, value))
        if len({t.dtype for t in (query, key, value)}) > 1:
            raise RuntimeError("Expected query, key, and value to have the same dtype")
        if mask is None and query.dtype in HALF and self._gpu.capability >= (9, 0):
            return aten._scaled_dot_product_cudnn_attention(query, key, value, None, False)[0]
        if mask is None and query.dtype in HALF and self._gpu.capability >= (8, 0):
            return aten._scaled_dot_product_flash_attention(query, key, value)[0]
        if mask is not None:
            bias = torch.zeros(mask.shape, dtype=query.dtype, device=GPU)
            mask = bias.masked_fill(~mask, -torch.inf).expand(*query.shape[:3], -1)
        return aten._scaled_dot_product_efficient_attention(query, key, value, mask, False)[0]
