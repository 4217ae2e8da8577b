"""mapper completion: scripts that shells read, with every command and what options may say."""

from __future__ import annotations

import shutil
import subprocess
from itertools import chain
from pathlib import Path

import pytest

from mapper.cli import COMMANDS

BASH = shutil.which("bash")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_command_is_in_it(command, shell: str) -> None:
    code, script, _ = command("completion", shell)
    assert code == 0
    assert [name for name in chain.from_iterable(COMMANDS.values()) if name not in script] == []
    assert "max-frames" in script and "cut3r-ttsa" in script and "nerfstudio" in script


@pytest.mark.skipif(BASH is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["mapper", "loc"], {"localize"}),
        (["mapper", "run", "--max-f"], {"--max-frames"}),
        (["mapper", "run", "--frontend", "rg"], {"rgbd"}),
        (["mapper", "run", "x", "--align", "on"], {"online"}),
    ],
)
def test_bash_completes(command, tmp_path: Path, typed: list[str], offered: set[str]) -> None:
    _, script, _ = command("completion", "bash")
    path = tmp_path / "mapper.bash"
    path.write_text(script)
    words = " ".join(f"'{word}'" for word in typed)
    program = (
        f"source {path}; COMP_WORDS=({words}); COMP_CWORD={len(typed) - 1}; "
        "$(complete -p mapper | sed 's/.*-F \\([^ ]*\\).*/\\1/'); "
        "printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    assert BASH is not None
    done = subprocess.run([BASH, "-c", program], capture_output=True, text=True, check=True)
    assert {line.strip() for line in done.stdout.split("\n") if line.strip()} == offered
