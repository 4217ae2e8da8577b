"""The command line as a whole: help texts, doctor, and the functions that commands share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import chain

import pytest

from mapper.cli import BLAS_THREADS, COMMANDS
from mapper.doctor.checks import Check
from mapper.pipeline import map_into
from mapper.request import RunRequest
from mapper.run.directory import RunDirectory


@pytest.mark.parametrize("name", sorted(chain.from_iterable(COMMANDS.values())))
def test_every_command_explains_itself(name: str, command) -> None:
    code, out, _ = command(name, "--help")
    assert code == 0
    assert out.startswith(f"usage: mapper {name}")
    assert "--json" in out and "--verbose" in out
    assert all(len(line) <= 100 for line in out.splitlines())


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("mash", "argument COMMAND: unknown command 'mash'; did you mean mesh? (mapper --help)"),
        ("run", "mapper run: the following arguments are required: SEQUENCE (mapper run --help)"),
        ("run a --oot b", "mapper run: unknown option '--oot'; did you mean --out?"),
        ("run a --max_frames=3", "'--max_frames'; did you mean --max-frames?"),
        ("mesh my run", "mapper mesh: one too many: run; a name with blanks wants quotes"),
        ("run a --start x", "argument --start: invalid int value: 'x' (mapper run --help)"),
        ("run a --viewer windo", "unknown value 'windo'; did you mean window?"),
        (
            "weights fitch",
            "mapper weights: argument ACTION: unknown command 'fitch'; did you mean fetch?",
        ),
        ("completion", "arguments are required: SHELL"),
        ("config", "arguments are required: show, schema or diff"),
    ],
)
def test_what_is_typed_wrong_is_told_in_one_line(typed: str, told: str, command) -> None:
    code, _, err = command(*typed.split())
    assert code == 2 and told in err and err.count("\n") == 1


def test_an_unknown_command_that_is_near_none_lists_them_all(command) -> None:
    code, _, err = command("zzz")
    assert code == 2 and all(name in err for name in chain.from_iterable(COMMANDS.values()))


def test_doctor_as_json_names_its_checks(command) -> None:
    code, out, _ = command("doctor", "--json")
    result = json.loads(out)
    assert code == (0 if result["ready"] else 1)
    names = [check["name"] for check in result["checks"]]
    assert {"python", "open3d", "gtsam", "memory"} <= set(names)


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_doctor_fails_where_something_is_missing(
    command, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    sick = [Check("gtsam", "missing", "not installed", "pip install gtsam")]
    monkeypatch.setattr("mapper.doctor.checks.diagnose", lambda: sick)
    code, out, _ = command("doctor", *options)
    assert code == 1 and "pip install gtsam" in out


def test_a_complete_run_is_not_mapped_again(finished: RunDirectory) -> None:
    sequence = finished.read_description().sequence_path
    before = finished.journal.stat().st_mtime_ns
    request = RunRequest(sequence=sequence, out=finished.path, max_frames=80, resume=True)
    _, metrics = map_into(request)
    assert metrics["complete"] and metrics["frames"] == 80
    assert finished.journal.stat().st_mtime_ns == before


@pytest.mark.parametrize(("asked", "expected"), [(None, "1"), ("3", "3")])
def test_products_wake_no_threads_unless_asked_to(asked: str | None, expected: str) -> None:
    """The library of products reads the variable when it is loaded: nothing may load it before."""
    program = (
        "import os, sys, mapper.cli; early = 'numpy' in sys.modules or 'cv2' in sys.modules;"
        "mapper.cli.main(['config', 'show']);"
        f"print('numpy' in sys.modules, early, os.environ['{BLAS_THREADS}'])"
    )
    environment = {k: v for k, v in os.environ.items() if k != BLAS_THREADS}
    if asked is not None:
        environment[BLAS_THREADS] = asked
    ran = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout.split()[-3:] == ["True", "False", expected]
