"""The small network that comes with the package: there, whole, small, and never taken unasked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mapper import MapperConfig
from mapper.core.frame import Frame
from mapper.errors import InputError
from mapper.frontends.registry import choose_frontend, create_frontend
from mapper.vision.orb import OrbMatcher
from mapper.weights.fetch import fetch, matches_record
from mapper.weights.registry import REGISTRY, find_file, find_weights, model_of

SHIPPED = [entry for entry in REGISTRY if entry.source == "shipped"]
MOST_BYTES = 12_000_000


@pytest.fixture(autouse=True)
def nothing_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAPPER_WEIGHTS", str(tmp_path / "weights"))


def test_it_is_there_without_a_download() -> None:
    assert [entry.name for entry in SHIPPED] == ["stream3r-mini"]
    for entry in SHIPPED:
        path = find_file(entry)
        assert path is not None and matches_record(entry, path)
        assert path.stat().st_size < MOST_BYTES and entry.licence == "Apache 2.0"
        assert find_weights(entry.name) == path


def test_it_is_nobody_elses() -> None:
    assert model_of("stream3r-mini") == "stream3r-mini"
    assert find_weights("stream3r") is None
    assert all(entry.is_commercial for entry in SHIPPED)


def test_it_is_never_taken_unasked() -> None:
    assert choose_frontend(MapperConfig(), has_depth=False)[0] == "mono"
    assert choose_frontend(MapperConfig(), has_depth=True)[0] == "rgbd"


def test_it_answers_images_of_any_size() -> None:
    config = MapperConfig(frontend="stream3r-mini")
    frontend = create_frontend(config, "stream3r-mini", OrbMatcher())
    rng = np.random.default_rng(0)
    for number in range(2):
        image = rng.integers(0, 255, (480, 640, 3), np.uint8)
        (answer,) = frontend.step(Frame(number, number / 30, image, None))
        assert answer.depth.shape == (84, 112) and np.isfinite(answer.pointmap).all()


def test_an_install_without_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="install mapper3d again"):
        fetch(SHIPPED[0])
