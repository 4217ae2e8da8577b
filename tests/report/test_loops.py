"""Decisions about loops are said in words, with the numbers that decided them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mapper.backend.loops.loop_decision import Refusal
from mapper.report.loops import PLAIN, loop_text, refusal_text
from tests.support.made_up_records import MEASURED, loop


@pytest.mark.parametrize(
    ("refusal", "limit", "text"),
    [
        (None, None, "verified"),
        (Refusal.NOT_CONVERGED, None, "alignment did not converge"),
        (Refusal.OVERLAP, 0.2, "overlap 0.14 below 0.2"),
        (Refusal.AGREEMENT, 0.8, "two-way agreement 0.71 below 0.8"),
        (Refusal.RESIDUAL, 0.01, "residual 13.4 mm above 10.0 mm"),
        (Refusal.DISTANCE, 0.9, "cameras 0.95 median depths apart, above 0.9"),
        (Refusal.CHAIN, 12.0, "41 sigmas off the odometry chain, above 12"),
        (Refusal.FEATURES, None, "matched features are elsewhere"),
        (Refusal.CYCLE, None, "other edges lead elsewhere"),
        (
            Refusal.DOUBTED,
            None,
            "would look as right elsewhere, and nothing else joins the two",
        ),
        (Refusal.CONTRADICTED, None, "given up by the graph"),
    ],
)
def test_a_refusal_names_its_number_and_its_bound(
    refusal: Refusal | None, limit: float | None, text: str
) -> None:
    assert refusal_text(loop(0, 2, refusal, MEASURED, limit), is_metric=True) == text


def test_every_refusal_has_plain_words_and_needs_no_numbers_for_them() -> None:
    for refusal in Refusal:
        assert PLAIN[refusal] and refusal_text(loop(0, 2, refusal), is_metric=True)


def test_a_line_about_a_loop_leaves_out_what_was_not_measured() -> None:
    assert loop_text(loop(3, 9, Refusal.NO_MATCHES), True) == (
        "loop 3-9 by proximity refused (no consistent feature matches)"
    )
    assert loop_text(loop(3, 9, None, MEASURED), False) == (
        "loop 3-9 by proximity closed: overlap 0.14, agreement 0.71, residual 0.0134 units, "
        "shift 0.1230 units"
    )
    nothing_fits = replace(MEASURED, rmse=None)
    assert "residual" not in loop_text(loop(3, 9, Refusal.NOT_CONVERGED, nothing_fits), True)
