"""What is printed can be read by people, and by the program again."""

from __future__ import annotations

import yaml

from mapper.config.loader import load_config, to_mapping
from mapper.config.printing import WIDTH, as_table, as_yaml
from mapper.config.settings import MapperConfig
from mapper.core.settings_model import from_mapping

CHANGES = ["weights=a: b # c", "backend.placement.refine=on", "rgbd.alignment.iterations=[1, 2, 3]"]


def test_all_values_come_back_from_the_yaml() -> None:
    for config in (MapperConfig(), load_config("fine", CHANGES)):
        assert from_mapping(MapperConfig, yaml.safe_load(as_yaml(config))) == config


def test_what_differs_is_enough_to_come_back() -> None:
    config = load_config("fine", CHANGES)
    text = as_yaml(config, only_changed=True)
    assert from_mapping(MapperConfig, yaml.safe_load(text)) == config
    entries = [line for line in text.splitlines() if "# default" in line]
    assert len(entries) == len(CHANGES) + 3  # fine.yaml changes three
    assert "default 0.02 units" in text


def test_nothing_differs_from_the_defaults() -> None:
    text = as_yaml(MapperConfig(), only_changed=True)
    assert yaml.safe_load(text) is None and "default" in text


def test_every_setting_stands_in_the_table_and_every_line_fits() -> None:
    table = as_table(MapperConfig())
    lines = table.splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert max(map(len, as_yaml(MapperConfig()).splitlines())) <= WIDTH
    settings = [line for line in lines if line[:2] == "  " and line[2] != " "]
    assert len(settings) == _leaves(to_mapping(MapperConfig()))


def _leaves(values: dict) -> int:
    return sum(_leaves(v) if isinstance(v, dict) else 1 for v in values.values())
