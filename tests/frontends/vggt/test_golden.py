"""The VGGT family against recorded runs of the reference and the manifests of its checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from golden.recording import Golden
from golden.vggt_sequences import calls_of, chosen, fitted, images_of

from mapper.errors import ConfigError, InputError
from mapper.frontends.vggt.config import VggtConfig
from mapper.frontends.vggt.network import Vggt
from tests.support.networks.published import (
    built_as,
    manifest,
    parameter_count,
    recordings,
    reproduced,
)

ELSEWHERE = ("eval_", "loss_")  # recorded of evaluation and training, not of the network
FILES = [f for f in recordings("vggt") if not f.split("/")[1].startswith(ELSEWHERE)]
MANIFESTS = {
    "stream3r": False,
    "streamvggt": True,
    "vggt1b": True,
    "stream3r_tiny": False,
    "streamvggt_tiny": True,
}


@pytest.mark.parametrize("name", FILES)
def test_every_recorded_tensor_is_reproduced(name: str) -> None:
    reproduced("vggt", name)


@pytest.mark.parametrize("name", MANIFESTS)
def test_the_networks_match_their_manifests(name: str) -> None:
    expected = manifest(name)
    config = VggtConfig.of(expected["config"], MANIFESTS[name])
    model = built_as(expected, lambda: Vggt(config))
    if "num_params" in expected:
        assert parameter_count(model) == expected["num_params"]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"agg_dephs": 3}, "unknown argument"),
        ({"qk_norm": False}, "not supported"),
        ({"vit_embed_dim": 8}, "must be embed_dim"),
        ({"agg_depth": 4}, "there are 4 layers"),
    ],
)
def test_unknown_and_unsupported_arguments_are_refused(
    arguments: dict[str, Any], fault: str
) -> None:
    with pytest.raises(ConfigError, match=fault):
        VggtConfig.of(arguments, track_head=False)


def made_up(**protocol: Any) -> Golden:
    return Golden(Path("made_up.safetensors"), {"protocol": protocol})


@pytest.mark.parametrize(
    ("protocol", "shape", "first"),
    [
        ({}, (1, 6), [0]),
        ({"frames": 4}, (1, 4), [0]),
        ({"frames": [1, 3]}, (1, 2), [1]),
        ({"sequences": 2}, (2, 3), [0, 3]),
        ({"sequences": 2, "frames": 2}, (2, 2), [0, 2]),
        ({"sequences": [[0, 1], [3, 4]]}, (2, 2), [0, 3]),
    ],
)
def test_recorded_choices_of_frames(
    protocol: dict[str, Any], shape: tuple[int, int], first: list[int]
) -> None:
    images = torch.arange(6.0).view(6, 1, 1, 1).expand(6, 3, 2, 2)
    taken = images_of(made_up(**protocol), {"images": images})
    assert taken.shape == (*shape, 3, 2, 2)
    assert taken[:, 0, 0, 0, 0].tolist() == first


def test_frames_that_were_not_recorded_are_refused() -> None:
    with pytest.raises(InputError, match="have 2"):
        chosen([0, 5], 2)


@pytest.mark.parametrize(
    ("chunks", "sizes"), [(None, [1, 1, 1]), (2, [2, 1]), ([1, 2], [1, 2]), ([[0], [1]], [1, 1])]
)
def test_recorded_calls(chunks: Any, sizes: list[int]) -> None:
    calls = calls_of({"chunks": chunks}, torch.zeros(1, 3, 3, 2, 2))
    assert [call.shape[1] for call in calls] == sizes


def test_outputs_are_laid_out_as_recorded() -> None:
    ours = torch.rand(2, 3, 9)
    assert torch.equal(fitted(ours, torch.zeros(3, 2, 9)), ours.transpose(0, 1))
    assert fitted(ours, torch.zeros(2, 3, 7)).shape == (2, 3, 7)
    assert fitted(ours[:1], torch.zeros(3, 9)).shape == (3, 9)
