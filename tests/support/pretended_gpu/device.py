"""The pretended GPU itself: operations under PyTorch's own rules, and their values beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten

from tests.support.pretended_gpu import attention
from tests.support.pretended_gpu.front import GPU, on_gpu
from tests.support.pretended_gpu.graphs import CaptureError, Tape
from tests.support.pretended_gpu.host import Host
from tests.support.pretended_gpu.tally import Rates, Tally

# Their results' sizes depend on values; on a GPU the host waits for them.
SIZED_BY_VALUES: Final = {
    "nonzero",
    "masked_select",
    "_unique2",
    "bincount",
    "unique_dim",
    "unique_consecutive",
    "repeat_interleave",
}


def value(x: Any) -> Any:
    """What stands for it on the CPU."""
    if isinstance(x, torch.device):
        return torch.device("cpu")
    return x.value if isinstance(x, FakeTensor) else x  # type: ignore[attr-defined]


def is_view(func: Any) -> bool:
    """Whether the result lies in the memory of an argument that is only read."""
    returns = func._schema.returns
    return any(r.alias_info is not None and not r.alias_info.is_write for r in returns)


class PretendedGpu(TorchDispatchMode):
    """tally: what was counted. values: whether numbers are computed, or shapes alone.

    memory: bytes that there are; beyond, OutOfMemoryError. capability: such as (9, 0).
    """

    def __init__(self, values: bool, memory: int, capability: tuple[int, int]) -> None:
        super().__init__()
        self.fake = FakeTensorMode(allow_non_fake_inputs=True)
        self.values, self.memory, self.capability = values, memory, capability
        self.tally = Tally(Rates())
        self.host = Host(self.tally)
        self.tape: Tape | None = None

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.ops.prim.device.default:
            return GPU
        if not any(map(on_gpu, tree_leaves((args, kwargs)))):
            return func(*args, **kwargs)
        name = func._schema.name.removeprefix("aten::")
        if name in ("_local_scalar_dense", "is_nonzero", "item"):
            self._wait("item")
            if self.values:
                return value(args[0]).item()
            return True if args[0].dtype == torch.bool else 1
        if self._falls_apart(func, name):
            with self:
                result = func.decompose(*args, **kwargs)
            if result is not NotImplemented:
                return result
        if self._copies_down(name, args, kwargs):
            return self._down(args)
        self._note_waits(name, args, kwargs)
        if name in ("index", "index_put_") and not on_gpu(args[0]):
            raise RuntimeError("indices on a GPU for a tensor on the CPU")
        if "dot_product" in name:
            attention.refuse(name, args[:3], self.capability)
        if self.values and self._sized_by_values(name, args):
            return self._by_values(func, args, kwargs)
        return self._operation(func, name, args, kwargs)

    def _operation(self, func: Any, name: str, args: Any, kwargs: Any) -> Any:
        lifted = tree_map(self._lifted, (args, kwargs))
        with self.fake:
            result = func(*lifted[0], **lifted[1])
        counted = self.tally.kernel(func, lifted, result)
        if counted is not None and self.tape is not None:
            self.tape.kernels.append((name, *counted))
        real = None
        if self.values:
            real_args, real_kwargs = tree_map(value, args), tree_map(value, kwargs)

            def compute() -> Any:
                if "dot_product" in name:
                    return attention.computed(name, real_args, result)
                return func(*real_args, **real_kwargs)

            real = compute()
        handed = self._handed_back(func, args, kwargs, result, real)
        if self.values and self.tape is not None and counted is not None:
            self._record(func, compute, handed)
        return handed

    def _record(self, func: Any, compute: Callable[[], Any], handed: Any) -> None:
        assert self.tape is not None
        if func._schema.is_mutable:
            self.tape.compute(compute, None)
        else:
            made = [t for t in tree_leaves(handed) if isinstance(t, Tensor)]
            outs = [getattr(t, "value", None) for t in made]  # what is on no device has none
            self.tape.compute(compute, outs)

    def _falls_apart(self, func: Any, name: str) -> bool:
        """Whether it is made of other operations, which have kernels."""
        key = torch._C.DispatchKey
        return (
            func.has_kernel_for_dispatch_key(key.CompositeImplicitAutograd)
            and not func.has_kernel_for_dispatch_key(key.CPU)
            and not name.startswith("upsample")
        )

    def _copies_down(self, name: str, args: Any, kwargs: Any) -> bool:
        """Whether it is a copy into pinned memory that nobody waits for."""
        without_waiting = kwargs.get("non_blocking", False) or (len(args) > 2 and args[2])
        return (
            name == "copy_"
            and without_waiting
            and not on_gpu(args[0])
            and on_gpu(args[1])
            and self.host.is_pinned(args[0])
        )

    def _down(self, args: Any) -> Tensor:
        target, source = args[:2]
        self._count_copy(source.numel() * source.element_size(), down=True)
        told = value(source).to(target.dtype) if self.values else torch.ones_like(target)
        self.host.send_down(target, told)
        return target

    def _count_copy(self, size: int, down: bool) -> None:
        if self.tape is not None:
            raise CaptureError("a copy between host and device within a capture")
        if down:
            self.tally.down += size
        else:
            self.tally.up += size
        self.tally.started("copy down" if down else "copy up", 0, 0.0)

    def _note_waits(self, name: str, args: Any, kwargs: Any) -> None:
        source: Any = None
        if name == "_to_copy":
            target = torch.device(kwargs.get("device") or args[0].device).type
            source, free = args[0], kwargs.get("non_blocking", False)
        elif name == "copy_":
            target, source = args[0].device.type, args[1]
            free = kwargs.get("non_blocking", False) or (len(args) > 2 and args[2])
        if source is not None and target != source.device.type:
            down = target == "cpu"
            self._count_copy(source.numel() * source.element_size(), down)
            if not (free and self.host.is_pinned(source)):
                self._wait("to CPU" if down else "to GPU")
        elif self._sized_by_values(name, args) or name == "_linalg_check_errors":
            self._wait(name)

    def _wait(self, what: str) -> None:
        if self.tape is not None:
            raise CaptureError(f"the host waits ({what}) within a capture")
        self.host.wait(what)

    def _sized_by_values(self, name: str, args: Any) -> bool:
        masked = name in ("index", "index_put_") and any(
            i is not None and i.dtype == torch.bool for i in args[1]
        )
        return name in SIZED_BY_VALUES or masked

    def _by_values(self, func: Any, args: Any, kwargs: Any) -> Any:
        real = func(*tree_map(value, args), **tree_map(value, kwargs))
        if func._schema.is_mutable:
            return args[0]
        return tree_map(lambda x: self._dressed(x) if isinstance(x, Tensor) else x, real)

    def _dressed(self, real: Tensor) -> Tensor:
        with self.fake:
            fake = torch.empty_strided(real.shape, real.stride(), dtype=real.dtype, device=GPU)
        fake.value = real  # type: ignore[attr-defined]
        return self._tracked(fake)

    def _lifted(self, x: Any) -> Any:
        if isinstance(x, Tensor) and not isinstance(x, FakeTensor):
            return self.fake.from_tensor(x)
        return x

    def _handed_back(self, func: Any, args: Any, kwargs: Any, result: Any, real: Any) -> Any:
        fakes, form = tree_flatten(result)
        reals = tree_flatten(real)[0] if self.values else [None] * len(fakes)
        out = [self._paired(func, f, r) for f, r in zip(fakes, reals, strict=True)]
        if func._schema.is_mutable and len(out) == 1:
            return next(
                kwargs.get(a.name, args[i] if i < len(args) else None)
                for i, a in enumerate(func._schema.arguments)
                if a.alias_info is not None and a.alias_info.is_write
            )
        return tree_unflatten(out, form)

    def _paired(self, func: Any, fake: Any, exact: Any) -> Any:
        """A result of the shapes with its value."""
        if not isinstance(fake, Tensor) or fake is exact:
            return fake
        if fake.device.type == "cpu":
            return exact if self.values else torch.ones(fake.shape, dtype=fake.dtype)
        if self.values:
            assert fake.shape == exact.shape and fake.dtype == exact.dtype, func
            own = not func._schema.is_mutable and not is_view(func)
            if own and fake.stride() != exact.stride():
                laid_out = torch.empty_strided(fake.shape, fake.stride(), dtype=fake.dtype)
                exact = laid_out.copy_(exact)
            fake.value = exact  # type: ignore[attr-defined]
        return self._tracked(fake)

    def _tracked(self, fake: Tensor) -> Tensor:
        self.tally.track(fake)
        if self.tally.bytes > self.memory:
            raise torch.OutOfMemoryError("CUDA out of memory, pretended")
        return fake
