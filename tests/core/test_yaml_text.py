"""One reader of YAML for all files: whatever is in them, the answer is one short line, at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mapper.config.loader import load_config
from mapper.core.yaml_text import MAX_BYTES, parse_yaml, read_mapping
from mapper.errors import ConfigError, MapperError, shown
from mapper.evaluate.protocol import load_protocol
from mapper.io.cameras.calibration import load_calibration
from mapper.run.directory import RunDirectory
from tests.support.paths import ROOT

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
HOSTILE = {
    "billion laughs": LAUGHS,
    "a few laughs": "".join(LAUGHS.splitlines(True)[:3]),
    "brackets": "backend: " + "[" * 5000,
    "braces": "{a: " * 5000,
    "indents": "".join(f"{' ' * depth}a:\n" for depth in range(1000)),
    "many values": "backend: [" + "1," * 200_000 + "]",
    "a long value": f"backend: {'x' * 500_000}",
    "a long key": f"{'x' * 5000}: 1",
    "many digits": f"backend: {'9' * 10_000}",
    "many hexadecimal digits": f"backend: 0x{'f' * 10_000}",
    "base 60": "backend: " + ":".join(["1"] * 400_000),
    "a file of a megabyte": "#" * (MAX_BYTES + 1),
    "an object": "backend: !!python/object/apply:os.system [exit]",
    "an unknown tag": "backend: !thing 1",
    "no number": "backend: !!int ''",
    "no truth": "backend: !!bool perhaps",
    "no time": "backend: !!timestamp soon",
    "no date": "backend: 2001-99-99",
    "a circle": "backend: &a [*a]",
    "a circle of keys": "&a {backend: *a}",
    "a list": "[1, 2]",
    "a control character": "backend: \x01",
    "no YAML": "a: b: c",
    "a wide tree": "backend: " + "[[1, 2, 3, 4, 5, 6, 7, 8], " * 40 + "]" * 40,
}


def described(path: Path) -> object:
    path.rename(path.with_name("run.yaml"))
    return RunDirectory.open(path.parent).read_description()


@pytest.mark.parametrize("fault", HOSTILE)
@pytest.mark.parametrize(
    "read", [load_config, load_calibration, lambda path: load_protocol(str(path)), described]
)
def test_hostile_files_are_told_in_one_line_at_once(
    read: Callable[[Path], object], fault: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(HOSTILE[fault])
    started = time.process_time()
    with pytest.raises(MapperError) as raised:
        read(path)
    assert time.process_time() - started < 5  # a file of many values takes a tenth of that
    message = str(raised.value)
    assert ".yaml" in message and "\n" not in message and len(message) < 1000 + len(str(path))


@pytest.mark.parametrize("text", [f"backend={LAUGHS[:200]}", f"backend={'[' * 3000}", "backend=!x"])
def test_values_of_set_are_read_by_the_same_reader(text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_config(None, [text])
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 400


def test_what_is_read_is_what_yaml_says(tmp_path: Path) -> None:
    text = "a: &a [1, 2.5, on, null, 'x']\nb: *a\nc: {d: 1e-3, e: 2001-02-03}\n"
    values = parse_yaml(text)
    assert values["a"] == [1, 2.5, True, None, "x"] == values["b"]
    assert parse_yaml("a: 1\n---\na: 2", first=True) == {"a": 1}
    (tmp_path / "bom.yaml").write_text("a: 1", encoding="utf-8-sig")
    assert read_mapping(tmp_path / "bom.yaml") == {"a": 1}
    (tmp_path / "none.yaml").write_text("# nothing")
    assert read_mapping(tmp_path / "none.yaml") == {}


def test_files_that_are_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read: No such file"):
        read_mapping(tmp_path / "none.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(ConfigError, match=r"bytes\.yaml: not valid YAML: it is no UTF-8"):
        read_mapping(tmp_path / "bytes.yaml")


def test_a_value_is_shown_by_its_beginning() -> None:
    circle: list[object] = []
    circle.append(circle)
    for value in ("x" * 10**6, 16**9999, [[["a"] * 99] * 99] * 99, circle, {"a": circle}, object()):
        assert 0 < len(shown(value)) <= 203
    assert shown("a\nb") == r"'a\nb'" and shown(0.5) == "0.5"


def test_nobody_else_reads_yaml() -> None:
    reading = [
        path.relative_to(ROOT).as_posix()
        for top in ("mapper", "io", "frontends", "backend", "tools")
        for path in (ROOT / top).rglob("*.py")
        if "yaml.safe_load" in path.read_text() or "yaml.load" in path.read_text()
    ]
    assert set(reading) == {"mapper/core/yaml_text.py"}
