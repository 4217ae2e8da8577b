"""All frontends by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import TYPE_CHECKING

from mapper.errors import ConfigError, InputError
from mapper.frontends.base import Frontend
from mapper.frontends.cut3r.options import VARIANTS
from mapper.frontends.vggt.options import NAMES as VGGT_FAMILY
from mapper.frontends.wint3r.options import NAME as WINT3R
from mapper.weights.registry import find_weights

if TYPE_CHECKING:
    from mapper.config.settings import MapperConfig


def _rgbd(config: MapperConfig) -> Frontend:
    from mapper.frontends.rgbd.frontend import RgbdFrontend

    return RgbdFrontend(config.rgbd, config.backend.fusion.tsdf.max_depth)


def _replay(config: MapperConfig) -> Frontend:
    from mapper.frontends.replay import ReplayFrontend

    return ReplayFrontend(config.replay)


def _cut3r(name: str) -> Callable[[MapperConfig], Frontend]:
    def create(config: MapperConfig) -> Frontend:
        from mapper.frontends.cut3r.frontend import Cut3rFrontend

        return Cut3rFrontend(name, config.cut3r, config.weights)

    return create


def _wint3r(config: MapperConfig) -> Frontend:
    from mapper.frontends.wint3r.frontend import Wint3rFrontend

    return Wint3rFrontend(config.wint3r, config.weights)


def _vggt(name: str) -> Callable[[MapperConfig], Frontend]:
    def create(config: MapperConfig) -> Frontend:
        from mapper.frontends.vggt import frontend

        return frontend.create(name, getattr(config, name), config.weights)

    return create


FRONTENDS: dict[str, Callable[[MapperConfig], Frontend]] = {
    "rgbd": _rgbd,
    "replay": _replay,
    **{name: _cut3r(name) for name in VARIANTS},
    WINT3R: _wint3r,
    **{name: _vggt(name) for name in VGGT_FAMILY},
}
LEARNED = "cut3r-ttsa"  # what "auto" takes for images without depth, where weights are at hand


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


def sees_raw_images(name: str) -> bool:
    """Whether a frontend wants the colour camera's own images, not those registered to depth."""
    return name in (*VARIANTS, WINT3R, *VGGT_FAMILY)


def choose_frontend(config: MapperConfig, has_depth: bool) -> tuple[str, str]:
    """(name, why in a few words) of the frontend for an input, when the user leaves it open."""
    if config.frontend == "rgbd" and not has_depth:
        raise InputError("there is no depth, which the frontend rgbd needs")
    if config.frontend != "auto":
        return config.frontend, "as asked"
    if config.replay.predictions:
        return "replay", "saved predictions were given"
    if has_depth:
        return "rgbd", "there is depth"
    if config.weights or find_weights(LEARNED) is not None:
        return LEARNED, "there is no depth, and weights are at hand"
    raise InputError(
        f"there is no depth, and there are no weights for the frontend {LEARNED}: run "
        "mapper weights fetch (mapper weights list shows the names), give --weights PATH, or map "
        "with a depth camera"
    )
