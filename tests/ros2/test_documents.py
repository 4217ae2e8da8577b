"""What docs/ros2.md says of parameters and of launching is so."""

from __future__ import annotations

import ast
import re
from dataclasses import fields

from mapper.cli import build_parser
from mapper.io.ros2.parameters import NodeParameters
from tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "ros2.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| ((?:`\w+`(?:, )?)+) \| ([^|]+) \|", re.MULTILINE)


def test_every_parameter_is_there_with_its_default() -> None:
    table = PAGE.split("## Parameters")[1].split("##")[0]
    said: dict[str, str] = {}
    for names, defaults in ROW.findall(table):
        words = re.findall(r"`(\w+)`", names)
        values = [value.strip(' "') for value in defaults.split(",")]
        said |= zip(words, values * len(words) if len(values) == 1 else values, strict=False)
    known = {f.name: f.default for f in fields(NodeParameters)}
    assert said == {n: str(v).lower() if v is True else str(v) for n, v in known.items()}


def test_the_launch_file_starts_the_node() -> None:
    program = ast.parse(re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)[0])
    calls = [n for n in ast.walk(program) if isinstance(n, ast.Call)]
    node = next(c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "Node")
    given = {k.arg: ast.literal_eval(k.value) for k in node.keywords}
    # As launch appends to its arguments.
    words = [*given["arguments"], "--ros-args", "-r", "image:=/x", "--params-file", "/tmp/y"]
    arguments = build_parser(words).parse_args(words)
    assert arguments.ros_args == ["-r", "image:=/x", "--params-file", "/tmp/y"]
    for parameters in given["parameters"]:
        NodeParameters(**parameters)
