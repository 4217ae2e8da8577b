"""What other packages bring: found by name, and passed over with a word where it is broken."""

from __future__ import annotations

import logging
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mapper import open_sequence
from mapper.doctor.checks import _plugins
from mapper.errors import ConfigError, InputError
from mapper.frontends.predictions.adapters.registry import choose_adapter
from mapper.runtime import plugins
from mapper.runtime.plugins import ADAPTERS, EXPORTERS, GROUPS, SEQUENCES, find_plugin

GOOD = SimpleNamespace(name="good", what="a format", file="a.txt", write=lambda map, path: {})


def broken(*_: object) -> bool:
    raise RuntimeError("of no use")


ANGRY = SimpleNamespace(
    name="angry", what="", recognises=broken, open=broken, name_of=broken, detect=broken
)
THEIRS: dict[str, Any] = {"good": GOOD, "empty": SimpleNamespace(name="empty"), "angry": ANGRY}


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """In every group `good`, `empty`, `angry` and `gone`, which does not import."""

    class Point(EntryPoint):
        def load(self) -> Any:
            if self.name == "gone":
                raise ModuleNotFoundError("No module named 'theirs'")
            return THEIRS[self.name]

    def points(group: str) -> EntryPoints:
        return EntryPoints([Point(name, "nowhere:it", group) for name in (*THEIRS, "gone")])

    monkeypatch.setattr("importlib.metadata.entry_points", points)
    monkeypatch.setattr(plugins, "_warned", set())


@pytest.mark.usefixtures("installed")
def test_what_is_asked_for_by_name_is_given_or_refused_with_the_reason() -> None:
    assert find_plugin(EXPORTERS, "good") is GOOD
    assert find_plugin(EXPORTERS, "unknown") is None
    with pytest.raises(ConfigError, match="its SimpleNamespace has no what, file, write"):
        find_plugin(EXPORTERS, "empty")
    with pytest.raises(ConfigError, match="does not load: ModuleNotFoundError: No mod"):
        find_plugin(EXPORTERS, "gone")


@pytest.mark.usefixtures("installed")
def test_the_doctor_names_all_and_warns_of_those_that_are_broken() -> None:
    checks = {check.detail.partition(":")[0]: check for check in _plugins()}
    assert len(checks) == len(GROUPS) * 4
    assert checks["exporter good, by another package"].status == "ok"
    assert checks["exporter empty"].status == "warning" and checks["exporter empty"].remedy
    assert checks["frontend gone"].detail.endswith("No module named 'theirs'")


@pytest.mark.usefixtures("installed")
def test_a_broken_reader_or_adapter_is_passed_over_and_named_once(
    video: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    for _ in range(2):
        sequence = open_sequence(video)
        assert sequence.kind == "video"
        sequence.close()
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 4 and all("passed over" in text for text in told)
    assert any(
        f"'angry' ({SEQUENCES}) of another package: RuntimeError: of no use" in t for t in told
    )
    (tmp_path / "x.npy").write_bytes(b"")
    np.save(tmp_path / "x.npy", np.zeros(1))
    with pytest.raises(InputError, match="no predictions that are known here"):
        choose_adapter("auto", tmp_path / "x.npy")
    assert any(f"'angry' ({ADAPTERS})" in record.getMessage() for record in caplog.records)
