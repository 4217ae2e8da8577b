"""Cells of space as sorted keys: there and back, who is beside whom, what hangs together."""

from __future__ import annotations

import numpy as np

from mapper.backend.moving.cells import (
    components,
    coordinates_of,
    keys_of,
    neighbours,
    packed,
    rows_in,
)


def test_a_key_tells_its_cell_on_both_sides_of_the_origin() -> None:
    points = np.array([[-0.01, 0.05, 3.99], [-100.0, 0.0, 17.3], [1e4, -1e4, 0.0]])
    assert coordinates_of(keys_of(points, 0.04)).tolist() == [
        [-1, 1, 99],
        [-2500, 0, 432],
        [250000, -250000, 0],
    ]


def test_keys_are_found_among_sorted_ones_or_not() -> None:
    known = np.array([3, 7, 9])
    assert rows_in(known, np.array([9, 4, 3, 11])).tolist() == [2, -1, 0, -1]
    assert rows_in(known[:0], np.array([9])).tolist() == [-1]


def test_cells_touch_at_sides_edges_and_corners() -> None:
    cells = np.array([[0, 0, 0], [1, 1, 1], [0, 0, 2], [5, 0, 0], [5, -1, 0]])
    known = np.sort(packed(cells))
    i, j = neighbours(known)
    pairs = {
        frozenset(map(tuple, coordinates_of(known[[a, b]]).tolist()))
        for a, b in zip(i, j, strict=True)
    }
    assert pairs == {
        frozenset({(0, 0, 0), (1, 1, 1)}),
        frozenset({(0, 0, 2), (1, 1, 1)}),
        frozenset({(5, 0, 0), (5, -1, 0)}),
    }
    count, part = components(known)
    assert count == 2 and np.bincount(part).tolist() in ([3, 2], [2, 3])
