"""A training packed as one small file is the network that it was, as near as float16 is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pack_mini
import pytest
import torch
from pack_mini import main, pack
from safetensors.torch import load_file, save_file

from mapper.errors import InputError
from mapper.frontends.vggt.loading import load_vggt
from mapper.weights.checkpoint import load_checkpoint
from mapper.weights.convert import write_safetensors
from tests.support.networks.vggt_networks import random_network, write_folder


@pytest.fixture
def training(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "training")


def test_the_file_alone_is_the_whole_network(training: Path, tmp_path: Path) -> None:
    target = tmp_path / "small.safetensors"
    assert pack(training, target) < 2**-10
    stored = load_checkpoint(target)
    assert {tensor.dtype for tensor in stored.tensors.values()} == {torch.float16}
    assert stored.config == json.loads((training / "config.json").read_text())
    loaded, before = load_vggt(target, "stream3r"), load_vggt(training, "stream3r")
    assert loaded.config == before.config
    for name, tensor in loaded.state_dict().items():
        assert tensor.dtype == torch.float32
        torch.testing.assert_close(tensor, before.state_dict()[name], rtol=1e-3, atol=1e-6)


def test_sizes_outlast_a_conversion(training: Path, tmp_path: Path) -> None:
    target = tmp_path / "converted.safetensors"
    write_safetensors(load_checkpoint(training), target)
    assert load_checkpoint(target).config == load_checkpoint(training).config


@pytest.mark.parametrize("stored", ["[1]", "{", ""])
def test_another_text_of_that_name_is_no_configuration(tmp_path: Path, stored: str) -> None:
    path = tmp_path / "theirs.safetensors"
    save_file(random_network().state_dict(), path, {"config": stored})
    assert load_checkpoint(path).config is None


def test_what_cannot_be_packed_is_told_in_a_line(
    training: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    target = tmp_path / "small.safetensors"
    with monkeypatch.context() as changed:
        changed.setattr(pack_mini, "MOST_BYTES", 1000)
        with pytest.raises(InputError, match="more than 1,000"):
            pack(training, target)
    bare = tmp_path / "bare"
    shutil.copytree(training, bare)
    (bare / "config.json").unlink()
    monkeypatch.setattr("sys.argv", ["pack_mini", str(bare), str(target)])
    assert main() == 2 and "has no config.json" in capsys.readouterr().err
    tensors = load_file(training / "model.safetensors")
    tensors["camera_head.token_norm.weight"] *= 1e9
    save_file(tensors, training / "model.safetensors")
    with pytest.raises(InputError, match="does not hold"):
        pack(training, target)
    assert not target.exists()
