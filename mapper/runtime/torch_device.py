"""Which device of PyTorch's something is computed on."""

from __future__ import annotations

import torch

from mapper.errors import ConfigError


def choose_device(option: str, key: str, mps: bool = False) -> torch.device:
    """The device of an option's value; "auto" takes CUDA, then MPS if it will do, then the CPU.

    key: the option's full name, for the message when PyTorch cannot use that device here.
    """
    if option.lower() != "auto":
        try:
            return torch.empty(0, device=option.lower()).device
        except (RuntimeError, AssertionError) as error:
            raise ConfigError(
                f"{key}={option}: PyTorch cannot use it here; cpu always works"
            ) from error
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if mps and torch.backends.mps.is_available() else "cpu")
