"""How sure a model of few photographs is, and what becomes of one that is not."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.core.frame import Frame
from mapper.frontends.mono.geometry.lens import Lens
from mapper.frontends.mono.mapping.firmness import UNSURE
from mapper.frontends.sfm import frontend as frontend_module
from mapper.frontends.sfm.frontend import SfmFrontend
from mapper.frontends.sfm.reconstruction import (
    PlacedPhotograph,
    Reconstruction,
    model_uncertainty,
)
from tests.support.sparse_scene import LENS, pixels_of, sparse_scene


def model(views: int, count: int, noise: float) -> tuple[Lens, dict[int, PlacedPhotograph]]:
    """Photographs that all see all points, a tenth of a unit apart, pixels off by noise."""
    made, rng = sparse_scene(views=views, count=count), np.random.default_rng(3)
    placed = {}
    for place, T in enumerate(made.poses):
        order = rng.permutation(count)  # each image names its points in its own order
        pixels = pixels_of(LENS, T, made.points[order]) + noise * rng.standard_normal((count, 2))
        placed[place] = PlacedPhotograph(T, 7 + order, made.points[order], pixels)
    return LENS, placed


def test_many_photographs_with_many_points_are_sure() -> None:
    assert model_uncertainty(*model(8, 200, 0.3), 0.3, False) < UNSURE


def test_three_photographs_with_few_points_are_not() -> None:
    few = model_uncertainty(*model(3, 20, 1.5), 1.5, False)
    assert few > UNSURE
    assert model_uncertainty(*model(3, 20, 1.5), 1.5, True) < few  # the camera is given


def test_a_model_that_is_not_sure_is_refused_in_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pycolmap", reason="the extra sfm is not installed")
    lens, placed = model(3, 20, 1.5)
    found = Reconstruction(placed, lens, 3, 10, 1.5, 1, 0.2)
    monkeypatch.setattr(frontend_module, "reconstruct", lambda photographs, config: found)
    frontend = SfmFrontend()
    for index in range(5):
        image = np.full((480, 640, 3), 40 * index, np.uint8)
        frontend.step(Frame(index=index, timestamp=float(index), image=image))
    assert frontend.flush() == [] and frontend.recovered == -5
    assert "3 of 5 images could be placed, but only to 20%" in frontend.explain()
