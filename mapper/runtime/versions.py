"""Versions of what a result depends on."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
    "mapper",
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
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
