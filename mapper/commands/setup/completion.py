"""mapper completion: what a shell needs to complete commands, options and files."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

EPILOG = """for this user, from the next shell on:
  mapper completion bash > ~/.local/share/bash-completion/completions/mapper
  mapper completion zsh > ~/.zfunc/_mapper      # with fpath+=~/.zfunc before compinit in ~/.zshrc
  mapper completion fish > ~/.config/fish/completions/mapper.fish

bash wants the package bash-completion; make the folder first where there is none.
"""
SHELLS = ("bash", "zsh", "fish")
FOLDERS = ("DIR", "RUN")  # what options and arguments that take a folder call it


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.epilog = EPILOG
    parser.add_argument(
        "shell", choices=SHELLS, metavar="SHELL", help=f"which one: {', '.join(SHELLS)}"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Print the script."""
    import json

    from mapper.errors import ConfigError

    try:
        import shtab
    except ImportError as error:
        raise ConfigError("mapper completion needs shtab: pip install shtab") from error
    script = shtab.complete(_whole_parser(), arguments.shell)
    print(json.dumps({"shell": arguments.shell, "script": script}) if arguments.json else script)
    return 0


def _whole_parser() -> argparse.ArgumentParser:
    """With the options of every command, and what each may be completed with."""
    import shtab

    from mapper.cli import COMMANDS, build_parser

    parser = build_parser([*chain.from_iterable(COMMANDS.values())])
    names = _names()
    for action in _actions(parser):
        if action.dest in names and action.choices is None and action.nargs != 0:
            action.choices = names[action.dest]
        elif action.type is Path or action.dest in ("weights", "config"):
            kind = shtab.DIRECTORY if action.metavar in FOLDERS else shtab.FILE
            action.complete = kind  # type: ignore[attr-defined]  # shtab looks for it
    return parser


def _names() -> dict[str, list[str]]:
    """What options may say that are free text for argparse, as plugins add to it."""
    from mapper.commands.maps.export_formats import DEFAULTS
    from mapper.frontends.registry import AUTO, BUILT_IN
    from mapper.runtime.plugins import EXPORTERS, FRONTENDS, plugin_names

    return {
        "frontend": [AUTO, *BUILT_IN, *plugin_names(FRONTENDS)],
        "format": [*DEFAULTS, *plugin_names(EXPORTERS)],
    }


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Of it and of all commands within it."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from _actions(inner)
        else:
            yield action
