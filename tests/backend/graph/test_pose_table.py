"""A table of poses answers as a dictionary and a look at all of them would."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.backend.graph.pose_table import FIRST_ROOM, PoseTable, World


def at(x: float) -> np.ndarray:
    S = np.eye(4)
    S[0, 3] = x
    return S


def near(poses: PoseTable | World, x: float, reach: float) -> list[int]:
    ids, S = poses.near(np.array([x, 0.0, 0.0]), reach)
    np.testing.assert_array_equal(S, np.array([poses[k] for k in ids.tolist()]).reshape(-1, 4, 4))
    return sorted(ids.tolist())


def test_it_is_a_mapping_in_the_order_of_coming() -> None:
    table = PoseTable({7: at(1.0), 3: at(2.0)})
    table[5] = at(3.0)
    table[7] = at(4.0)
    assert list(table) == [7, 3, 5] and len(table) == 3 and 4 not in table
    assert [S[0, 3] for S in table.values()] == [4.0, 2.0, 3.0]
    del table[3]
    assert list(table.items())[-1][0] == 5 and 3 not in table
    with pytest.raises(KeyError):
        del table[3]


def test_those_near_a_place_are_found_wherever_they_went() -> None:
    """Against a look at each; keyframes come, move and go, and more than there is room at first."""
    rng, table, plain = np.random.default_rng(0), PoseTable(), dict[int, np.ndarray]()
    for k in range(3 * FIRST_ROOM):
        plain[k] = table[k] = at(rng.uniform(0, 100))
        moved = int(rng.choice(list(plain)))
        plain[moved] = table[moved] = at(rng.uniform(0, 100))
        if k % 3 == 0 and k:
            gone = int(rng.choice(list(plain)))
            del plain[gone], table[gone]
    for x in (10.0, 50.0, 99.0):
        expected = sorted(k for k, S in plain.items() if abs(S[0, 3] - x) < 3.0)
        assert near(table, x, 3.0) == expected and expected


def test_just_at_reach_is_out_of_it() -> None:
    assert near(PoseTable({0: at(1.0)}), 0.0, 1.0) == []


def test_the_newest_are_those_that_came_last() -> None:
    table = PoseTable({k: at(0.0) for k in range(5)})
    table[0] = at(1.0)
    assert table.newest(2) == [3, 4] and table.newest(9) == [0, 1, 2, 3, 4]


def test_it_knows_which_were_set_since_a_moment() -> None:
    table = PoseTable({k: at(0.0) for k in range(5)})
    moment = table.moment
    assert table.set_since(moment) == []
    for k in (4, 1, 4, 2):
        table[k] = at(1.0)
    del table[1]
    assert table.set_since(moment) == [2, 4]
    assert sorted(table.set_since(0)) == [0, 2, 3, 4]


def test_a_world_shows_its_own_keyframes_alone_as_they_are_now() -> None:
    table, root_of = PoseTable({k: at(k) for k in range(4)}), {0: 0, 1: 1, 2: 0, 3: 1}
    world = World(table, root_of, 1)
    assert list(world) == [1, 3] and len(world) == 2 and 0 not in world
    assert near(world, 1.0, 1.5) == [1] and near(table, 1.0, 1.5) == [0, 1, 2]
    with pytest.raises(KeyError):
        world[0]
    table[0], root_of[0] = at(5.0), 1
    assert world[0][0, 3] == 5.0


def test_a_table_is_not_made_of_one() -> None:
    table = PoseTable({0: at(0.0)})
    assert PoseTable.of(table) is table
    made = PoseTable.of({0: at(2.0)})
    assert isinstance(made, PoseTable) and made[0][0, 3] == 2.0
