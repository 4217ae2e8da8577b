"""Reading checkpoints: every container, what trainers add to names, and files that are none."""

from __future__ import annotations

import argparse
import collections
import json
import pickle
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mapper.errors import InputError
from mapper.weights.checkpoint import add_state_decoder, load_checkpoint

TEXT = "ARCroco3DStereo(ARCroco3DStereoConfig(state_size=8))"


def tensors() -> dict[str, torch.Tensor]:
    return {"enc.weight": torch.arange(6.0).reshape(2, 3), "dec.bias": torch.ones(4)}


def same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> bool:
    return list(found) == list(expected) and all(
        torch.equal(found[name], expected[name]) for name in expected
    )


@pytest.mark.parametrize("new", [True, False])
@pytest.mark.parametrize("ending", ["pth", "pt", "bin", "ckpt"])
def test_published_container_is_read(tmp_path: Path, new: bool, ending: str) -> None:
    path = tmp_path / f"weights.{ending}"
    content = {"args": argparse.Namespace(model=TEXT), "model": tensors(), "epoch": 3}
    torch.save(content, path, _use_new_zipfile_serialization=new)
    checkpoint = load_checkpoint(path)
    assert same(checkpoint.tensors, tensors())
    assert checkpoint.model_text == TEXT
    assert checkpoint.format == ("torch-zip" if new else "torch-legacy")


def test_options_of_the_trainer_stay_data(tmp_path: Path) -> None:
    """Paths, NumPy numbers and default dicts stand in published options; none is rebuilt."""
    options = argparse.Namespace(model=TEXT, out=tmp_path, loss=np.float64(0.5))
    best = collections.defaultdict(list, {"loss": [1.0]})
    path = tmp_path / "weights.pth"
    torch.save({"args": options, "model": tensors(), "best": best}, path)
    assert load_checkpoint(path).model_text == TEXT


def test_omegaconf_options_are_read_without_omegaconf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As CUT3R's files have them: nodes that hold metadata, the parent and the value."""
    path = tmp_path / "weights.pth"
    with monkeypatch.context() as patch:
        names = {"nodes": "AnyNode", "dictconfig": "DictConfig", "base": "ContainerMetadata"}
        made = {}
        for module_name, class_name in names.items():
            module = ModuleType(f"omegaconf.{module_name}")
            made[class_name] = type(class_name, (), {"__module__": module.__name__})
            setattr(module, class_name, made[class_name])
            patch.setitem(sys.modules, module.__name__, module)
        patch.setitem(sys.modules, "omegaconf", ModuleType("omegaconf"))
        metadata, node, options = (
            made[name]() for name in ("ContainerMetadata", "AnyNode", "DictConfig")
        )
        metadata.__dict__ = {"object_type": dict, "cache": collections.defaultdict(dict)}
        node.__dict__ = {"_metadata": metadata, "_parent": options, "_val": TEXT}
        options.__dict__ = {"_metadata": metadata, "_content": {"model": node}}
        torch.save({"args": options, "model": tensors()}, path)
    checkpoint = load_checkpoint(path)
    assert checkpoint.model_text == TEXT
    assert same(checkpoint.tensors, tensors())


@pytest.mark.parametrize("name", [None, "model", "state_dict"])
def test_flat_and_nested_tensors(tmp_path: Path, name: str | None) -> None:
    torch.save({name: tensors()} if name else tensors(), tmp_path / "w.pt")
    checkpoint = load_checkpoint(tmp_path / "w.pt")
    assert same(checkpoint.tensors, tensors())
    assert checkpoint.model_text is None


def test_prefix_goes_only_if_all_names_have_it(tmp_path: Path) -> None:
    all_of_them = {f"module.{name}": tensor for name, tensor in tensors().items()}
    torch.save({"model": all_of_them}, tmp_path / "all.pth")
    assert same(load_checkpoint(tmp_path / "all.pth").tensors, tensors())
    some = {**all_of_them, "head": torch.zeros(1)}
    torch.save({"model": some}, tmp_path / "some.pth")
    assert same(load_checkpoint(tmp_path / "some.pth").tensors, some)


def test_training_file_of_stream3r(tmp_path: Path) -> None:
    wrapped = {f"net.{name}": tensor for name, tensor in tensors().items()}
    wrapped["epoch_fraction"] = torch.tensor(0.5)
    torch.save({"state_dict": wrapped}, tmp_path / "last.ckpt")
    assert same(load_checkpoint(tmp_path / "last.ckpt").tensors, tensors())


def test_missing_state_decoder_is_a_copy() -> None:
    old = {"dec_blocks.0.fc": torch.ones(2), "enc": torch.zeros(1)}
    new = add_state_decoder(old)
    assert set(new) == {*old, "dec_blocks_state.0.fc"}
    assert torch.equal(new["dec_blocks_state.0.fc"], old["dec_blocks.0.fc"])
    assert add_state_decoder(new) is new


def test_safetensors_and_folder(tmp_path: Path) -> None:
    save_file(tensors(), tmp_path / "model.safetensors", {"model_text": TEXT})
    (tmp_path / "config.json").write_text('{"img_size": 518}')
    alone = load_checkpoint(tmp_path / "model.safetensors")
    assert alone.model_text == TEXT and alone.format == "safetensors"
    folder = load_checkpoint(tmp_path)
    assert folder.config == {"img_size": 518}
    assert same(dict(sorted(folder.tensors.items())), dict(sorted(tensors().items())))


def write_parts(folder: Path) -> Path:
    places = {}
    for number, (name, tensor) in enumerate(tensors().items()):
        places[name] = f"model-{number}.safetensors"
        save_file({name: tensor}, folder / places[name])
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": places}))
    return index


def test_folder_in_parts(tmp_path: Path) -> None:
    write_parts(tmp_path)
    checkpoint = load_checkpoint(tmp_path)
    assert same(checkpoint.tensors, tensors())
    assert checkpoint.format == "safetensors-sharded"


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        ('{"weight_map": {"a": "../other.safetensors"}}', "not a file beside it"),
        ('{"weight_map": {"a": "absent.safetensors"}}', "absent.safetensors: no such file"),
        ('{"weight_map": {"unknown": "model-0.safetensors"}}', "1 tensors are missing"),
        ("{}", "no weight_map"),
        ("[", "cannot be read as JSON"),
    ],
)
def test_bad_index(tmp_path: Path, index: str, expected: str) -> None:
    write_parts(tmp_path).write_text(index)
    with pytest.raises(InputError, match=expected):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "the file is empty"),
        (b"\n<!DOCTYPE html><html><title>Virus scan warning", "a web page.*download failed"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "pointer of Git LFS"),
        (b'{"error": "not found"}', "a text file"),
        (b"\x1f\x8b\x08\x00", "compressed archive; unpack"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "not what a .pth"),
        (b"\x80\x02", "cut off or damaged"),
        ((10**6).to_bytes(8, "little") + b'{"a": 1}', "cut off after 16 bytes"),
        (pickle.dumps({"model": 1}, protocol=2), "not one of PyTorch"),
    ],
)
def test_what_is_no_checkpoint(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(InputError, match=expected) as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_missing_file_and_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file; check the path"):
        load_checkpoint(tmp_path / "absent.pth")
    with pytest.raises(InputError, match="folder without weights"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.999])
def test_truncated_file(tmp_path: Path, kind: str, share: float) -> None:
    path = tmp_path / "weights"
    large = {"weight": torch.arange(20_000.0)}
    if kind == "safetensors":
        save_file(large, path)
    else:
        torch.save({"model": large}, path, _use_new_zipfile_serialization=kind == "zip")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError, match=r"cut off|damaged") as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_other_zip_archives(tmp_path: Path) -> None:
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("photo.jpg", b"x")
    with pytest.raises(InputError, match="zip archive, but not of PyTorch"):
        load_checkpoint(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", b"x")
        archive.writestr("net/constants.pkl", b"x")
    with pytest.raises(InputError, match="TorchScript program"):
        load_checkpoint(path)


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, {"model": {}}, torch.ones(2)])
def test_no_named_tensors(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(InputError, match="no named tensors"):
        load_checkpoint(tmp_path / "w.pth")


@pytest.mark.parametrize(
    "prefix", ["_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "module.net.", "module."]
)
@pytest.mark.parametrize("name", ["model_state_dict", "model_ema", "ema", "state_dict", None])
def test_whatever_wrapped_the_model(tmp_path: Path, prefix: str, name: str | None) -> None:
    wrapped = {prefix + key: value for key, value in tensors().items()}
    torch.save(wrapped if name is None else {name: wrapped, "epoch": 3}, tmp_path / "w.pt")
    assert same(load_checkpoint(tmp_path / "w.pt").tensors, tensors())


def test_parts_that_were_compiled_alone_and_averages(tmp_path: Path) -> None:
    (first, value), *rest = tensors().items()
    head, _, tail = first.partition(".")
    stored = {f"module.{head}._orig_mod.{tail}": value, "n_averaged": torch.tensor(5)}
    stored |= {f"module.{key}": value for key, value in rest}
    torch.save({"model": {"state_dict": stored}}, tmp_path / "w.pt")
    assert same(load_checkpoint(tmp_path / "w.pt").tensors, tensors())


@pytest.mark.parametrize("by_index", [False, True])
def test_pickles_in_parts(tmp_path: Path, by_index: bool) -> None:
    places = {}
    for number, (name, value) in enumerate(tensors().items()):
        part = f"pytorch_model-{number:05d}.bin"
        torch.save({f"module.{name}": value}, tmp_path / part)
        places[f"module.{name}"] = part
    index = tmp_path / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"weight_map": places}))
    checkpoint = load_checkpoint(index if by_index else tmp_path)
    assert same(checkpoint.tensors, tensors())
    assert checkpoint.format == "torch-zip-sharded"


def test_safetensors_by_their_index(tmp_path: Path) -> None:
    checkpoint = load_checkpoint(write_parts(tmp_path))
    assert same(checkpoint.tensors, tensors()) and checkpoint.format == "safetensors-sharded"
