"""What is known of a frontend before it exists, also of one that another package brings."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import pytest

from mapper import MapperConfig
from mapper.errors import ConfigError, InputError
from mapper.frontends.cut3r.options import MINI, VARIANTS
from mapper.frontends.da3.options import Da3Options
from mapper.frontends.registry import (
    BUILT_IN,
    FrontendSpec,
    check_enough,
    choose_frontend,
    create_frontend,
    frontend_help,
    frontend_spec,
    weights_would_help,
)
from mapper.pipeline import introduced
from mapper.vision.orb import OrbMatcher

THEIRS = FrontendSpec(name="theirs", create=lambda options, matcher: options, needs_depth=True)  # type: ignore[arg-type, return-value]

CACHED = ["stream3r", "stream3r-mini", "streamvggt"]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Another package brings `theirs`, and `broken`; the names of those that were loaded."""
    loaded: list[str] = []

    class Point(EntryPoint):
        def load(self) -> Any:
            loaded.append(self.name)
            return THEIRS if self.name == "theirs" else object()

    points = [Point(name, "nowhere:spec", "mapper.frontends") for name in ("theirs", "broken")]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: EntryPoints(points))
    return loaded


def test_a_frontend_of_another_package_is_loaded_when_it_is_asked_for(installed: list[str]) -> None:
    config = MapperConfig(frontend="theirs")
    assert "theirs" not in frontend_help()
    assert frontend_spec("rgbd").relocalises and installed == []
    assert create_frontend(config, "theirs", OrbMatcher()) is config
    assert choose_frontend(config, has_depth=True) == ("theirs", "as asked")
    with pytest.raises(InputError, match="no depth, which the frontend theirs needs"):
        choose_frontend(config, has_depth=False)
    assert set(installed) == {"theirs"}


def test_what_is_no_spec_or_unknown_is_refused(installed: list[str]) -> None:
    with pytest.raises(
        ConfigError,
        match="does not load: its object has no name, create",
    ):
        frontend_spec("broken")
    with pytest.raises(ConfigError, match="did you mean theirs"):
        frontend_spec("thers")


def test_the_traits_of_the_frontends() -> None:
    assert [n for n, spec in BUILT_IN.items() if spec.needs_depth] == ["rgbd"]
    unlearned = [n for n, spec in BUILT_IN.items() if not spec.is_learned]
    assert unlearned == ["rgbd", "mono", "sfm", "replay", "predictions"]
    assert [n for n, spec in BUILT_IN.items() if spec.has_cache] == CACHED
    raw = {name for name, spec in BUILT_IN.items() if spec.sees_raw_images}
    learned = {name for name, spec in BUILT_IN.items() if spec.is_learned}
    assert raw == {"mono", "sfm"} | learned - {"da3-posed"}  # whose tracker may need depth
    assert all(name in frontend_help() for name in BUILT_IN)
    assert {*VARIANTS, MINI} == {name for name in BUILT_IN if name.startswith("cut3r")}


@pytest.mark.parametrize(("name", "fewest"), [("mono", 4), ("sfm", 2), ("rgbd", 1)])
def test_too_few_images_for_a_map_are_refused_before_anything_is_compiled(
    name: str, fewest: int
) -> None:
    check_enough(name, fewest, Path("walk"))
    with pytest.raises(InputError, match=rf"walk: {fewest - 1} of at least {fewest} images that"):
        check_enough(name, fewest - 1, Path("walk"))


def test_colour_without_weights_is_tracked_and_told_what_more_it_would_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mapper.weights.registry.find_weights", lambda name: None)
    name, why = choose_frontend(MapperConfig(), has_depth=False)
    more = weights_would_help(MapperConfig(), name)
    assert name == "mono" and "no weights are at hand" in why
    assert more is not None and "mapper weights fetch da3-small" in more and "--weights" in more
    assert weights_would_help(MapperConfig(frontend="mono"), "mono") is None  # as asked
    assert weights_would_help(MapperConfig(), "rgbd") is None
    assert choose_frontend(MapperConfig(), has_depth=True)[0] == "rgbd"


def test_a_network_is_introduced_with_the_terms_of_its_weights() -> None:
    assert introduced("rgbd", "there is depth", MapperConfig()) == "frontend rgbd (there is depth)"
    assert "non-commercial" in introduced("cut3r-ttsa", "as asked", MapperConfig())
    assert introduced("da3", "as asked", MapperConfig()).endswith("as published: Apache 2.0")
    large = MapperConfig(da3=Da3Options(model="large"))
    assert "CC BY-NC 4.0" in introduced("da3", "as asked", large)


def test_weights_that_serve_anything_come_before_those_that_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mapper.weights.registry.find_weights", lambda name: Path("found"))
    assert choose_frontend(MapperConfig(), has_depth=False)[0] == "da3"
    assert choose_frontend(MapperConfig(weights="da3-base"), has_depth=False)[0] == "da3"
    assert choose_frontend(MapperConfig(weights="mine.pth"), has_depth=False)[0] == "cut3r-ttsa"
    monkeypatch.setattr(
        "mapper.weights.registry.find_weights",
        lambda name: Path("found") if name == "cut3r-ttsa" else None,
    )
    assert choose_frontend(MapperConfig(), has_depth=False)[0] == "cut3r-ttsa"
    assert choose_frontend(MapperConfig(commercial=True), has_depth=False)[0] == "mono"


@pytest.mark.parametrize(
    "config",
    [
        MapperConfig(frontend="cut3r-ttsa", commercial=True),
        MapperConfig(frontend="stream3r", weights="mine.safetensors", commercial=True),
        MapperConfig(frontend="da3", da3=Da3Options(model="large"), commercial=True),
        MapperConfig(frontend="da3", weights="da3-giant", commercial=True),
    ],
)
def test_a_commercial_run_refuses_weights_that_are_not(config: MapperConfig) -> None:
    with pytest.raises(InputError, match=r"--commercial: the weights of .*non-commercial"):
        create_frontend(config, config.frontend, OrbMatcher())


def test_a_commercial_run_takes_weights_that_serve_anything() -> None:
    config = MapperConfig(frontend="da3", commercial=True)
    with pytest.raises(InputError, match="run mapper weights fetch da3-small"):
        create_frontend(config, "da3", OrbMatcher())
