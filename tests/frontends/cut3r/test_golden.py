"""CUT3R against recorded runs of the reference and the manifests of its checkpoints."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from golden.recording import TOLERANCE, Golden, check, compare, golden_files
from golden.runners import RUNNERS

from mapper.errors import ConfigError
from mapper.frontends.cut3r.config import Cut3rConfig
from mapper.frontends.cut3r.model import Cut3r
from tests.support.published import built_as, manifest, parameter_count, recordings

FOLDER, FILES = recordings("cut3r")
MANIFESTS = ("cut3r_512_dpt_4_64", "cut3r_224_linear")


@pytest.mark.skipif(not FILES, reason="../shared/golden/cut3r is not on this machine")
@pytest.mark.parametrize("name", FILES or ["absent"])
def test_every_recorded_tensor_is_reproduced(name: str) -> None:
    verdict = check(Golden.open(FOLDER / f"{name}.json"), RUNNERS)
    if not verdict.covered:
        pytest.skip(f"no runner for {name}")
    assert verdict.differences and verdict.skipped == []
    assert [d for d in verdict.differences if not d.within(TOLERANCE)] == []


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


def test_comparison_notices_wrong_shapes_values_and_holes() -> None:
    expected = torch.tensor([[1.0, 2.0], [100.0, 50.0]])
    assert compare("same", expected, expected.clone()).relative == 0
    ours = expected.clone()
    ours[0, 0] += 0.1
    # The first row is judged by a tenth of the largest value, 10, not by its own 2.
    assert compare("off", expected, ours).relative == pytest.approx(0.01)
    ours[0, 0] = torch.nan
    assert "NaN" in compare("hole", expected, ours).fault
    assert "shape" in compare("shape", expected, ours[:1]).fault
    assert not compare("pixel", torch.tensor([1, 2]), torch.tensor([1, 3])).within(1.0)


def test_a_file_of_an_unknown_kind_is_not_covered(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"protocol": {"family": "other", "kind": "sequence"}}')
    (tmp_path / "x.safetensors").write_bytes(b"")
    assert not check(golden_files([tmp_path])[0], RUNNERS).covered
