"""The doctor finds what is there, names a remedy for what is not, and never crashes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mapper.doctor import checks as doctor_checks
from mapper.doctor.checks import Check, diagnose, print_doctor


def by_name() -> dict[str, Check]:
    return {check.name: check for check in diagnose()}


def test_a_complete_installation_is_ready(capsys: pytest.CaptureFixture[str]) -> None:
    assert print_doctor()
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "ready to map"
    assert any(line.startswith("open3d") and " ok " in line for line in lines)


def test_columns_are_aligned(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = [Check("a", "ok", "DETAIL"), Check("longer", "missing", "DETAIL", "FIX")]
    monkeypatch.setattr(doctor_checks, "diagnose", lambda: checks)
    assert not print_doctor()
    first, second, remedy, _, verdict = capsys.readouterr().out.splitlines()
    assert first.index("DETAIL") == second.index("DETAIL") == remedy.index("-> FIX")
    assert verdict == "not ready: longer"


def test_every_finding_that_is_not_well_names_a_remedy() -> None:
    findings = diagnose()
    assert len(findings) > 10
    for check in findings:
        assert check.detail
        assert bool(check.remedy) == (check.status != "ok"), check


def test_a_missing_library_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gtsam", None)  # makes the import fail
    check = by_name()["gtsam"]
    assert check.status == "missing"
    assert check.remedy == "pip install gtsam"


def test_a_library_that_crashes_is_a_finding() -> None:
    def explode() -> Check:
        raise OSError("libsomething.so.1:\n cannot open")

    check = doctor_checks._tried("thing", explode)
    assert check == Check(
        "thing", "missing", "OSError: libsomething.so.1: cannot open", "reinstall it"
    )


def test_weights_are_found_where_the_variable_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAPPER_WEIGHTS", str(tmp_path))
    assert by_name()["weights"].status == "warning"
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "a.safetensors").touch()
    (tmp_path / "b.pth").touch()
    check = by_name()["weights"]
    assert check.status == "ok"
    assert check.detail.endswith("a.safetensors, b.pth")


def test_the_folder_of_numbas_cache_is_the_true_one(tmp_path: Path) -> None:
    """Asked of a process that has one of its own: what is compiled is found there."""
    program = (
        "from mapper.doctor.checks import _numba\n"
        "from mapper.core.depth_noise import depth_sigma\n"
        "depth_sigma(1.0, __import__('numpy').zeros(3))\n"
        "print(_numba().detail)\n"
    )
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    line = [sys.executable, "-c", program]
    told = subprocess.run(line, env=environment, check=True, capture_output=True, text=True).stdout
    folder = Path(told.split("cache in ")[1].strip())
    assert tmp_path in folder.parents
    assert list(folder.glob("depth_noise.depth_sigma-*.nbi"))


def test_a_cache_that_cannot_be_written_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    check = doctor_checks._numba()
    assert check.status == "warning" and "NUMBA_CACHE_DIR" in check.remedy
