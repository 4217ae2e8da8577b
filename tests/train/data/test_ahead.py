"""Batches that threads read ahead are the same ones in the same order."""

from __future__ import annotations

from itertools import islice

import pytest

from mapper.train.data.ahead import read_ahead


class Numbers:
    """Stands for batches: each is its number; those asked for are noted."""

    def __init__(self, broken: int = -1) -> None:
        self.asked: list[int] = []
        self._broken = broken

    def __getitem__(self, number: int) -> int:
        self.asked.append(number)
        if number == self._broken:
            raise ValueError(f"batch {number}")
        return number


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_the_order_is_that_of_the_numbers(workers: int) -> None:
    batches = Numbers()
    found = list(read_ahead(batches, range(5, 25), workers))  # type: ignore[arg-type]
    assert found == sorted(batches.asked) == list(range(5, 25))


@pytest.mark.parametrize(("workers", "most"), [(0, 3), (2, 5)])
def test_no_more_is_read_than_there_are_threads(workers: int, most: int) -> None:
    batches = Numbers()
    ahead = read_ahead(batches, range(1000), workers)  # type: ignore[arg-type]
    assert list(islice(ahead, 3)) == [0, 1, 2]
    ahead.close()
    assert 3 <= len(batches.asked) <= most


def test_an_error_comes_where_its_batch_is_due() -> None:
    ahead = read_ahead(Numbers(broken=2), range(9), 3)  # type: ignore[arg-type]
    assert [next(ahead), next(ahead)] == [0, 1]
    with pytest.raises(ValueError, match="batch 2"):
        next(ahead)
