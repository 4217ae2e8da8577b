"""CPU time by thread of a run whose predictions are given."""

from __future__ import annotations

import pytest
from benchmarks.backend_pace import Clocks, clocked, report

from mapper.config.settings import MapperConfig
from mapper.slam.mapper import Mapper
from tests.support.room_views import Room


def test_every_thread_is_told_and_the_end_apart(
    room: Room, capsys: pytest.CaptureFixture[str]
) -> None:
    clocks = Clocks()
    with clocked(clocks), Mapper(MapperConfig(matcher="orb")) as mapper:
        for index in range(3):
            mapper.step(room.frame(index))
        mapper.finish()
    assert set(clocks.seconds) >= {"main", "mapper-backend"}
    assert all(seconds > 0 for seconds in clocks.seconds.values()) and clocks.settling > 0
    report(clocks, 3)
    assert "| mapper-backend |" in capsys.readouterr().out
