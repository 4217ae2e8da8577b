"""Telling checkpoints apart, against the lists of names of the published models."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from mapper.errors import InputError
from mapper.weights.identify import check_model, differences, identify, looks_like
from mapper.weights.registry import REGISTRY
from mapper.weights.signatures import SIGNATURES
from tests.support.paths import MANIFESTS

TITLES = {
    "cut3r_512_dpt_4_64": "CUT3R with a DPT head",
    "cut3r_224_linear": "CUT3R with a linear head",
    "stream3r": "STream3R",
    "streamvggt": "StreamVGGT or VGGT",
    "vggt1b": "StreamVGGT or VGGT",
    "wint3r": "WinT3R",
    "pi3": "Pi3",
    "da3_small": "Depth Anything 3 SMALL",
    "da3_base": "Depth Anything 3 BASE",
}


def published(name: str) -> dict[str, Any]:
    path = MANIFESTS / f"{name}.json"
    if not path.exists():
        pytest.skip("the lists of the published models are not on this machine")
    entries = json.loads(path.read_text())["state_dict"]
    return {
        key.removeprefix("model."): SimpleNamespace(
            shape=shape[0] if shape and isinstance(shape[0], list) else shape
        )
        for key, shape in entries.items()
    }


@pytest.mark.parametrize("name", list(TITLES))
def test_published_models(name: str) -> None:
    tensors = published(name)
    assert looks_like(tensors) == TITLES[name]
    signature = identify(tensors)
    assert signature is not None
    assert differences(tensors, signature) == []
    assert signature.tensors == len(tensors)


@pytest.mark.parametrize("name", ["stream3r", "streamvggt"])
def test_other_sizes(name: str) -> None:
    found = looks_like(published(f"{name}_tiny"))
    assert found == f"{TITLES[name]}, of other sizes than the published ones"


def test_differences_name_the_part() -> None:
    tensors = published("wint3r")
    del tensors[
        "pts_head." + next(k for k in tensors if k.startswith("pts_head.")).split(".", 1)[1]
    ]
    signature = identify(tensors)
    assert signature is not None
    lines = differences(tensors, signature)
    assert len(lines) == 1 and lines[0].startswith("pts_head: 67 tensors")
    swapped = published("wint3r")
    swapped["enc_blocks.0.norm1.wrong"] = swapped.pop("enc_blocks.0.norm1.weight")
    assert differences(swapped, signature) == [
        "names or shapes differ within parts of the right size"
    ]


@pytest.mark.parametrize(
    ("names", "title"),
    [
        (["dec_blocks2.0.x", "downstream_head1.dpt.x", "downstream_head2.dpt.x"], "DUSt3R"),
        (["dec_blocks2.0.x", "downstream_head1.head_local_features.fc1.weight"], "MASt3R"),
        (["enc_blocks.0.x", "dec_blocks.0.x", "prediction_head.weight"], "CroCo"),
        (["pose_retriever.mem", "register_tokens", "downstream_head.proj.fc1"], "CUT3R"),
    ],
)
def test_models_known_by_name_only(names: list[str], title: str) -> None:
    found = looks_like({name: torch.zeros(1) for name in names})
    assert found is not None and found.startswith(title)


def test_unknown_tensors() -> None:
    assert looks_like({"weight": torch.zeros(1)}) is None
    check_model({"weight": torch.zeros(1)}, "cut3r", "w.pth")  # the strict loader says the rest


def test_wrong_model_is_named() -> None:
    names = ["cam_token", "cam_head.a", "pts_head.a", "register_tokens.weight"]
    tensors = {name: torch.zeros(1) for name in names}
    check_model(tensors, "wint3r", "w.pth")
    with pytest.raises(InputError, match="looks like a checkpoint of WinT3R, not of cut3r"):
        check_model(tensors, "cut3r", "w.pth")


def test_every_model_of_the_registry_has_a_signature() -> None:
    known = {model for signature in SIGNATURES for model in signature.models if signature.digest}
    # What comes along has sizes of its own, and its checksum.
    assert {entry.model for entry in REGISTRY if entry.source != "shipped"} <= known
