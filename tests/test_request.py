"""A request is taken as it is given: no option is read as YAML on its way."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from mapper.commands import options as options_of_commands
from mapper.config.loader import load_config
from mapper.errors import ConfigError
from mapper.request import LiveRequest, MapRequest, RunRequest

AS_GIVEN = ("/data/w #1/x.pth", "512", "on", "1e-3", "{a: b}", "weights: x", "~")


def request_of(command: str, *options: str) -> Any:
    """What a command makes of its options."""
    module = import_module(f"mapper.commands.mapping.{command}")
    kind = RunRequest if command == "run" else LiveRequest
    parser = argparse.ArgumentParser()
    module.add_arguments(parser)
    parser.add_argument("--json", action="store_true")
    first = ["somewhere"] if command == "run" else []
    return options_of_commands.request_of(kind, parser.parse_args([*first, *options]))


@pytest.mark.parametrize("command", ["run", "live"])
@pytest.mark.parametrize("text", AS_GIVEN)
def test_weights_arrive_as_they_are_given(command: str, text: str) -> None:
    request = request_of(command, "--weights", text, "--set", "threads=off")
    config = load_config(request.config, request.changes, request.settings)
    assert config.weights == text and config.threads is False


def test_an_option_goes_before_set_and_the_profile(tmp_path: Path) -> None:
    profile = tmp_path / "mine.yaml"
    profile.write_text("frontend: replay\nbackend: {align: final, optimise_every: 7}\n")
    options = ["--config", str(profile), "--set", "frontend=cut3r", "--align", "off"]
    request = request_of("run", *options, "--frontend", "rgbd")
    config = load_config(request.config, request.changes, request.settings)
    assert config.frontend == "rgbd" and config.backend.align == "off"
    assert config.backend.optimise_every == 7


@pytest.mark.parametrize("command", ["run", "live"])
def test_what_becomes_of_moving_things_is_an_option_and_a_setting(command: str) -> None:
    for word in ("off", "remove", "keep"):
        for options in (("--dynamic", word), ("--set", f"backend.dynamic={word}")):
            request = request_of(command, *options)
            assert load_config(None, request.changes, request.settings).backend.dynamic == word


def test_a_budget_goes_to_every_frontend_with_a_cache_and_to_no_other() -> None:
    settings = MapRequest(kv_budget="8GB").settings
    cached = ("stream3r", "stream3r_mini", "streamvggt")
    assert settings == {f"{name}.kv_budget": "8GB" for name in cached}
    assert load_config(given=settings).streamvggt.kv_budget == "8GB"
    with pytest.raises(
        ConfigError, match="--kv-budget is for stream3r and stream3r-mini and streamvggt"
    ):
        MapRequest(frontend="vggt", kv_budget="8GB")


def test_a_request_says_whether_it_names_settings() -> None:
    assert not RunRequest(sequence=Path("x"), calib=Path("c"), stride=2).asks_for_settings
    for asked in ({"config": "fast"}, {"changes": ("threads=off",)}, {"weights": "w"}):
        assert RunRequest(sequence=Path("x"), **asked).asks_for_settings


def test_fields_are_named_not_counted() -> None:
    with pytest.raises(TypeError):
        RunRequest(Path("x"))  # type: ignore[call-arg]
