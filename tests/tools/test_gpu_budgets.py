"""The tool that counts what a frame costs on a GPU."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import gpu_budgets
import pytest

from tests.support.pretended_gpu import budgets
from tests.support.pretended_gpu.configurations import CONFIGURATIONS
from tests.support.pretended_gpu.published import Cost

SPENT = Cost(20, 1000, 2, 1.0, 2.0, 3.0, 4.0, 5.0, 0.2)
NAME = next(iter(CONFIGURATIONS))


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "budgets.yaml"
    path.write_text("")
    monkeypatch.setattr(budgets, "FILE", path)
    monkeypatch.setattr(gpu_budgets, "cost", lambda configuration: SPENT)
    return path


def test_budgets_are_lowered_and_never_raised(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gpu_budgets.main([NAME, "--update"]) == 0
    assert budgets.budgets()[NAME]["launches"] == 20
    monkeypatch.setattr(gpu_budgets, "cost", lambda _: replace(SPENT, launches=21, waits=1))
    assert gpu_budgets.main([NAME, "--update"]) == 1
    said = capsys.readouterr()
    assert f"over budget: {NAME}: launches 21, at most 20" in said.err
    assert "| 21 | 1000 | 1 |" in said.out and "450 TFLOP/s (half precision)" in said.out
    assert budgets.budgets()[NAME]["launches"] == 20 and budgets.budgets()[NAME]["waits"] == 1


def test_an_unknown_name_is_refused(file: Path) -> None:
    with pytest.raises(SystemExit):
        gpu_budgets.main(["cut4r"])
