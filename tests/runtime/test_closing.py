"""What is closed at the end of its `with` block."""

from __future__ import annotations

import pytest

from mapper.runtime.closing import Closing


class Held(Closing):
    """Counts how often it was closed."""

    closed = 0

    def close(self) -> None:
        self.closed += 1


def test_it_is_closed_once_and_an_error_goes_on() -> None:
    with Held() as held:
        assert held.closed == 0
    assert held.closed == 1
    failing = Held()
    with pytest.raises(KeyError), failing:
        raise KeyError
    assert failing.closed == 1


def test_whoever_does_not_say_how_to_close_cannot_be_made() -> None:
    class Open(Closing):
        """Forgets it."""

    with pytest.raises(TypeError, match="close"):
        Open()  # type: ignore[abstract]
