"""CUT3R against recorded runs of the reference and the manifests of its checkpoints."""

from __future__ import annotations

import pytest

from mapper.errors import ConfigError
from mapper.frontends.cut3r.config import Cut3rConfig
from mapper.frontends.cut3r.model import Cut3r
from tests.support.networks.published import (
    built_as,
    manifest,
    parameter_count,
    recordings,
    reproduced,
)

MANIFESTS = ("cut3r_512_dpt_4_64", "cut3r_224_linear")


@pytest.mark.parametrize("name", recordings("cut3r"))
def test_every_recorded_tensor_is_reproduced(name: str) -> None:
    reproduced("cut3r", name)


@pytest.mark.parametrize("name", MANIFESTS)
def test_the_published_networks_match_their_manifests(name: str) -> None:
    expected = manifest(name)
    config = Cut3rConfig.of(expected["config"]["constructor_args_effective"])
    model = built_as(expected, lambda: Cut3r(config))
    assert parameter_count(model) == expected["n_parameters_unique"]
    for alias, original in expected["aliases_same_storage"].items():
        assert model.get_parameter(alias) is model.get_parameter(original)


def test_unknown_and_unsupported_arguments_are_refused() -> None:
    with pytest.raises(ConfigError, match="unknown argument"):
        Cut3rConfig.of({"enc_depht": 3})
    with pytest.raises(ConfigError, match="not supported"):
        Cut3rConfig.of({"pose_head": False})
