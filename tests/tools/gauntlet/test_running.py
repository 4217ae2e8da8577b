"""A sequence runs through the mapper and comes out as a row of the tables and the page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from gauntlet.cases import Case
from gauntlet.page import write_page
from gauntlet.running import run_case
from gauntlet.summary import Row, Totals, comparison, table, totals_table

from mapper.rooms import draw_sequence

SPEC = draw_sequence(
    6,
    kind="structured-light",
    path="hand_held",
    rate=30.0,
    richness=1.0,
    frames=12,
    width=160,
    height=120,
    size=(4.0, 4.0, 2.5),
    layout="open",
)


@pytest.fixture(scope="module")
def row() -> Row:
    outcome = run_case(Case("000 a room", "tune", SPEC))
    return json.loads(json.dumps(outcome.as_json()))


def test_a_slow_walk_past_furniture_is_mapped_right(row: Row) -> None:
    assert row["fault"] == ""
    assert row["placed"] == row["frames"] == 12
    assert row["ate"] < 0.02 and row["wrong"] == []
    assert row["cpu_ms"] > 0


def test_a_fault_is_a_row_of_its_own() -> None:
    broken = replace(SPEC, path="none")
    outcome = run_case(Case("001 broken", "tune", broken))
    assert outcome.fault.startswith("KeyError")
    assert "KeyError" in table([outcome.as_json()])


def test_tables_total_what_the_rows_say(row: Row) -> None:
    worse = row | {"name": "002 worse", "wrong": [3, 4, 5], "placed": 6, "ate": 0.5}
    totals = Totals.of([row, worse])
    assert totals.coverage == pytest.approx(18 / 24)
    assert (totals.wrong, totals.wrong_share) == (3, pytest.approx(3 / 18))
    assert "| 002 worse | 6 of 12 |" in table([row, worse])
    assert "| all | 2 | 75.0% |" in totals_table([row, worse])


def test_against_an_earlier_run_the_most_changed_comes_first(row: Row) -> None:
    second = row | {"name": "004 other"}
    text = comparison([row, second], [row, second | {"wrong": [1, 2]}])
    assert text.index("004 other, before") < text.index("| 004 other |")
    assert "000 a room" not in text
    assert comparison([row], [second]) == "no sequence is in both runs"


def test_the_page_holds_the_pictures_of_what_is_wrong(row: Row, tmp_path: Path) -> None:
    wrong = row | {"name": "<wrong>", "wrong": [1], "picture": "AAAA"}
    write_page(tmp_path / "page.html", [row, wrong], "")
    page = (tmp_path / "page.html").read_text()
    assert "data:image/jpeg;base64,AAAA" in page
    assert "&lt;wrong&gt;" in page and "<wrong>" not in page
