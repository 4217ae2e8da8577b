"""Keyframes by their ids, without a dictionary that would be made anew for each of them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence

from mapper.backend.keyframes.keyframe import Keyframe


class ById(Mapping[int, Keyframe]):
    """A view of keyframes whose ids ascend, though some may be missing."""

    def __init__(self, keyframes: Sequence[Keyframe]) -> None:
        self._keyframes = keyframes

    def __getitem__(self, keyframe_id: int) -> Keyframe:
        at = bisect_left(self._keyframes, keyframe_id, key=lambda keyframe: keyframe.id)
        if at == len(self._keyframes) or self._keyframes[at].id != keyframe_id:
            raise KeyError(keyframe_id)
        return self._keyframes[at]

    def __iter__(self) -> Iterator[int]:
        return (keyframe.id for keyframe in self._keyframes)

    def __len__(self) -> int:
        return len(self._keyframes)
