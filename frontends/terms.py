"""Under which terms the weights are published that a frontend would load."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mapper.errors import InputError
from mapper.weights.registry import NON_COMMERCIAL, REGISTRY, Weights, model_of

if TYPE_CHECKING:
    from mapper.frontends.options import FrontendOptions

DA3: Final = "da3"


def published_for(options: FrontendOptions, name: str) -> tuple[Weights, ...]:
    """The published weights that a frontend may load with these settings: those that are named, or
    all of its network. Of a file whose name says nothing: what else would be loaded."""
    named = tuple(entry for entry in REGISTRY if entry.name == options.weights)
    if named:
        return named
    model = model_of(name)
    fitting = tuple(entry for entry in REGISTRY if entry.model == model)
    if model == DA3:
        return tuple(entry for entry in fitting if entry.name == f"{DA3}-{options.da3.model}")
    return fitting


def licences_of(options: FrontendOptions, name: str) -> tuple[str, ...]:
    """Each once; none where none are known."""
    return tuple(dict.fromkeys(entry.licence for entry in published_for(options, name)))


def check_terms(options: FrontendOptions, name: str) -> None:
    """InputError unless some licence of a network's weights is known and none is non-commercial."""
    licences = licences_of(options, name)
    bound = next((licence for licence in licences if NON_COMMERCIAL in licence), None)
    if bound is not None:
        raise InputError(
            f"--commercial: the weights of {name} are published under {bound}; da3 with "
            "da3.model=small or base, mono, sfm and rgbd may be used for anything"
        )
    if not licences:
        raise InputError(f"--commercial: the licence of the weights of {name} is not known")
