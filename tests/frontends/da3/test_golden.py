"""Depth Anything 3 against recorded runs of the reference and the manifests of its checkpoints."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from mapper.errors import ConfigError
from mapper.frontends.da3.config import PUBLISHED, Da3Config
from mapper.frontends.da3.network import Da3, Da3Single
from tests.support.networks.published import manifest, parameter_count, recordings, reproduced

PARAMETERS = {
    "small": 34_299_463,
    "base": 135_366_599,
    "large": 410_941_767,
    "giant": 1_320_045_639,
    "metric": 334_171_394,
    "mono": 334_171_394,
}


@pytest.mark.parametrize("name", recordings("da3"))
def test_every_recorded_tensor_is_reproduced(name: str) -> None:
    reproduced("da3", name)


@pytest.mark.parametrize("size", ["small", "base"])
def test_the_networks_match_their_manifests(size: str) -> None:
    expected = manifest(f"da3_{size}")
    assert Da3Config.of(expected["config"]) == PUBLISHED[size]
    with torch.device("meta"):
        model = Da3(PUBLISHED[size])
    shapes = {f"model.{name}": list(t.shape) for name, t in model.state_dict().items()}
    assert shapes == expected["state_dict"]
    assert len(shapes) == expected["num_tensors"]
    assert parameter_count(model) == expected["num_parameters"]


@pytest.mark.parametrize("size", PUBLISHED)
def test_every_published_size_has_its_parameters(size: str) -> None:
    config = PUBLISHED[size]
    with torch.device("meta"):
        model = (Da3 if config.sees_views else Da3Single)(config)
    assert parameter_count(model) == PARAMETERS[size]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"dephts": 3}, "unknown argument"),
        ({"rope_start": 3}, "rope_start"),
        ({"depth": 6}, "there are 6 layers"),
        ({"out_layers": [3, 5, 7, 9]}, "below alt_start"),
        ({"head": "linear"}, "not supported"),
        ({"num_heads": 5}, "does not fit"),
        ({"head": "DPT"}, "does not go with"),
    ],
)
def test_unknown_and_unsupported_arguments_are_refused(
    arguments: dict[str, Any], fault: str
) -> None:
    with pytest.raises(ConfigError, match=fault):
        Da3Config.of(arguments)


def test_a_network_is_of_views_that_see_one_another_or_not() -> None:
    with pytest.raises(ConfigError, match="each view alone"):
        Da3(PUBLISHED["metric"])
    with pytest.raises(ConfigError, match="see one another"):
        Da3Single(PUBLISHED["small"])
