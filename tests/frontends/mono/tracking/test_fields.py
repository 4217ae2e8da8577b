"""Interlaced images are told from others, and one of their two moments is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mapper.frontends.mono.tracking.fields import is_combed, one_field
from mapper.io.sequences.open_sequence import open_sequence


@pytest.fixture(scope="module")
def images(sample: Path) -> list[np.ndarray]:
    walk = open_sequence(sample)
    return [walk[k].image for k in (60, 63)]


def interlaced(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    both = first.copy()
    both[1::2] = second[1::2]
    return both


def test_image_of_one_moment_stays_as_it_is(images: list[np.ndarray]) -> None:
    assert not is_combed(images[0])
    assert one_field(images[0]) is images[0]
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    assert not is_combed(noise) and not is_combed(np.zeros((240, 320, 3), np.uint8))


@pytest.mark.parametrize("height", [240, 239])
def test_of_two_moments_the_first_is_kept(images: list[np.ndarray], height: int) -> None:
    first, second = (image[:height] for image in images)
    both = interlaced(first, second)
    assert is_combed(both)
    single = one_field(both)
    assert np.array_equal(single[::2], first[::2])
    off = np.abs(single.astype(int) - first).mean()
    assert off < 0.5 * np.abs(both.astype(int) - first).mean()
