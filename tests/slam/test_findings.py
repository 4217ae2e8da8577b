"""What moved, as the metrics have it."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from mapper.backend.backend import Backend
from mapper.backend.config import BackendConfig
from mapper.backend.moving.finding import MovedThing, Moving
from mapper.core.trajectory import Trajectory
from mapper.slam.findings import moved

THING = MovedThing((3, 4), 1001.0, 1002.5, 1004.0, np.ones(3), np.array([0.1, 0.2, 0.3]), 0.5)
WALK = Trajectory(np.array([1000.0, 1010.0]), np.tile(np.eye(4), (2, 1, 1)))


def backend(dynamic: Literal["off", "remove", "keep"]) -> Backend:
    made = Backend(replace(BackendConfig(), dynamic=dynamic))
    made.moving = Moving([THING])
    return made


@pytest.mark.parametrize("dynamic", ["remove", "keep"])
def test_times_are_counted_from_the_first_frame(dynamic: Literal["remove", "keep"]) -> None:
    told = moved(backend(dynamic), WALK)["moving"]
    assert told["removed"] == (dynamic == "remove")
    (thing,) = told["things"]
    assert (thing["seen_from_s"], thing["seen_until_s"], thing["gone_by_s"]) == (1.0, 2.5, 4.0)
    assert thing["keyframes"] == [3, 4] and thing["size"] == [0.1, 0.2, 0.3]


def test_nothing_is_said_where_nobody_looked() -> None:
    assert moved(backend("off"), WALK) == {}
