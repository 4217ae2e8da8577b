"""What is counted on the pretended GPU, and the time that it would take by a simple model."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from weakref import finalize

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

ROOT: Final = Path(__file__).resolve().parents[3]
OUTSIDE: Final = str(Path(__file__).parent)  # the pretence itself is no place of ours
HALF: Final = (torch.bfloat16, torch.float16)
# They make no kernel of their own.
NO_KERNELS: Final = {
    "device",
    "detach",
    "lift_fresh",
    "alias",
    "empty",
    "empty_like",
    "new_empty",
    "empty_strided",
}


@dataclass(frozen=True, slots=True)
class Rates:
    """Of an H200, as they can be had rather than as they are advertised.

    launch: seconds that the smallest kernel takes. memory: bytes a second. Operations a second of
    products in half precision, float32, and float32 rounded to TF32; of attention by FlashAttention
    2 (PyTorch's flash kernel and flash-attn), by cuDNN and FlashAttention 3, and by the kernel that
    takes float32. host: seconds of the CPU that a launch costs, with what Python does around it.
    """

    launch: float = 2e-6
    memory: float = 3.5e12
    half: float = 450e12
    single: float = 45e12
    tf32: float = 150e12
    flash: float = 300e12
    hopper: float = 550e12
    efficient: float = 20e12
    host: float = 10e-6


class Tally:
    """waits: (what, file:line of ours) to how often. kernels: name to how often.

    launches: what the host starts: kernels, and graphs as one each; captured: kernels in those.
    up, down: bytes copied. bytes, peak: of tensors on the device. flops: of products, convolutions
    and attention. seconds: of the device, by Rates.
    """

    def __init__(self, rates: Rates | None = None) -> None:
        self.rates = rates or Rates()
        self.waits: Counter[tuple[str, str]] = Counter()
        self.kernels: Counter[str] = Counter()
        self.launches = self.captured = self.up = self.down = self.bytes = self.peak = 0
        self.flops = 0
        self.seconds = 0.0
        self._seen: set[int] = set()

    def forget(self) -> None:
        """Count anew; what lies in memory stays."""
        self.waits.clear()
        self.kernels.clear()
        self.launches = self.captured = self.up = self.down = self.flops = 0
        self.seconds, self.peak = 0.0, self.bytes

    def kernel(self, func: Any, lifted: tuple[Any, Any], result: Any) -> tuple[int, float] | None:
        """Count an operation; its operations and seconds, None where it is no kernel."""
        name = func._schema.name.removeprefix("aten::")
        is_view = any(
            r.alias_info is not None and not r.alias_info.is_write for r in func._schema.returns
        )
        if is_view or name in NO_KERNELS:
            return None
        flops = 0
        if counted := flop_registry.get(func._overloadpacket):
            flops = int(counted(*lifted[0], **lifted[1], out_val=result))
        tensors = [t for t in tree_leaves((lifted, result)) if isinstance(t, Tensor)]
        moved = _moved(name, lifted, tensors)
        seconds = max(self.rates.launch, moved / self.rates.memory)
        if flops:
            seconds = max(seconds, flops / self._rate(name, lifted))
        self.started(name, flops, seconds)
        return flops, seconds

    def started(self, name: str, flops: int, seconds: float) -> None:
        """A kernel that the host starts."""
        self.launches += 1
        self.kernels[name] += 1
        self.flops += flops
        self.seconds += seconds

    def replayed(self, kernels: list[tuple[str, int, float]]) -> None:
        """A graph: one launch for all of them."""
        self.launches += 1
        self.kernels["graph"] += 1
        self.captured += len(kernels)
        self.flops += sum(flops for _, flops, _ in kernels)
        self.seconds += sum(seconds for _, _, seconds in kernels)

    def wait(self, what: str) -> None:
        """The host waits for the device."""
        frame: Any = sys._getframe(1)
        while frame is not None:
            file = frame.f_code.co_filename
            if file.startswith(str(ROOT)) and not file.startswith(OUTSIDE) and ".venv" not in file:
                break
            frame = frame.f_back
        place = ""
        if frame is not None:
            place = f"{frame.f_code.co_filename.removeprefix(f'{ROOT}/')}:{frame.f_lineno}"
        self.waits[what, place] += 1

    def track(self, fake: Tensor) -> None:
        """Count the memory of a tensor for as long as it lives."""
        storage = fake.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key not in self._seen:
            self._seen.add(key)
            self.bytes += size
            self.peak = max(self.peak, self.bytes)
            finalize(storage, self._freed, key, size)

    def _freed(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.bytes -= size

    def _rate(self, name: str, lifted: tuple[Any, Any]) -> float:
        """Operations a second of a kernel that computes."""
        first = next(t for t in tree_leaves(lifted) if isinstance(t, Tensor))
        if "dot_product" in name:
            if "efficient" in name:
                return self.rates.efficient if first.dtype not in HALF else self.rates.flash / 2
            return self.rates.hopper if "cudnn" in name else self.rates.flash
        if first.dtype in HALF:
            return self.rates.half
        tf32 = "conv" in name and torch.backends.cudnn.allow_tf32
        tf32 = tf32 or torch.backends.cuda.matmul.allow_tf32
        return self.rates.tf32 if tf32 and first.dtype == torch.float32 else self.rates.single


def _moved(name: str, lifted: tuple[Any, Any], tensors: list[Tensor]) -> int:
    """Bytes that a kernel reads and writes: all of its tensors once, but of one into which a part
    is copied that part alone."""
    if name == "index_copy_":
        return 2 * _size(lifted[0][3])
    return sum(map(_size, {id(t): t for t in tensors}.values()))


def _size(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
