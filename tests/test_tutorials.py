"""Every command and every program of the tutorials, typed in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

pytestmark = pytest.mark.slow
FOLDER = ROOT / "docs" / "tutorials"
STEP = re.compile(r"^```(bash|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = sorted(path.stem for path in FOLDER.glob("*.md") if path.stem != "README")
MAPPER = f'mapper() {{ "{sys.executable}" -m mapper "$@"; }}\n'
# Without an index: what the tutorials install is what they have written.
PIP = f'pip() {{ "{sys.executable}" -m pip "$1" --no-index "${{@:2}}"; }}\n'


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("page", PAGES)
def test_it_does_what_it_says(page: str, tmp_path: Path) -> None:
    steps = STEP.findall((FOLDER / f"{page}.md").read_text(encoding="utf-8"))
    assert len(steps) >= 2
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for kind, text in steps:
        program = [sys.executable, "-c", text]
        if kind == "bash":
            program = ["bash", "-e", "-o", "pipefail", "-c", MAPPER + PIP + text]
        done = subprocess.run(
            program, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
