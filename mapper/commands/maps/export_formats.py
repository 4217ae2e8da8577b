"""The formats of `mapper export`, and how its options name them."""

from __future__ import annotations

import argparse

DEFAULTS = {
    "tum": "trajectory_tum.txt",
    "kitti": "trajectory_kitti.txt",
    "euroc": "trajectory_euroc.csv",
    "colmap": "colmap",
    "nerfstudio": "nerfstudio",
    "ply": "cloud.ply",
    "pcd": "cloud.pcd",
    "las": "cloud.las",
    "e57": "cloud.e57",
    "gltf": "scene.glb",
}
SCENES = ("colmap", "nerfstudio")
TRAJECTORIES = ("tum", "kitti", "euroc")
CLOUDS = ("ply", "pcd", "las", "e57")
WHOLE = (*TRAJECTORIES, "las", "e57")  # numbers in them have digits enough for any coordinates


def formats_of(text: str) -> list[str]:
    """The names in a list, each once."""
    from mapper.runtime.plugins import EXPORTERS, plugin_names

    names = [name.strip() for name in text.split(",")]
    every = [*DEFAULTS, *plugin_names(EXPORTERS)]
    for name in names:
        if name not in every:
            known = ", ".join(every)
            raise argparse.ArgumentTypeError(f"invalid choice: {name!r} (choose from {known})")
    return list(dict.fromkeys(names))


def every_frames(text: str) -> int | None:
    """Every how many-th frame; None = keyframes."""
    word, _, number = text.partition(":")
    if text == "keyframes":
        return None
    if text == "all":
        return 1
    if word == "every" and number.isdecimal() and int(number) > 0:
        return int(number)
    raise argparse.ArgumentTypeError(f"{text!r}: keyframes, all, or every:N like every:5")


def file_of(format: str) -> str:
    """Its usual name."""
    if format in DEFAULTS:
        return DEFAULTS[format]
    from mapper.saved.added_exports import added_exporter

    return added_exporter(format).file
