"""mapper config: every setting with type, unit, value and meaning."""

from __future__ import annotations

import argparse
import json

from mapper.commands.options import add_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `mapper config`."""
    parser.add_argument(
        "what",
        choices=("show", "schema", "diff"),
        metavar="show, schema or diff",
        help="show: the values as YAML with comments; schema: a table of all settings, with what "
        "they may be (--json: the JSON schema); diff: only what differs from the defaults",
    )
    add_config(parser)
    parser.add_argument(
        "--markdown", action="store_true", help="schema as the page docs/settings.md"
    )
    parser.epilog = "What show and diff print can be saved and given to mapper run --config."


def execute(arguments: argparse.Namespace) -> int:
    """Print what was asked for."""
    from mapper.config.listing import groups, json_schema
    from mapper.config.loader import load_config, to_mapping
    from mapper.config.printing import as_page, as_table, as_yaml

    config = load_config(arguments.config, arguments.changes)
    if arguments.what == "schema":
        if arguments.json:
            text = json.dumps(json_schema(type(config)))
        else:
            text = as_page(config) if arguments.markdown else as_table(config)
    elif not arguments.json:
        text = as_yaml(config, only_changed=arguments.what == "diff")
    elif arguments.what == "show":
        text = json.dumps(to_mapping(config))
    else:
        text = json.dumps(
            {
                f"{group.name}.{s.name}".lstrip("."): {"value": s.value, "default": s.default}
                for group in groups(config)
                for s in group.settings
                if s.value != s.default
            }
        )
    print(text.rstrip("\n"))
    return 0
