"""A fault of one image is no reason to end a run that lasts; many in a row are."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, TypeVar

from mapper.errors import InputError, MapperError

T = TypeVar("T")
logger = logging.getLogger(__name__)

MOST: Final = 30  # faults in a row: a second of a camera
NAMED: Final = 3  # in the log


def told(error: BaseException) -> str:
    """Any exception in a few words of one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}".rstrip(": ")


class Patience:
    """Forgives whatever is raised for single images.

    what: went wrong, in words. most: faults in a row; 0 = none is forgiven.
    """

    def __init__(self, what: str, most: int = MOST) -> None:
        self.forgiven = 0
        self._what = what
        self._most = most
        self._in_a_row = 0

    def attempt(self, call: Callable[[], T]) -> T | None:
        """What call() gives; None where it fails and is forgiven. A MapperError never is."""
        try:
            result = call()
        except MapperError:
            raise
        except Exception as error:
            if not self._most:
                raise
            self.forgive(error)
            return None
        self.well()
        return result

    def forgive(self, error: Exception) -> None:
        """Note a fault; InputError where there were `most` in a row."""
        self._in_a_row += 1
        if self._in_a_row >= self._most:
            raise InputError(
                f"{self._what}, {self._in_a_row} times in a row ({told(error)})"
            ) from error
        self.forgiven += 1
        if self.forgiven <= NAMED:
            logger.warning("%s (%s); going on", self._what, told(error))
            logger.debug("where", exc_info=error)

    def well(self) -> None:
        """All is well again."""
        self._in_a_row = 0
