"""Whatever is named to be installed is what this project needs, and nobody else's."""

from __future__ import annotations

import re
from configparser import ConfigParser
from pathlib import Path

import pytest

from mapper.runtime.distributions import DISTRIBUTIONS, how_to_install
from mapper.runtime.versions import DISTRIBUTION, PACKAGES
from tests.support.imports import ROOMS, modules
from tests.support.paths import ROOT

HINT = re.compile(r"pip install (?:-[-\w]+ )*(['\"]?[^\s`'\";:,)#]+(?: gdown)?)")
OF_DEVELOPERS = {"pre-commit"}


def setup() -> ConfigParser:
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def required() -> set[str]:
    """All that the package and its extras need, as pip names it."""
    lines = setup()["options"]["install_requires"].splitlines()
    for packages in setup()["options.extras_require"].values():
        lines += packages.splitlines()
    return {re.split(r"[ ;><=]", line)[0] for line in lines if line}


def texts() -> list[Path]:
    sources = [path for top in ("mapper", *ROOMS, "tools") for path in modules(top)]
    return [*sources, ROOT / "README.md", *(ROOT / "docs").glob("*.md")]


def hints() -> set[str]:
    """The packages that are named after `pip install` anywhere; those that are computed are not."""
    found = set()
    for path in texts():
        for packages in HINT.findall(path.read_text()):
            found |= {name for name in packages.strip("'\"").split() if "{" not in name}
    return found


def test_hints_name_what_the_project_needs() -> None:
    assert {"rosbags", "pyrealsense2", "ray"} <= hints()
    extras = {f".[{name}]" for name in setup()["options.extras_require"]}
    assert hints() - required() - extras - OF_DEVELOPERS == set()


def test_the_project_is_not_called_as_somebody_elses() -> None:
    assert setup()["metadata"]["name"] == DISTRIBUTION == "mapper3d"
    assert "mapper" not in hints() | required()


def test_modules_are_called_as_in_the_requirements() -> None:
    assert set(DISTRIBUTIONS.values()) - required() == set()
    assert set(PACKAGES) - required() == set()


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("rerun", "pip install rerun-sdk"),
        ("cv2", "pip install opencv-python-headless"),
        ("scipy.spatial", "pip install scipy"),
        ("_something_within", None),
        ("mapper.gone", None),
        (None, None),
    ],
)
def test_no_name_is_guessed(module: str | None, line: str | None) -> None:
    assert how_to_install(module) == line
