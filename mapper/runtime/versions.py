"""Versions of what a result depends on."""

from __future__ import annotations

import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Final

DISTRIBUTION: Final = "mapper3d"  # what pip calls this package
PACKAGES: Final = (
    "numpy",
    "numba",
    "opencv-python-headless",
    "open3d-cpu",
    "open3d",
    "gtsam",
    "scipy",
    "evo",
    "rerun-sdk",
    "torch",
)


def versions() -> dict[str, str]:
    """Installed versions by package, and python's."""
    found = {"python": platform.python_version()}
    for package in (DISTRIBUTION, *PACKAGES):
        with suppress(PackageNotFoundError):
            found["mapper" if package == DISTRIBUTION else package] = version(package)
    return found
