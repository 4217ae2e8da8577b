"""From a finished run to what its report shows."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from mapper.errors import InputError
from mapper.report.loops import LoopRow
from mapper.report.page import write_report
from mapper.report.scene.of_result import scene_of
from mapper.slam.mapper import Mapper
from mapper.slam.result import MappingResult
from tests.report.test_page import full_report
from tests.support.made_up_records import MEASURED, loop
from tests.support.room_views import Room

UP = np.array([0.0, -1.0, 0.0])


def mapped(room: Room) -> MappingResult:
    mapper = Mapper()
    for index in range(0, 24, 6):
        mapper.step(room.frame(index))
    return mapper.finish()


def test_a_damaged_keyframe_only_lacks_its_image(room: Room, tmp_path: Path) -> None:
    result = mapped(room)

    def load_image(keyframe_id: int) -> np.ndarray:
        if keyframe_id == result.keyframe_ids[0]:
            raise InputError("gone")
        return room.frame(0).image

    rows = [LoopRow(loop(0, 1, numbers=MEASURED), 0, 1), LoopRow(loop(0, 9, numbers=MEASURED), 0)]
    scene = scene_of(result, rows, UP, load_image)
    assert scene is not None
    assert [each.image is None for each in scene.keyframes][:2] == [True, False]
    assert len(scene.keyframes) == len(result.keyframe_ids) > 1
    assert list(scene.loops) == [(0, 1)]  # the other keyframe is in the map no more

    write_report(tmp_path / "report.html", replace(full_report(tmp_path), scene=scene))
    page = (tmp_path / "report.html").read_text()
    assert page.count('id="scene"') == 1 and "var THREE=" in page and "class Viewer" in page
    assert "MIT License" in page  # goes wherever the code goes
    assert not re.search(r"(src|href)=['\"]https?:", page)


def test_a_map_without_surfaces_has_nothing_to_turn(room: Room, tmp_path: Path) -> None:
    result = mapped(room)
    bare = replace(result, mesh=replace(result.mesh, faces=result.mesh.faces[:0]))
    assert scene_of(bare, [], UP, lambda _: room.frame(0).image) is None
    write_report(tmp_path / "report.html", full_report(tmp_path))
    assert 'id="scene"' not in (tmp_path / "report.html").read_text()
