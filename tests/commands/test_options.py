"""A request takes from the command line what it has fields for."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

from mapper.commands.mapping import live, run
from mapper.commands.options import request_of
from mapper.request import LiveRequest, RunRequest

GIVEN_TO_RUN = "room --out o --set a=1 --set b=2 --stride 3 --no-save-rrd --viewer web --resume"


def parsed(command: object, text: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)  # type: ignore[attr-defined]
    return parser.parse_args(text.split())


def test_what_is_given_arrives_and_the_rest_is_as_the_request_has_it() -> None:
    request = request_of(RunRequest, parsed(run, GIVEN_TO_RUN))
    assert request == RunRequest(
        sequence=Path("room"),
        out=Path("o"),
        changes=("a=1", "b=2"),
        stride=3,
        save_recording=False,
        viewer="web",
        resume=True,
    )
    assert request_of(LiveRequest, parsed(live, "")) == LiveRequest(camera="0")


def test_every_field_of_a_run_has_its_option_and_every_option_its_field() -> None:
    options = vars(parsed(run, "room"))
    assert set(options) == {field.name for field in fields(RunRequest)}
