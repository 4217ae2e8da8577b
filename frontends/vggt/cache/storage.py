"""In which form keys and values are kept: exact, rounded, or as small integers with a scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from mapper.errors import ConfigError

AUTO: Final = "auto"  # whatever is computed in
SMALLEST_SCALE: Final = 1e-12
SCALE_BYTES: Final = 2
DTYPES: Final = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "int8": torch.int8,
    "float8": getattr(torch, "float8_e4m3fn", None),
}
LARGEST: Final = {"int8": 127.0, "float8": 448.0}  # what the scaled entries may reach


@dataclass(frozen=True, slots=True)
class Storage:
    """One of DTYPES; "int8" and "float8" keep a scale a token and head.

    Errors of attention against float32 are measured in tests/frontends/vggt/cache/test_pages.py.
    """

    name: str

    def __post_init__(self) -> None:
        if DTYPES.get(self.name) is None:
            known = [name for name, dtype in DTYPES.items() if dtype is not None]
            raise ConfigError(f"cache type {self.name!r}: expected one of {', '.join(known)}")

    @property
    def dtype(self) -> torch.dtype:
        """The type in which vectors are kept."""
        return DTYPES[self.name]  # type: ignore[return-value]

    @property
    def scaled(self) -> bool:
        """Whether each vector is kept with a scale."""
        return self.name in LARGEST

    def bytes(self, vectors: int, width: int) -> int:
        """Of so many vectors of that width."""
        return vectors * (width * self.dtype.itemsize + (SCALE_BYTES if self.scaled else 0))

    def packed(self, vectors: Tensor) -> tuple[Tensor, Tensor | None]:
        """(..., d) as stored, and the scales (..., 1) where there are any."""
        if not self.scaled:
            return vectors.to(self.dtype), None
        largest = vectors.float().abs().amax(-1, keepdim=True)
        # Rounded first, so that packing and unpacking use the same number.
        scale = (largest / LARGEST[self.name]).clamp(min=SMALLEST_SCALE).bfloat16()
        entries = (vectors.float() / scale.float()).clamp(-LARGEST[self.name], LARGEST[self.name])
        return (entries.round() if self.name == "int8" else entries).to(self.dtype), scale

    def unpacked(self, entries: Tensor, scale: Tensor | None, dtype: torch.dtype) -> Tensor:
        """Vectors in the type that is computed in."""
        if scale is None:
            return entries.to(dtype)
        if self.name == "int8" and dtype == scale.dtype:
            return entries * scale  # in one go
        return entries.to(dtype).mul_(scale)
