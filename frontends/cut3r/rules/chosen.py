"""Update rules by name, and the one that the settings ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from mapper.errors import ConfigError
from mapper.frontends.cut3r.options import MINI
from mapper.frontends.cut3r.rules.filtering import FilterRule
from mapper.frontends.cut3r.rules.remedies import Brake, Chunks, FrameGate
from mapper.frontends.cut3r.update_rules import (
    AttentionRule,
    DampedRule,
    ReplaceRule,
    TemporalSpatialRule,
    UpdateRule,
)

if TYPE_CHECKING:
    from mapper.frontends.cut3r.options import Cut3rOptions

RULES: Final[Mapping[str, Callable[[], UpdateRule]]] = {
    "cut3r": ReplaceRule,
    "ttt3r": AttentionRule,
    "ttsa3r": TemporalSpatialRule,
    "damped": DampedRule,
    "filt3r": FilterRule,
}
BRAKED: Final = "cut3r-brake"
OF_FRONTENDS: Final[Mapping[str, Callable[[], UpdateRule]]] = {
    "cut3r": ReplaceRule,
    "cut3r-ttsa": TemporalSpatialRule,
    "cut3r-ttt": AttentionRule,
    "cut3r-filt": FilterRule,
    MINI: ReplaceRule,
    BRAKED: AttentionRule,
}


def chosen_rule(name: str, options: Cut3rOptions, state_size: int) -> UpdateRule:
    """The rule of a frontend, with what the settings put on top of it.

    state_size: tokens of the model's state. Raises ConfigError for what does not fit it.
    """
    rule = DampedRule(options.damping) if name == "cut3r-damped" else OF_FRONTENDS[name]()
    if options.brake or name == BRAKED:
        rule = Brake(rule, options.brake or 1.0, options.brake_sharpness)
    if options.frame_gate:
        rule = FrameGate(rule, options.frame_gate)
    if options.chunks:
        rule = Chunks(rule, options.chunks, _written(options, state_size))
    elif options.chunks_written:
        raise ConfigError("cut3r.chunks_written says nothing without cut3r.chunks")
    return rule


def _written(options: Cut3rOptions, state_size: int) -> int:
    """How many chunks a frame writes."""
    chunks, written = options.chunks, options.chunks_written or (options.chunks // 2)
    if chunks < 2 or chunks > state_size:
        raise ConfigError(
            f"cut3r.chunks={chunks}: the state of these weights has {state_size} tokens, so from 2 "
            f"to {state_size} chunks"
        )
    if written > chunks - 1:
        raise ConfigError(
            f"cut3r.chunks_written={written}: of {chunks} chunks at most {chunks - 1} are written, "
            "for the first is the anchor"
        )
    return written
