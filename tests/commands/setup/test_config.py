"""mapper config prints what a run would take."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from mapper.cli import main
from mapper.config.loader import load_config, to_mapping

VOXELS = "backend.fusion.tsdf.voxel_size"


def test_show_is_a_configuration_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "show", "--config", "fast", "--set", f"{VOXELS}=0.03"]) == 0
    mine = tmp_path / "mine.yaml"
    mine.write_text(capsys.readouterr().out)
    assert load_config(mine) == load_config("fast", [f"{VOXELS}=0.03"])


def test_diff_shows_what_changes_and_from_what(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "diff", "--set", f"{VOXELS}=0.03"]) == 0
    text = capsys.readouterr().out
    assert yaml.safe_load(text) == {"backend": {"fusion": {"tsdf": {"voxel_size": 0.03}}}}
    assert main(["config", "diff", "--json", "--set", f"{VOXELS}=0.03"]) == 0
    assert json.loads(capsys.readouterr().out) == {VOXELS: {"value": 0.03, "default": 0.02}}


def test_show_and_schema_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "show", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == to_mapping(load_config())
    assert main(["config", "schema", "--json"]) == 0
    assert "TsdfConfig" in json.loads(capsys.readouterr().out)["$defs"]


def test_the_table_names_units_and_meanings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "schema"]) == 0
    text = capsys.readouterr().out
    assert "backend.fusion.tsdf: The truncated signed distance field." in text
    assert "voxel_size" in text and "side of a voxel" in text


def test_a_setting_that_is_wrong_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "show", "--set", "backend.placement.refine=nonsense"]) == 2
    assert capsys.readouterr().err == (
        "mapper: backend.placement.refine='nonsense': expected auto, on or off\n"
    )
