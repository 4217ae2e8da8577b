"""What tests of live runs ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from mapper.run.directory import RunDirectory
from tests.support.made_up_records import described
from tests.support.quick_outputs import skip_report


@pytest.fixture
def quick_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    skip_report(monkeypatch)


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """A run directory that has begun."""
    run = RunDirectory.create(tmp_path / "run", False)
    run.write_description(described())
    return run
