"""What all sequences do alike: frames by number, in any order or one after the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from mapper.core.frame import Frame


class NumberedFrames(ABC):
    """Counts its frames and makes one; see mapper.io.sequences.sequence.Sequence for the rest."""

    __slots__ = ()

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def _frame(self, index: int) -> Frame:
        """The frame of a number that there is."""

    def __getitem__(self, index: int) -> Frame:
        if not 0 <= index < len(self):
            raise IndexError(f"frame {index} of {len(self)}")
        return self._frame(index)

    def __iter__(self) -> Iterator[Frame]:
        return (self[index] for index in range(len(self)))
