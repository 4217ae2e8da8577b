"""Keyframes are found by their ids though some are missing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mapper.backend.keyframes.by_id import ById


def test_ids_that_are_missing_are_missing() -> None:
    keyframes: Any = [SimpleNamespace(id=k) for k in (0, 1, 4, 9)]
    found = ById(keyframes)
    assert all(found[k].id == k for k in (0, 1, 4, 9))
    assert list(found) == [0, 1, 4, 9] and len(found) == 4
    for missing in (-1, 2, 8, 10):
        assert missing not in found
        with pytest.raises(KeyError):
            found[missing]
