"""All frontends by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import TYPE_CHECKING

from mapper.errors import ConfigError, InputError
from mapper.frontends.base import Frontend

if TYPE_CHECKING:
    from mapper.config import MapperConfig


def _rgbd(config: MapperConfig) -> Frontend:
    from mapper.frontends.rgbd.tracker import RgbdFrontend

    return RgbdFrontend(config.rgbd)


def _replay(config: MapperConfig) -> Frontend:
    from mapper.frontends.replay import ReplayFrontend

    return ReplayFrontend(config.replay)


FRONTENDS: dict[str, Callable[[MapperConfig], Frontend]] = {"rgbd": _rgbd, "replay": _replay}


def check_frontend(name: str) -> None:
    """Raise ConfigError, with the nearest name, unless there is such a frontend."""
    known = ["auto", *FRONTENDS]
    if name not in known:
        near = difflib.get_close_matches(name, known, 1, 0.4)
        hint = f"did you mean {near[0]}?" if near else "known: " + ", ".join(known)
        raise ConfigError(f"unknown frontend {name!r}; {hint}")


def create_frontend(config: MapperConfig, name: str) -> Frontend:
    """The frontend of that name with its part of the configuration."""
    check_frontend(name)
    return FRONTENDS[name](config)


def choose_frontend(config: MapperConfig, has_depth: bool) -> tuple[str, str]:
    """(name, why in a few words) of the frontend for an input, when the user leaves it open."""
    if config.frontend != "auto":
        return config.frontend, "as asked"
    if config.replay.predictions:
        return "replay", "saved predictions were given"
    if has_depth:
        return "rgbd", "the sequence has depth"
    raise InputError(
        "the sequence has no depth, and no frontend for colour images alone is installed: give a "
        "depth sequence, or saved predictions with --set replay.predictions=FOLDER"
    )
