"""Templates refuse to render what is not there, and travel with the package."""

from __future__ import annotations

from configparser import ConfigParser
from fnmatch import fnmatch
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from mapper.report.page import as_html
from mapper.report.rendering import DASH, TEMPLATES, cell_text, render
from tests.report.test_page import full_report

ROOT = Path(__file__).parents[2]


def test_a_value_that_a_template_needs_must_be_there() -> None:
    with pytest.raises(UndefinedError, match="plots"):
        render("benchmark.html", table={"title": "", "head": [], "rows": [], "notes": []})


def test_scripts_and_styles_stand_in_the_page_as_they_are(tmp_path: Path) -> None:
    """Braces in them are their own; the template's language has the same."""
    page = as_html(full_report(tmp_path))
    assert (TEMPLATES / "report.css").read_text() in page


def test_numbers_have_three_digits() -> None:
    values = (None, 0.123456, 1234.5, 7, "text")
    assert [cell_text(value) for value in values] == [DASH, "0.123", "1234", "7", "text"]


def test_the_wheel_holds_every_template() -> None:
    described = ConfigParser()
    described.read(ROOT / "setup.cfg")
    package = ".".join(TEMPLATES.relative_to(ROOT).parts)
    patterns = described["options.package_data"][package].replace(" ", "").split(",")
    files = [path.name for path in TEMPLATES.iterdir()]
    assert len(files) >= 4
    assert all(any(fnmatch(name, pattern) for pattern in patterns) for name in files)
