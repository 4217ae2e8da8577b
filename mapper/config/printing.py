"""Settings for people: YAML with comments, a table for the terminal, a page for the documents."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any, Final

import yaml

from mapper.config.listing import Group, Setting, groups

WIDTH: Final = 100
COMMENT_COLUMN: Final = 44  # where comments begin beside YAML
NAME_COLUMN: Final = 28  # widths of the table's first columns
DEFAULT_COLUMN: Final = 11
UNIT_COLUMN: Final = 11
PAGE: Final = """# Settings

All settings of `mapper run` and `mapper live`, as `mapper config schema --markdown` prints them.
Change one with `--set backend.fusion.tsdf.voxel_size=0.01`, or several in a YAML file that
`--config` names. `mapper config show` prints the values that come of that, `mapper config diff`
only those that differ from the defaults. The unit "units" is metres where the frontend is metric.
"""


def as_yaml(config: Any, only_changed: bool = False) -> str:
    """The values as YAML that --config reads again, each with its meaning beside it.

    only_changed: those that differ from the defaults, with the default beside them.
    """
    lines: list[str] = []
    opened: list[str] = []
    for group in groups(config):
        chosen = [s for s in group.settings if not only_changed or s.value != s.default]
        if not chosen and (only_changed or not group.name):
            continue
        path = group.name.split(".") if group.name else []
        shared = _shared(opened, path)
        for depth in range(shared, len(path)):
            told = group.meaning if depth == len(path) - 1 and not only_changed else ""
            lines += [""] if depth == 0 and lines and not only_changed else []
            lines += _beside("  " * depth + f"{path[depth]}:", told)
        opened = path
        for setting in chosen:
            entry = "  " * len(path) + f"{setting.name}: {value_text(setting.value)}"
            lines += _beside(entry, _changed_note(setting) if only_changed else _note(setting))
    return "\n".join(lines) + "\n" if lines else "# every setting has its default\n"


def as_table(config: Any) -> str:
    """Every setting with default, unit, meaning and what is allowed, group by group."""
    return "\n\n".join("\n".join(_table(group)) for group in groups(config) if group.settings)


def as_page(config: Any) -> str:
    """The same as Markdown."""
    return PAGE + "".join(_page(group) for group in groups(config) if group.settings)


def value_text(value: Any) -> str:
    """A value as YAML has it, in one line."""
    plain = list(value) if isinstance(value, tuple) else value
    text = yaml.safe_dump(plain, default_flow_style=True, width=10_000)
    return text.removesuffix("\n").removesuffix("\n...").rstrip()


def _shared(one: list[str], other: list[str]) -> int:
    """How many groups two settings have in common, from the outermost."""
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    return count


def _note(setting: Setting) -> str:
    told = not setting.unit or setting.unit in setting.meaning.split()
    return setting.meaning if told else f"[{setting.unit}] {setting.meaning}"


def _changed_note(setting: Setting) -> str:
    return f"default {value_text(setting.default)}" + (f" {setting.unit}" * bool(setting.unit))


def _beside(entry: str, comment: str) -> list[str]:
    """An entry with a comment that begins in one column, on as many lines as it takes."""
    if not comment:
        return [entry]
    column = max(COMMENT_COLUMN, len(entry) + 2)
    first, *rest = textwrap.wrap(comment, max(30, WIDTH - column - 2)) or [""]
    lines = [f"{entry:<{column}}# {first}"]
    return lines + [" " * column + f"# {line}" for line in rest]


def _table(group: Group) -> Iterator[str]:
    title = group.name or "(outermost)"
    yield from textwrap.wrap(f"{title}: {group.meaning}", WIDTH)
    start = 2 + NAME_COLUMN + DEFAULT_COLUMN + UNIT_COLUMN
    for setting in group.settings:
        text = f"{setting.meaning.rstrip('.')} ({setting.allowed})"
        first, *rest = textwrap.wrap(text, WIDTH - start)
        default = value_text(setting.default)
        head = f"{setting.name:<{NAME_COLUMN}}{default:<{DEFAULT_COLUMN}}{setting.unit}"
        yield f"  {head:<{start - 2}}{first}"
        yield from (" " * start + line for line in rest)


def _page(group: Group) -> str:
    title = f"`{group.name}`" if group.name else "Outermost"
    rows = "".join(
        f"| `{s.name}` | `{value_text(s.default)}` | {s.unit} | {s.allowed} | {s.meaning} |\n"
        for s in group.settings
    )
    head = "| setting | default | unit | allowed | meaning |\n|---|---|---|---|---|\n"
    return f"\n## {title}\n\n{group.meaning}\n\n{head}{rows}"
