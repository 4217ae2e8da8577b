"""What is recorded of published networks: their manifests, and runs of the reference."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.support.paths import SHARED


def recordings(family: str) -> tuple[Path, list[str]]:
    """The folder of a family's recorded runs, and their names; none where it is absent."""
    folder = SHARED / "golden" / family
    return folder, sorted(path.stem for path in folder.glob("*.safetensors"))


def manifest(name: str) -> Mapping[str, Any]:
    """What a checkpoint holds; skips the test where that is not on this machine."""
    path = SHARED / "manifests" / f"{name}.json"
    if not path.exists():
        pytest.skip(f"../shared/manifests/{name}.json is not on this machine")
    return json.loads(path.read_text(encoding="utf-8"))


def built_as(expected: Mapping[str, Any], build: Callable[[], nn.Module]) -> nn.Module:
    """The network without its weights; its tensors' names, shapes and order are as expected."""
    with torch.device("meta"):
        model = build()
    tensors = [(name, list(tensor.shape)) for name, tensor in model.state_dict().items()]
    assert tensors == list(expected["state_dict"].items())
    return model


def parameter_count(model: nn.Module) -> int:
    """Shared ones once."""
    return sum(parameter.numel() for parameter in model.parameters())
