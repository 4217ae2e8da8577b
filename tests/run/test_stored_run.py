"""run.yaml is read in one place, and what is wrong with it is one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from mapper.config.loader import to_mapping
from mapper.config.settings import MapperConfig
from mapper.errors import ConfigError, InputError
from mapper.run.stored_run import read_stored_run, seen_from
from tests.support.made_up_records import described


def written(folder: Path, content: Any) -> Path:
    file = folder / "run.yaml"
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return file


def without(name: str) -> dict[str, Any]:
    content = described()
    *groups, last = name.split(".")
    inner = content
    for group in groups:
        inner = inner[group]
    del inner[last]
    return content


HALF = yaml.safe_dump(described(to_mapping(MapperConfig())))


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "holds no keys and values"),
        ("- 1", "holds no keys and values"),
        ("5", "holds no keys and values"),
        ("a: [", "not valid YAML"),
        ("\x00\x01", "not valid YAML"),
        ("[" * 3000, "nested too deeply"),
        (HALF[: HALF.rindex("\n", 0, len(HALF) // 2)], "missing"),
        (without("sequence"), "sequence is missing"),
        (without("sequence.fingerprint"), "sequence.fingerprint is missing"),
        (without("config"), "config is missing"),
        (described(start="first"), "sequence.start: Input should be a valid integer"),
        (described(calibration=[1]), "sequence.calibration"),
        ({**described(), "config": 3}, "config: "),
        ({**described(), "frontend": None}, "frontend: "),
    ],
)
def test_a_damaged_file_is_one_line_that_names_it(content: Any, fault: str, tmp_path: Path) -> None:
    file = written(tmp_path, content)
    with pytest.raises(InputError) as caught:
        read_stored_run(file)
    assert str(caught.value).startswith(f"{file}: damaged (") and fault in str(caught.value)
    assert "\n" not in str(caught.value)


def test_settings_that_are_wrong_name_the_file_and_changes_do_not(tmp_path: Path) -> None:
    file = written(tmp_path, described({"backend": {"loops": {"mmn_agreement": 1}}}))
    stored = read_stored_run(file)
    for read in (stored.settings, stored.backend_settings):
        with pytest.raises(InputError, match=r"run\.yaml: unknown .*mmn_agreement"):
            read()
    stored = read_stored_run(written(tmp_path, described({"backend": {}})))
    with pytest.raises(ConfigError) as caught:
        stored.backend_settings(["loops.mmn_agreement=1"])
    assert "run.yaml" not in str(caught.value)
    assert stored.backend_settings(["align=off"]).align == "off"
    stored = read_stored_run(
        written(
            tmp_path, described({"replay": 3}) | {"paths_from_run": {"replay.predictions": "../a"}}
        )
    )
    with pytest.raises(InputError, match=r"run\.yaml: replay"):
        stored.settings()
    with pytest.raises(InputError, match=r"run\.yaml: damaged \(config\.backend"):
        read_stored_run(written(tmp_path, described())).backend_settings()


def test_files_are_found_where_they_were_else_beside_the_run(tmp_path: Path) -> None:
    old, run = tmp_path / "old", tmp_path / "new" / "run"
    run.mkdir(parents=True)
    (run.parent / "camera.yaml").touch()
    (run.parent / "saved").mkdir()
    content = described(
        {"replay": {"predictions": str(old / "saved")}, "weights": "a-published-name"},
        path=str(old / "desk"),
        path_from_run="../desk",
        calibration=str(old / "camera.yaml"),
        calibration_from_run="../camera.yaml",
    )
    content["paths_from_run"] = {"replay.predictions": "../saved", "no.such.setting": "../saved"}
    stored = read_stored_run(written(run, content))
    assert stored.calibration == run.parent / "camera.yaml"
    assert stored.sequence_path == old / "desk"  # neither is there: the message names the first
    assert stored.settings().replay.predictions == str(run.parent / "saved")
    assert stored.settings().weights == "a-published-name"
    old.mkdir()
    (old / "camera.yaml").touch()
    assert stored.calibration == old / "camera.yaml"


def test_the_way_from_a_run_to_a_file(tmp_path: Path) -> None:
    assert seen_from(tmp_path / "runs" / "desk", tmp_path / "data" / "desk") == "../../data/desk"


@pytest.mark.parametrize(("then", "now"), [(False, "auto"), (True, "always")])
def test_a_run_of_an_earlier_version_is_read(then: bool, now: str, tmp_path: Path) -> None:
    """Refining the focal length was a switch once, off unless asked for."""
    config = to_mapping(MapperConfig())
    config["backend"]["alignment"]["refine_focal"] = then
    stored = read_stored_run(written(tmp_path, described(config=config)))
    assert stored.settings().backend.alignment.refine_focal == now
    assert stored.backend_settings().alignment.refine_focal == now
