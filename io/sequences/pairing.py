"""Which depth image belongs to which colour image: by name, by time, or by order."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from mapper.errors import InputError

ASSOCIATION_TOLERANCE: Final = 0.02  # seconds between a colour image and its depth
MIN_SHARE: Final = 0.25  # of the images, that must find a partner; fewer agree by chance

_WORDS: Final = re.compile(r"[a-z]+|\d+")
# Say what an image shows, not when it was taken.
_COLOR_WORDS: Final = {"rgb", "rgba", "bgr", "color", "colour", "col", "image", "images", "img"}
_DEPTH_WORDS: Final = {"depth", "depths", "depthmap"}
_VIEW_WORDS: Final = {"photo", "frame", "left", "cam", "camera", "raw", "rect", "aligned", "to"}
_ROLES: Final = frozenset(
    _COLOR_WORDS | _DEPTH_WORDS | _VIEW_WORDS | {"registered", "proj", "d", "z", "disparity"}
)
_TIME: Final = re.compile(r"(\d+)\.(\d+)|(?<!\d)(\d{13}|\d{16}|\d{19})(?!\d)")
_TICKS: Final = {13: 10**3, 16: 10**6, 19: 10**9}  # a second, by how many digits the time has


@dataclass(frozen=True, slots=True)
class Pairs:
    """color, depth: int (M,), the rows of the lists that belong together, in the order of colour.

    how: "name", "time" or "order". lonely_color, lonely_depth: rows without a partner.
    """

    color: np.ndarray
    depth: np.ndarray
    how: str
    lonely_color: np.ndarray
    lonely_depth: np.ndarray


def pair_files(color: list[Path], depth: list[Path]) -> Pairs:
    """Pairs of colour and depth images by the names of their files.

    The same name, less words like `rgb` and `depth`; else the same number in it; else the nearest
    time in seconds, ms, us or ns, if the names are times; else, of equally many, the order.
    """
    candidates = [
        (_by_key(color, depth, _plain_name), "name"),
        (_by_key(color, depth, _last_number), "name"),
        (_by_time(color, depth), "time"),
    ]
    best, how = max(candidates, key=lambda candidate: len(candidate[0]))
    if len(best) >= MIN_SHARE * min(len(color), len(depth)):
        return _pairs(best, how, len(color), len(depth))
    times = times_in_names(color), times_in_names(depth)
    if len(color) == len(depth) and (times[0] is None or times[1] is None):
        in_order = np.repeat(np.arange(len(color))[:, None], 2, axis=1)
        return _pairs(in_order, "order", len(color), len(depth))
    raise InputError(
        f"{depth[0].parent}: {len(depth)} depth images for {len(color)} colour images, and neither "
        f"names nor times tell which belong together; {color[0].name} has no partner"
    )


def pair_times(color_times: np.ndarray, depth_times: np.ndarray) -> Pairs:
    """Pairs of increasing times (N,), (K,), seconds, at most ASSOCIATION_TOLERANCE apart."""
    pairs = associate(color_times, depth_times, ASSOCIATION_TOLERANCE)
    return _pairs(pairs, "time", len(color_times), len(depth_times))


def associate(times_a: np.ndarray, times_b: np.ndarray, tolerance: float) -> np.ndarray:
    """int (M, 2): one-to-one pairs of increasing times (N,), (K,) at most `tolerance` apart.

    The closest pair is taken first, then the closest of the rest, and so on; sorted by time.
    """
    first = np.searchsorted(times_b, times_a - tolerance, "left")
    behind = np.searchsorted(times_b, times_a + tolerance, "right")
    rows = np.repeat(np.arange(len(times_a)), behind - first)
    columns = [np.arange(*bounds) for bounds in zip(first, behind, strict=True)]
    candidates = np.column_stack([rows, np.concatenate(columns or [np.empty(0, int)])])
    gaps = np.abs(times_a[candidates[:, 0]] - times_b[candidates[:, 1]])
    used_a, used_b, pairs = set(), set(), []
    for i, j in candidates[np.argsort(gaps, kind="stable")].tolist():
        if i not in used_a and j not in used_b:
            used_a.add(i)
            used_b.add(j)
            pairs.append((i, j))
    return np.array(sorted(pairs), int).reshape(-1, 2)


def times_in_names(paths: list[Path]) -> np.ndarray | None:
    """Seconds (N,) that the names of all files say, as a fraction or in ms, us or ns; or None."""
    found = [_TIME.search(path.stem) for path in paths]
    times = [_seconds(match) for match in found if match]
    return np.array(times) if len(times) == len(paths) else None


def is_named_depth(path: Path) -> bool:
    """Whether a file's name, or that of its folder, says that it is depth."""
    words = _WORDS.findall(f"{path.parent.name} {path.stem}".lower())
    return not _DEPTH_WORDS.isdisjoint(words)


def pairing_notes(pairs: Pairs) -> tuple[str, ...]:
    """Sentences about images without a partner, and about pairs that may be none."""
    where = f"within {ASSOCIATION_TOLERANCE} s" if pairs.how == "time" else "of their name"
    parts = [
        f"{len(lonely)} of {len(lonely) + len(pairs.color)} {what} images have no {other} {where}"
        for lonely, what, other in (
            (pairs.lonely_color, "colour", "depth"),
            (pairs.lonely_depth, "depth", "colour"),
        )
        if len(lonely)
    ]
    notes = [f"{', '.join(parts)}: left out"] if parts else []
    if pairs.how == "order":
        notes.append("colour and depth are matched by their order, as their names do not tell")
    return tuple(notes)


def _pairs(pairs: np.ndarray, how: str, color_count: int, depth_count: int) -> Pairs:
    lonely_color = np.setdiff1d(np.arange(color_count), pairs[:, 0])
    lonely_depth = np.setdiff1d(np.arange(depth_count), pairs[:, 1])
    return Pairs(pairs[:, 0], pairs[:, 1], how, lonely_color, lonely_depth)


def _by_key(
    color: list[Path], depth: list[Path], key: Callable[[Path], Hashable | None]
) -> np.ndarray:
    """int (M, 2) of files with one key, which must be theirs alone in each list."""
    places = _unique_keys(depth, key)
    found = [(i, places[k]) for k, i in _unique_keys(color, key).items() if k in places]
    return np.array(sorted(found), int).reshape(-1, 2)


def _unique_keys(paths: list[Path], key: Callable[[Path], Hashable | None]) -> dict[Hashable, int]:
    keys = [key(path) for path in paths]
    counts = Counter(keys)
    return {k: i for i, k in enumerate(keys) if k is not None and counts[k] == 1}


def _plain_name(path: Path) -> Hashable | None:
    """The words and numbers of a name, without those that tell colour from depth."""
    words = [word for word in _WORDS.findall(path.stem.lower()) if word not in _ROLES]
    return tuple(words) or None


def _last_number(path: Path) -> int | None:
    numbers = re.findall(r"\d+", path.stem)
    return int(numbers[-1]) if len(numbers) == 1 else None


def _by_time(color: list[Path], depth: list[Path]) -> np.ndarray:
    times = times_in_names(color), times_in_names(depth)
    if times[0] is None or times[1] is None:
        return np.empty((0, 2), int)
    order = np.argsort(times[0], kind="stable"), np.argsort(times[1], kind="stable")
    pairs = associate(times[0][order[0]], times[1][order[1]], ASSOCIATION_TOLERANCE)
    pairs = np.column_stack([order[0][pairs[:, 0]], order[1][pairs[:, 1]]])
    return pairs[np.argsort(pairs[:, 0])]


def _seconds(found: re.Match[str]) -> float:
    whole, fraction, ticks = found.groups()
    if ticks is None:
        return float(f"{whole}.{fraction}")
    return int(ticks) / _TICKS[len(ticks)]
