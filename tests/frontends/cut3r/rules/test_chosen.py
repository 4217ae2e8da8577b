"""Which rule the settings ask for, and what of them is refused."""

from __future__ import annotations

import pytest

from mapper.errors import ConfigError
from mapper.frontends.cut3r.options import VARIANTS, Cut3rOptions
from mapper.frontends.cut3r.rules.chosen import chosen_rule
from mapper.frontends.cut3r.rules.filtering import FilterRule
from mapper.frontends.cut3r.rules.remedies import Brake, Chunks, FrameGate
from mapper.frontends.cut3r.update_rules import AttentionRule, DampedRule, TemporalSpatialRule
from mapper.frontends.registry import frontend_spec


def test_each_name_has_its_rule() -> None:
    plain = Cut3rOptions()
    assert chosen_rule("cut3r-filt", plain, 768) == FilterRule()
    assert chosen_rule("cut3r-ttsa", plain, 768) == TemporalSpatialRule()
    assert chosen_rule("cut3r-damped", Cut3rOptions(damping=0.25), 768) == DampedRule(0.25)
    assert chosen_rule("cut3r-brake", plain, 768) == Brake(AttentionRule(), 1.0, 1.0)
    assert {frontend_spec(name).name for name in VARIANTS} == set(VARIANTS)


def test_the_remedies_go_on_top_of_any_rule() -> None:
    options = Cut3rOptions(brake=0.5, frame_gate=0.2, chunks=8)
    rule = chosen_rule("cut3r-filt", options, 768)
    assert rule == Chunks(FrameGate(Brake(FilterRule(), 0.5, 1.0), 0.2), 8, 4)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (Cut3rOptions(chunks=8, chunks_written=9), "of 8 chunks at most 7 are written"),
        (Cut3rOptions(chunks=8, chunks_written=8), "at most 7"),
        (Cut3rOptions(chunks=31), "has 30 tokens, so from 2 to 30 chunks"),
        (Cut3rOptions(chunks=1), "from 2 to 30"),
        (Cut3rOptions(chunks_written=3), "says nothing without cut3r.chunks"),
    ],
)
def test_what_does_not_fit_is_one_line(options: Cut3rOptions, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        chosen_rule("cut3r-ttsa", options, 30)
    assert "\n" not in str(caught.value)


def test_a_rule_for_a_model_without_a_state_is_refused_in_one_line() -> None:
    with pytest.raises(ConfigError, match=r"stream3r has no state that the rule 'filt'"):
        frontend_spec("stream3r-filt")
