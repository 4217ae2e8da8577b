"""Random weights as the draws that made them: a seed, and what was done to each tensor's draws.

The weights of the recorded networks are random, and random numbers do not compress; the seed and
the order in which a generator was asked say all of them. A sidecar then has, under `drawn`,

    {"generator": "torch" | "numpy", "seed": 1234}

its `tensors` stand in the order of the draws, and each entry of them that was drawn has `steps` and
`mean`, which are exact to the last digit: ["/", n] divides the draws by the root of n, ["*", g]
multiplies them; then comes `mean`. What no draw explains lies in the safetensors file as ever, but
takes its draws from the generator; `same_as` names the tensor that an alias repeats, which takes
none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mapper.errors import InputError

Draw = Callable[[tuple[int, ...]], np.ndarray]  # standard normal numbers of a shape


def generator(name: str, seed: int) -> Draw:
    """PyTorch's generator on the CPU draws float32, NumPy's old one (Mersenne twister) float64."""
    if name == "torch":
        state = torch.Generator().manual_seed(seed)
        return lambda shape: torch.randn(shape, generator=state).numpy()
    if name == "numpy":
        # The frozen stream of old: the weights were drawn with it.
        old = np.random.RandomState(seed)
        return lambda shape: old.standard_normal(shape)
    raise InputError(f"unknown generator {name!r}: expected torch or numpy")


def drawn_weights(
    sidecar: Mapping[str, Any], stored: Mapping[str, Tensor]
) -> Iterator[tuple[str, Tensor]]:
    """All tensors, float32, in the order of the draws; `stored` are those of the file."""
    recipe = sidecar["drawn"]
    draw = generator(recipe["generator"], int(recipe["seed"]))
    made: dict[str, Tensor] = {}
    for name, entry in sidecar["tensors"].items():
        if "same_as" in entry:
            made[name] = made[entry["same_as"]]
        else:
            numbers = draw(tuple(entry["shape"]))
            made[name] = stored[name] if name in stored else scaled(numbers, entry)
        yield name, made[name]


def scaled(numbers: np.ndarray, entry: Mapping[str, Any]) -> Tensor:
    """The draws after the steps of an entry, each in the draws' own precision; float32."""
    kind = numbers.dtype.type
    for sign, number in entry["steps"]:
        numbers = numbers * kind(number) if sign == "*" else numbers / kind(np.sqrt(number))
    return torch.from_numpy((numbers + kind(entry["mean"])).astype(np.float32))
