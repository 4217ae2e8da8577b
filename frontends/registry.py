"""All frontends by name, and what the front door must know of each before it exists.

Other packages add theirs by an entry point of the group `mapper.frontends`, which names a
FrontendSpec (docs/plugins.md). Imports nothing heavy: the help of the commands is made from here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from mapper.errors import ConfigError, InputError, unknown_name
from mapper.frontends.options import FrontendOptions
from mapper.frontends.terms import check_terms
from mapper.runtime.plugins import FRONTENDS, find_plugin, plugin_names

if TYPE_CHECKING:
    from mapper.frontends.base import Frontend
    from mapper.vision.matching import FeatureMatcher


Create = Callable[[FrontendOptions, "FeatureMatcher"], "Frontend"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontendSpec:
    """A frontend before it exists.

    create: makes it, from its own part of the settings and what matches features for it.
    needs_depth: it cannot place images without depth.
    sees_raw_images: it wants the colour camera's own images, not those registered to depth.
    relocalises: it finds its place again by itself when images stayed away for a while.
    has_cache: its memory is kept within a budget, --kv-budget.
    is_learned: it is a network, whose weights must be at hand.
    fewest: frames that a map can begin with.
    """

    name: str
    create: Create
    needs_depth: bool = False
    sees_raw_images: bool = False
    relocalises: bool = False
    has_cache: bool = False
    is_learned: bool = False
    fewest: int = 1


def _rgbd(options: FrontendOptions, matcher: FeatureMatcher) -> Frontend:
    from mapper.frontends.rgbd.frontend import RgbdFrontend

    return RgbdFrontend(options.rgbd, options.max_depth, matcher)


def _mono(options: FrontendOptions, matcher: FeatureMatcher) -> Frontend:
    from mapper.frontends.mono.frontend import MonoFrontend

    return MonoFrontend(options.mono, matcher)


def _sfm(options: FrontendOptions, _: FeatureMatcher) -> Frontend:
    from mapper.frontends.sfm.frontend import SfmFrontend

    return SfmFrontend(options.sfm)


def _replay(options: FrontendOptions, _: FeatureMatcher) -> Frontend:
    from mapper.frontends.replay import ReplayFrontend

    return ReplayFrontend(options.replay)


def _predictions(options: FrontendOptions, matcher: FeatureMatcher) -> Frontend:
    from mapper.frontends.predictions.frontend import create

    return create(options.predictions, matcher)


def _cut3r(name: str) -> Create:
    def create(options: FrontendOptions, _: FeatureMatcher) -> Frontend:
        from mapper.frontends.cut3r.frontend import Cut3rFrontend

        return Cut3rFrontend(name, options.cut3r, options.weights)

    return create


def _cut3r_mini(options: FrontendOptions, _: FeatureMatcher) -> Frontend:
    from mapper.frontends.cut3r.frontend import Cut3rMiniFrontend

    return Cut3rMiniFrontend("cut3r-mini", options.cut3r_mini, options.weights)


def _wint3r(options: FrontendOptions, _: FeatureMatcher) -> Frontend:
    from mapper.frontends.wint3r.frontend import Wint3rFrontend

    return Wint3rFrontend(options.wint3r, options.weights)


def _vggt(name: str) -> Create:
    def create(options: FrontendOptions, _: FeatureMatcher) -> Frontend:
        from mapper.frontends.vggt import frontend

        settings = getattr(options, name.replace("-", "_"))
        return frontend.create(name, settings, options.weights)

    return create


def _da3(options: FrontendOptions, _: FeatureMatcher) -> Frontend:
    from mapper.frontends.da3.frontend import Da3Frontend

    return Da3Frontend(options.da3, options.weights)


def _da3_posed(options: FrontendOptions, matcher: FeatureMatcher) -> Frontend:
    from mapper.frontends.da3.deepening import Deepener
    from mapper.frontends.da3.posed_frontend import PosedByMono, PosedByRgbd

    by_depth = options.da3.tracker == "rgbd"
    deepener = Deepener(options.da3, options.weights, keeps_own=by_depth)
    if by_depth:
        return PosedByRgbd(deepener, options.rgbd, options.max_depth, matcher)
    return PosedByMono(deepener, options.mono, matcher)


def _network(name: str, create: Create, has_cache: bool = False) -> FrontendSpec:
    return FrontendSpec(
        name=name, create=create, sees_raw_images=True, has_cache=has_cache, is_learned=True
    )


BUILT_IN: Final[Mapping[str, FrontendSpec]] = {
    spec.name: spec
    for spec in (
        FrontendSpec(name="rgbd", create=_rgbd, needs_depth=True, relocalises=True),
        FrontendSpec(name="mono", create=_mono, sees_raw_images=True, relocalises=True, fewest=4),
        FrontendSpec(name="sfm", create=_sfm, sees_raw_images=True, fewest=2),
        _network("cut3r", _cut3r("cut3r")),
        _network("cut3r-ttsa", _cut3r("cut3r-ttsa")),
        _network("cut3r-ttt", _cut3r("cut3r-ttt")),
        _network("cut3r-damped", _cut3r("cut3r-damped")),
        _network("cut3r-filt", _cut3r("cut3r-filt")),
        _network("cut3r-brake", _cut3r("cut3r-brake")),
        _network("cut3r-mini", _cut3r_mini),
        _network("wint3r", _wint3r),
        _network("stream3r", _vggt("stream3r"), has_cache=True),
        _network("stream3r-mini", _vggt("stream3r-mini"), has_cache=True),
        _network("streamvggt", _vggt("streamvggt"), has_cache=True),
        _network("vggt", _vggt("vggt")),
        _network("da3", _da3),
        FrontendSpec(name="da3-posed", create=_da3_posed, relocalises=True, is_learned=True),
        FrontendSpec(name="replay", create=_replay),
        FrontendSpec(name="predictions", create=_predictions),
    )
}
AUTO: Final = "auto"
WITH_DEPTH: Final = "rgbd"  # what "auto" takes for images with depth
FREE: Final = "da3"  # ... and without, where weights are at hand that serve anything
FREE_WEIGHTS: Final = "da3-small"
LEARNED: Final = "cut3r-ttsa"  # ... or such as do not
FAR_APART: Final = "sfm"  # ... of photographs that show different things
WITHOUT_WEIGHTS: Final = "mono"  # ... and where they are not


def frontend_help() -> str:
    """The names for an option's help. Those of other packages are not looked for."""
    return f"{', '.join(BUILT_IN)}, or {AUTO} (default)"


def frontend_spec(name: str) -> FrontendSpec:
    """Raises ConfigError, with the nearest name, unless there is such a frontend."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    spec = find_plugin(FRONTENDS, name)
    if spec is None:
        _refuse_unknown(name)
    if not isinstance(spec, FrontendSpec):
        raise ConfigError(
            f"the frontend {name!r} of another package is no FrontendSpec but a "
            f"{type(spec).__name__}; see docs/plugins.md"
        )
    return spec


def _refuse_unknown(name: str) -> NoReturn:
    base, _, rule = name.rpartition("-")
    if base in BUILT_IN and f"cut3r-{rule}" in BUILT_IN:
        raise ConfigError(
            f"{base} has no state that the rule {rule!r} could write: only the models of CUT3R do "
            f"(cut3r-{rule})"
        )
    raise ConfigError(unknown_name("frontend", name, [AUTO, *BUILT_IN, *plugin_names(FRONTENDS)]))


def check_frontend(name: str) -> None:
    """Raise ConfigError, with the nearest name, unless there is such a frontend."""
    if name != AUTO:
        frontend_spec(name)


def create_frontend(options: FrontendOptions, name: str, matcher: FeatureMatcher) -> Frontend:
    """The frontend of that name with its part of the settings. InputError where its weights are
    not for commercial use and the settings say that they must be."""
    spec = frontend_spec(name)
    if options.commercial and spec.is_learned:
        check_terms(options, name)
    return spec.create(options, matcher)


def check_enough(name: str, frames: int, path: Path) -> None:
    """Raises InputError where so few frames of a sequence make no map, before anything is done."""
    if frames < (fewest := frontend_spec(name).fewest):
        raise InputError(
            f"{path}: {frames} of at least {fewest} images that {name} needs for a map; give a "
            "video, or a folder of more images"
        )


def choose_frontend(
    options: FrontendOptions, has_depth: bool, far_apart: bool = False
) -> tuple[str, str]:
    """(name, why in a few words) of the frontend for an input, when the user leaves it open.

    far_apart: frames look elsewhere than the ones before them, as those of a panorama do.
    """
    if options.frontend != AUTO:
        if frontend_spec(options.frontend).needs_depth and not has_depth:
            raise InputError(f"there is no depth, which the frontend {options.frontend} needs")
        return options.frontend, "as asked"
    if options.replay.predictions:
        return "replay", "saved predictions were given"
    if options.predictions.path:
        return "predictions", "what another model saved was given"
    if has_depth:
        return WITH_DEPTH, "there is depth"
    if far_apart:
        return FAR_APART, "views of panoramas are photographs far apart"
    return _by_weights(options)


def _by_weights(options: FrontendOptions) -> tuple[str, str]:
    """... of colour images, by what weights are given or at hand."""
    from mapper.weights.registry import REGISTRY, find_weights

    named = next((entry for entry in REGISTRY if entry.name == options.weights), None)
    if named is not None and named.model == FREE:
        return FREE, "there is no depth, and its weights were named"
    if not options.weights and find_weights(FREE_WEIGHTS) is not None:
        return FREE, f"there is no depth, and {FREE_WEIGHTS} is at hand"
    if options.weights or (not options.commercial and find_weights(LEARNED) is not None):
        return LEARNED, "there is no depth, and weights are at hand"
    return WITHOUT_WEIGHTS, "there is no depth, and no weights are at hand"


def weights_would_help(options: FrontendOptions, name: str) -> str | None:
    """What to do for more than the frontend that was chosen for want of weights; else None."""
    if options.frontend != AUTO or name != WITHOUT_WEIGHTS:
        return None
    return (
        f"a network sees more, by weights: mapper weights fetch {FREE_WEIGHTS} (Apache 2.0; mapper "
        "weights list has all), or --weights PATH"
    )
