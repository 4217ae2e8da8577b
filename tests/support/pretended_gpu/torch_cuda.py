"""torch.cuda as it is where there is one GPU."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from unittest.mock import patch

import torch

from tests.support.pretended_gpu.caches import without_tables
from tests.support.pretended_gpu.device import PretendedGpu
from tests.support.pretended_gpu.front import Front
from tests.support.pretended_gpu.graphs import CudaGraph, Pool, captured
from tests.support.pretended_gpu.host import Event, Stream, streamed
from tests.support.pretended_gpu.subclasses import fake_subclasses

CUDA, META = 1, 14  # c10::DeviceType
HOPPER: Final = (9, 0)


def install_guard() -> None:
    """Let C++ code make a guard of a CUDA device: a build without CUDA has none, and Meta's does
    nothing, which is right. A build with CUDA and no device has a function for that."""
    library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libc10.so"))
    guards = (ctypes.c_void_p * 22).in_dll(library, "_ZN3c104impl26device_guard_impl_registryE")
    if guards[CUDA]:
        torch._C._ensureCUDADeviceGuardSet()
    else:
        guards[CUDA] = guards[META]


def moved(module: torch.nn.Module, convert: Any, recurse: bool = True) -> torch.nn.Module:
    """nn.Module._apply without the exchange of tensors under references, which fake ones refuse."""
    for child in module.children():
        moved(child, convert)
    for group in (module._parameters, module._buffers):
        for name, tensor in group.items():
            if tensor is not None and (new := convert(tensor.detach())) is not tensor:
                kept = torch.nn.Parameter(new, tensor.requires_grad)
                group[name] = kept if group is module._parameters else new
    return module


@contextmanager
def pretended_gpu(
    values: bool = True, memory: int = 130 * 10**9, capability: tuple[int, int] = HOPPER
) -> Iterator[PretendedGpu]:
    """While it lasts, torch.cuda finds one GPU."""
    install_guard()
    gpu = PretendedGpu(values, memory, capability)
    Event.host = Stream.host = gpu.host
    CudaGraph.gpu = gpu
    with ExitStack() as stack:
        for name, function in _pretended(gpu).items():
            stack.enter_context(patch.object(torch.cuda, name, function))
        flash = "is_flash_attention_available"
        stack.enter_context(patch.object(torch.backends.cuda, flash, lambda: True))
        stack.enter_context(patch.object(torch.nn.Module, "_apply", moved))
        stack.enter_context(without_tables())
        stack.enter_context(fake_subclasses())
        stack.enter_context(gpu)
        stack.enter_context(Front(gpu))
        yield gpu


def _pretended(gpu: PretendedGpu) -> dict[str, Any]:
    """What torch.cuda says and does."""
    tally, memory = gpu.tally, gpu.memory
    properties = SimpleNamespace(multi_processor_count=132, total_memory=memory)
    return {
        "is_available": lambda: True,
        "_lazy_init": lambda: None,
        "is_initialized": lambda: True,
        "current_device": lambda: 0,
        "device_count": lambda: 1,
        "is_bf16_supported": lambda *_, **__: gpu.capability >= (8, 0),
        "get_device_capability": lambda *_: gpu.capability,
        "get_device_name": lambda *_: "pretended GPU",
        "get_device_properties": lambda *_: properties,
        "mem_get_info": lambda *_: (memory - tally.bytes, memory),
        "memory_reserved": lambda *_: tally.bytes,
        "memory_allocated": lambda *_: tally.bytes,
        "max_memory_allocated": lambda *_: tally.peak,
        "reset_peak_memory_stats": lambda *_: None,
        "empty_cache": lambda: None,
        "synchronize": lambda *_: gpu.host.wait("synchronize"),
        "Stream": Stream,
        "Event": Event,
        "stream": streamed,
        "device": nullcontext,
        "current_stream": Stream,
        "CUDAGraph": CudaGraph,
        "graph": captured,
        "graph_pool_handle": Pool,
        "is_current_stream_capturing": lambda: gpu.tape is not None,
    }
