"""Checkpoints of Depth Anything 3."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mapper.errors import InputError
from mapper.frontends.da3 import loading
from mapper.frontends.da3.config import PUBLISHED
from mapper.frontends.da3.loading import load_da3, load_single
from mapper.frontends.da3.network import Da3
from mapper.frontends.da3.sizes import config_of
from tests.support.networks.da3_networks import TINY, tiny_network, tiny_single, write_folder

SHARED = "model.head.scratch.output_conv2_aux.{}.2.{}"


def changed(folder: Path, changes: dict[str, Tensor], prefix: str = "") -> Path:
    tensors = load_file(folder / "model.safetensors") | changes
    save_file({prefix + k: v for k, v in tensors.items()}, folder / "model.safetensors")
    return folder


def test_a_published_folder_is_loaded(tmp_path: Path) -> None:
    model = load_da3(write_folder(tmp_path / "da3"))
    assert model.config == TINY and not model.training
    expected = tiny_network().state_dict()
    assert all(torch.equal(t, expected[name]) for name, t in model.state_dict().items())


def test_the_shared_norm_may_be_stored_again_but_not_differ(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "da3")
    own = load_file(folder / "model.safetensors")
    again = {
        SHARED.format(level, name): own[SHARED.format(0, name)].clone()
        for level in (1, 2, 3)
        for name in ("weight", "bias")
    }
    assert load_da3(changed(folder, again)).config == TINY
    with pytest.raises(InputError, match="which published weights share"):
        load_da3(changed(folder, {SHARED.format(3, "bias"): torch.full((32,), 5.0)}))


def test_single_views_are_another_model(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "metric", tiny_single())
    assert not load_single(folder).config.sees_views
    with pytest.raises(InputError, match="METRIC or MONO"):
        load_da3(folder)
    with pytest.raises(InputError, match="not of da3-metric"):
        load_single(write_folder(tmp_path / "any"))


def test_both_networks_of_a_nested_checkpoint(tmp_path: Path) -> None:
    tensors: dict[str, Tensor] = {}
    networks: list[tuple[str, nn.Module]] = [("da3.", tiny_network())]
    networks.append(("da3_metric.", tiny_single()))
    for prefix, model in networks:
        tensors |= {f"model.{prefix}{k}": v for k, v in model.state_dict().items()}
    folder = write_folder(tmp_path / "nested")
    save_file(tensors, folder / "model.safetensors")
    assert load_da3(folder).config == TINY


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "da3")
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.cam_dec.fc_t.bias"]
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(InputError, match=r"cam_dec\.fc_t\.bias"):
        load_da3(folder)


def test_a_head_of_gaussians_is_left_out(tmp_path: Path) -> None:
    folder = changed(write_folder(tmp_path / "da3"), {"model.gs_head.norm.weight": torch.ones(3)})
    assert load_da3(folder).config == TINY


@pytest.mark.parametrize("size", ["small", "base", "large", "giant"])
def test_sizes_are_told_from_shapes(size: str) -> None:
    with torch.device("meta"):
        tensors = Da3(PUBLISHED[size]).state_dict()
    assert config_of(tensors, None) == PUBLISHED[size]


def test_weights_of_another_size_are_refused() -> None:
    with pytest.raises(InputError, match=r"weights of base, not of small; give da3\.model=base"):
        loading._check_size(PUBLISHED["base"], "small", Path("model.safetensors"))
    loading._check_size(PUBLISHED["base"], "base", Path("model.safetensors"))


def test_sizes_that_nobody_published_need_a_configuration(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "da3")
    (folder / "config.json").unlink()
    with pytest.raises(InputError, match="no configuration is stored"):
        load_da3(folder)
