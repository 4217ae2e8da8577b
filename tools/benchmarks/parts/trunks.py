"""Sizes of networks that are smaller than the published ones, in few numbers."""

from __future__ import annotations

from typing import Any, Final

NAMES: Final = ("embed_dim", "depth", "num_heads")


def trunk(enc: tuple[int, int, int], dec: tuple[int, int, int]) -> dict[str, Any]:
    """Fields of TrunkSizes. enc, dec: width of a token, blocks and heads of either."""
    sizes = {f"enc_{name}": size for name, size in zip(NAMES, enc, strict=True)}
    return sizes | {f"dec_{name}": size for name, size in zip(NAMES, dec, strict=True)}
