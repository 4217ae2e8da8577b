"""The small networks that come with the package: there, whole, small, never taken unasked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from measures.mini_clips import room_clips
from measures.minis import seen_clips

from mapper import MapperConfig
from mapper.core.frame import Frame
from mapper.errors import InputError
from mapper.frontends.registry import choose_frontend, create_frontend
from mapper.train.data.room_files import RoomFiles
from mapper.vision.orb import OrbMatcher
from mapper.weights.fetch import fetch, matches_record
from mapper.weights.registry import REGISTRY, find_file, find_weights, model_of

SHIPPED = [entry for entry in REGISTRY if entry.source == "shipped"]
MINIS = ["cut3r-mini", "stream3r-mini"]
MOST_BYTES = 12_000_000


@pytest.fixture(autouse=True)
def nothing_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAPPER_WEIGHTS", str(tmp_path / "weights"))


def test_they_are_there_without_a_download() -> None:
    assert [entry.name for entry in SHIPPED] == MINIS
    for entry in SHIPPED:
        path = find_file(entry)
        assert path is not None and matches_record(entry, path)
        assert path.stat().st_size < MOST_BYTES and entry.licence == "Apache 2.0"
        assert find_weights(entry.name) == path


@pytest.mark.parametrize("name", MINIS)
def test_they_are_nobody_elses(name: str) -> None:
    assert model_of(name) == name
    assert find_weights(name.partition("-")[0]) is None
    assert all(entry.is_commercial for entry in SHIPPED)


def test_they_are_never_taken_unasked() -> None:
    assert choose_frontend(MapperConfig(), has_depth=False)[0] == "mono"
    assert choose_frontend(MapperConfig(), has_depth=True)[0] == "rgbd"


@pytest.mark.parametrize("name", MINIS)
def test_they_answer_images_of_any_size(name: str) -> None:
    frontend = create_frontend(MapperConfig(frontend=name), name, OrbMatcher())
    rng = np.random.default_rng(0)
    for number in range(2):
        image = rng.integers(0, 255, (480, 640, 3), np.uint8)
        (answer,) = frontend.step(Frame(number, number / 30, image, None))
        assert answer.depth.shape == (84, 112) and np.isfinite(answer.pointmap).all()


@pytest.mark.parametrize("name", MINIS)
def test_they_see_how_deep_a_room_is_and_that_a_camera_turns(name: str) -> None:
    """A room that no training has seen, turned about: far from what a guess would say."""
    files = RoomFiles("validation", frames=12, walk=48)
    (clip,) = room_clips(files, range(3, 4), 3)
    (seen,) = seen_clips(MapperConfig(frontend=name), [clip])
    assert seen.depth < 0.6 * seen.flat and seen.rotation < 0.6 * seen.still


def test_an_install_without_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="install mapper3d again"):
        fetch(SHIPPED[0])
