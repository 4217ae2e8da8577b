"""The names that other programs may rely on, and how they are called: docs/python.md.

A change here is one of the public interface: CHANGELOG.md names it, and what breaks a caller
raises the version as docs/python.md says.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from typing import Any

import pytest

import mapper
from tests.support.paths import ROOT

CALLED = {
    "Callbacks": "(on_frame=None, on_keyframe=None, on_loop=None, on_update=None)",
    "Frame": "(index, timestamp, image, depth=None, intrinsics=None, noise=None, "
    "exif_focal=None, mask=None)",
    "FrameEvent": "(frame, T_world_camera, state, values)",
    "Intrinsics": "(fx, fy, cx, cy, width, height)",
    "KeyframeEvent": "(id, frame_index, timestamp, S_world_keyframe, image, depth, intrinsics)",
    "KnownPoses": "(T_world_camera, sigma=None, is_metric=True)",
    "LoopEvent": "(earlier, later, is_closed)",
    "Mapper": "(config=None, *, frontend=None, matcher=None, recorder=None, store=None, "
    "live=False, known=Knowledge())",
    "Prediction": "(frame_index, timestamp, pointmap, confidence, T_world_camera, intrinsics, "
    "image, is_metric, segment=0, descriptor=None, noise=DepthNoise(), uncertainty=None, "
    "is_still=False, shares_camera=False)",
    "Trajectory": "(timestamps, T_world_camera)",
    "UpdateEvent": "(poses, is_final)",
    "load_config": "(profile=None, changes=(), given=None)",
    "map_images": "(images, depths=None, intrinsics=None, poses=None, frontend='auto', *, "
    "timestamps=None, masks=None, camera_kind='auto', config=None, on_frame=None, "
    "on_keyframe=None, on_loop=None, on_update=None)",
    "open_sequence": "(path, *, calibration=None, registration='auto', start=0, stride=1, "
    "max_frames=None, topics=None, mask_dir=None, poses='auto', split_360=None)",
    "write_mesh": "(path, mesh)",
    "write_trajectory": "(path, trajectory, format='tum')",
}
# What their objects have; those of the dataclasses above are the names in the parentheses.
HAVE = {
    "Map": ("localize", "open"),
    "Mapper": (
        "close",
        "counts",
        "finish",
        "keyframes",
        "loops",
        "skip",
        "start_segment",
        "state",
        "step",
    ),
    "MappingResult": (
        "trajectory",
        "frame_indices",
        "keyframe_ids",
        "keyframe_trajectory",
        "mesh",
        "counts",
        "keyframes",
        "decisions",
        "dropped_loops",
        "is_metric",
        "image_size",
        "doubt",
        "tie",
    ),
    "Mesh": ("vertices", "faces", "colors"),
}
KINDS = ("ConfigError", "InputError", "MapperError", "OutputError")  # told by their class alone
SETTINGS = ("MapperConfig",)  # whose fields docs/settings.md lists, by a test of its own


def called(function: Any) -> str:
    """The parameters without their types, and defaults by what they are."""
    parameters = inspect.signature(function).parameters.values()
    bare = inspect.Signature([p.replace(annotation=p.empty) for p in parameters])
    return re.sub(r"(Knowledge|DepthNoise)\(.*?\)(?=, uncertainty|\)$)", r"\1()", str(bare))


def test_every_name_is_pinned() -> None:
    assert set(mapper.__all__) == {*CALLED, *HAVE, *KINDS, *SETTINGS}
    assert set(mapper._HOMES) == set(mapper.__all__)


@pytest.mark.parametrize("name", CALLED)
def test_it_is_called_as_it_was(name: str) -> None:
    assert called(getattr(mapper, name)) == CALLED[name]


@pytest.mark.parametrize("name", HAVE)
def test_it_has_what_it_had(name: str) -> None:
    kind = getattr(mapper, name)
    fields = {f.name for f in dataclasses.fields(kind)} if dataclasses.is_dataclass(kind) else set()
    attributes = {*fields, *vars(kind), *re.findall(r"self\.(\w+)", inspect.getsource(kind))}
    assert set(HAVE[name]) <= attributes


def test_errors_are_of_one_kind() -> None:
    assert all(issubclass(getattr(mapper, name), mapper.MapperError) for name in KINDS)


def test_the_guide_names_them_all() -> None:
    guide = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    assert [name for name in mapper.__all__ if f"`{name}" not in guide] == []


def test_the_changelog_begins_with_this_version() -> None:
    log = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## (\d+\.\d+\.\d+)", log, re.MULTILINE)
    assert versions[0] == mapper.__version__
    assert f"version = {mapper.__version__}\n" in (ROOT / "setup.cfg").read_text(encoding="utf-8")
