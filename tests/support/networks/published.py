"""What is recorded of published networks: their manifests, and runs of the reference."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from golden.recording import TOLERANCE, Golden, Verdict, check
from golden.runners import RUNNERS
from torch import nn

from tests.support.paths import COMMITTED_GOLDEN, FULL_GOLDEN, SHARED

FOLDERS = {"committed": COMMITTED_GOLDEN, "full": FULL_GOLDEN}


def recordings(family: str) -> list[str]:
    """A family's recorded runs: those of the clone, and in full those of ../shared where it is.

    As text, for the tests' names: "committed/NAME" or "full/NAME" (see `recording`).
    """
    return [
        f"{kind}/{path.stem}"
        for kind, folder in FOLDERS.items()
        for path in sorted((folder / family).glob("*.safetensors"))
    ]


def recording(family: str, name: str) -> Golden:
    """One of `recordings`."""
    kind, stem = name.split("/")
    return Golden.open(FOLDERS[kind] / family / f"{stem}.json")


def reproduced(family: str, name: str) -> Verdict:
    """Our network's verdict on one of `recordings`: every tensor was compared, and is near."""
    verdict = check(recording(family, name), RUNNERS)
    assert verdict.covered and verdict.differences and verdict.skipped == []
    assert [d for d in verdict.differences if not d.within(TOLERANCE)] == []
    return verdict


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
