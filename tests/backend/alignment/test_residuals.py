"""Residuals have the derivatives that they say, and what is unknown costs the most."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from mapper.backend.alignment.geometry import Pairs, Picked, State, carry
from mapper.backend.alignment.matching import Matches, compared_at, ends_of
from mapper.backend.alignment.residuals import Weighting, linearise
from mapper.backend.alignment.similarities import POSE
from mapper.backend.alignment.views import Views
from mapper.core.sim3 import similarity
from tests.support.plane_views import moved, nudged, plane_map, state_of, views_of

# A kernel so wide that it weighs nothing: the derivatives are those of the residuals.
PIXEL = Weighting(pixel_sigma=1.0, depth_sigma=0.02, kernel_scale=1e9, ray=False)
RAY = replace(PIXEL, ray=True)
STEP = 1e-6
PAIR = Pairs(torch.tensor([0]), torch.tensor([1]))
Scene = tuple[Views, State]


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Two cameras of one plane, a few pixels and per cent off, one scaled by 1.04; in double.

    The residuals cast to float32, where 1e-6 of 80 pixels is 1e-4, and a difference quotient
    shows two digits. In double throughout it shows five, and a wrong term cannot hide.
    """
    poses = [moved(0.05, 0.02, yaw=0.03), moved(-0.1, 0.04, 0.06, pitch=0.04, roll=0.1)]
    poses[1][:3, :3] *= 1.04
    views = in_double(views_of([plane_map(moved()), plane_map(moved(-0.1, roll=0.1))]))
    grids = torch.from_numpy(np.random.default_rng(2).normal(0, 0.02, (2, 12)))
    log_focal = torch.tensor(0.03, dtype=torch.float64)
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    return views, replace(state_of(poses), grids=grids, log_focal=log_focal)


def in_double(views: Views) -> Views:
    """Log depths linear over the image: their bilinear slope is the same at every scale."""
    v, u = torch.meshgrid(
        torch.arange(120, dtype=torch.float64),
        torch.arange(160, dtype=torch.float64),
        indexing="ij",
    )
    linear = (np.log(2.0) + 4e-4 * u - 7e-4 * v)[None, None].expand(2, 1, 120, 160)
    tensors = {
        f.name: getattr(views, f.name).double()
        for f in fields(Views)
        if f.name not in ("images", "patches", "is_corner", "grid")
    }
    linear = linear.contiguous()
    return replace(views, **{**tensors, "log_depth": linear, "filled_log_depth": linear})


def matches_of(views: Views, state: State, found: bool) -> Matches:
    """Samples of the first view in the second; the found ones about where they project.

    At the very border the slope of the surface, over four pixels, is cut short: none from there.
    """
    m = torch.nonzero(torch.isfinite(views.sample_log_depth[0]))[:, 0]
    pixels = carry(views, state, Picked(PAIR, 0 * m, m)).pixels
    u, v = pixels.T
    well_inside = (u > 3) & (v > 3) & (u < 156) & (v < 116)
    m, pixels = m[well_inside], pixels[well_inside]
    generator = torch.Generator().manual_seed(3)
    noise = torch.randn(pixels.shape, generator=generator, dtype=pixels.dtype)
    last = pixels.new_tensor([157.0, 117.0])
    pixels = (pixels + 2 * noise).clamp(min=2).minimum(last)
    picked, recognised = Picked(PAIR, 0 * m, m), torch.full(m.shape, found)
    matches = Matches(picked, pixels, recognised, recognised, ends_of(picked))
    return compared_at(views, state, matches)


def changed(state: State, change: torch.Tensor) -> State:
    """The state moved by change (2 (7 + G) + 1,): of view 0, of view 1, of the log focal length."""
    step = change[:-1].reshape(2, -1)
    return State(
        nudged(state.S_world_view, step[:, :POSE]),
        state.grids + step[:, POSE:],
        state.log_focal + change[-1],
    )


def compare(views: Views, state: State, matches: Matches, weighting: Weighting) -> None:
    """Every derivative against pypose's and torch's own of the same residuals."""

    def residual(change: torch.Tensor) -> torch.Tensor:
        return linearise(views, changed(state, change), matches, weighting).residual

    start = torch.zeros(2 * (POSE + views.grid.nodes) + 1, dtype=torch.float64)
    expected = torch.autograd.functional.jacobian(residual, start)
    terms = linearise(views, state, matches, weighting)
    known = terms.weight > 0
    assert known[:, -1].sum() > 60
    found = torch.cat((terms.J_i, terms.J_j, terms.J_focal[..., None]), -1)
    # Both in double: of derivatives up to 1e3, what sums of a dozen products lose.
    torch.testing.assert_close(found[known], expected[known], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("weighting", [PIXEL, RAY], ids=["pixel", "ray"])
def test_derivatives_of_what_was_found(double: Scene, weighting: Weighting) -> None:
    views, state = double
    matches = matches_of(views, state, True)
    terms = linearise(views, state, matches, weighting)
    assert (terms.weight[:, 0] > 0).sum() > 60 and terms.residual.abs().median() > 0.1
    compare(views, state, matches, weighting)


@pytest.mark.parametrize("weighting", [PIXEL, RAY], ids=["pixel", "ray"])
def test_derivatives_of_a_depth_that_slides_along_the_surface(
    double: Scene, weighting: Weighting
) -> None:
    """Corrections are constant here; see below for one that bends."""
    views, state = double
    grids = torch.tensor([0.02, -0.01], dtype=torch.float64)[:, None].expand(2, 12)
    state = replace(state, grids=grids)
    compare(views, state, matches_of(views, state, False), weighting)


def test_what_slides_leaves_out_only_the_slope_of_the_correction(double: Scene) -> None:
    """Up to 0.04 a third of the image, of log depth: small beside the surface's own slopes."""
    views, state = double
    matches = matches_of(views, state, False)
    terms = linearise(views, state, matches, PIXEL)
    along_x = torch.zeros(2 * (POSE + views.grid.nodes) + 1, dtype=torch.float64)
    along_x[3] = STEP
    ahead, behind = (
        linearise(views, changed(state, x), matches, PIXEL) for x in (along_x, -along_x)
    )
    known = terms.weight[:, -1] > 0
    quotient = (ahead.residual - behind.residual)[known, -1] / (2 * STEP)
    left_out = (quotient - terms.J_i[known, -1, 3]).abs() * PIXEL.depth_sigma
    span = float(state.grids[1].reshape(3, 4).diff(dim=1).abs().max()) * 3  # a width
    assert left_out.max() < 1.1 * span / 159 * 155 / 1.7  # times pixels a unit, fx / z


def test_unknown_residuals_cost_the_kernels_maximum() -> None:
    views = views_of([plane_map(moved()), plane_map(moved())])
    away = state_of([moved(), moved(yaw=np.pi)])  # nothing of the one is in the other
    matches = matches_of(views, state_of([moved(), moved()]), True)
    weighting = replace(PIXEL, kernel_scale=3.0)
    lost = linearise(views, away, matches, weighting)
    assert not lost.weight.any() and not lost.residual.any()
    assert not lost.J_i.any() and not lost.J_j.any() and not lost.J_focal.any()
    # All confidences are alike: trust is 1, and place and depth each cost half of c^2.
    assert lost.cost == pytest.approx(2 * 0.5 * 9.0 * len(matches.found), rel=1e-5)
    seen = linearise(views, state_of([moved(), moved()]), matches, weighting)
    assert seen.cost < 0.5 * lost.cost


def test_what_was_found_counts_wherever_it_appears() -> None:
    """Pushed past the image's edge, its cost goes on as it was: a jump there stops the steps."""
    views = views_of([plane_map(moved()), plane_map(moved())])
    matches = matches_of(views, state_of([moved(), moved()]), True)
    costs, beyond = [], []
    for yaw in np.linspace(0.0, 0.12, 241):
        state = state_of([moved(), moved(yaw=yaw)])
        pixels = carry(views, state, matches.picked).pixels
        costs.append(float(linearise(views, state, matches, PIXEL).cost) / 1e4)
        beyond.append(int(((pixels[:, 0] < 1) | (pixels[:, 0] > 158)).sum()))
    assert beyond[0] == 0 and beyond[-1] > 5
    # A smooth curve: its second difference is everywhere about the same.
    assert np.abs(np.diff(costs, 3)).max() < 0.1 * np.abs(np.diff(costs, 2)).max()


def test_the_cost_has_no_jumps_where_depths_leave_the_image_or_cross_a_hole() -> None:
    """They are compared on, as with the nearest depth there is; each coming or going would be a
    jump of half of c^2, and steps would be refused for it."""
    holed = plane_map(moved())
    holed.depth[40:60, 60:90] = 0
    views = views_of([plane_map(moved()), holed])
    matches = matches_of(views, state_of([moved(), moved()]), False)
    weighting = replace(PIXEL, kernel_scale=3.0)
    costs, gone = [], []
    for yaw in np.linspace(0.0, 0.12, 401):
        state = state_of([moved(), moved(yaw=yaw)])
        costs.append(float(linearise(views, state, matches, weighting).cost))
        gone.append(compared_at(views, state, matches).same_surface)
    left = torch.stack(gone)[:, matches.same_surface]
    assert left[0].all() and (~left).any(0).sum() > 15
    assert np.abs(np.diff(costs)).max() < 0.2 * 0.5 * 9.0


def test_what_is_compared_is_what_can_be_seen_from_there() -> None:
    far = plane_map(moved())
    far.depth[:, :80] *= np.float32(1.5)  # e^0.4: another surface
    views = views_of([plane_map(moved()), far])
    here, away = state_of([moved(), moved()]), state_of([moved(), moved(yaw=np.pi)])
    matches = matches_of(views, here, False)
    columns = matches.pixels[:, 0]
    assert matches.same_surface[columns > 82].all() and (columns > 82).sum() > 30
    assert not matches.same_surface[columns < 77].any() and (columns < 77).sum() > 30
    # The first view's points, one and a half times as far.
    larger = state_of([similarity(1.5, moved()), moved()])
    then = compared_at(views, larger, matches)
    assert then.same_surface[columns < 77].all()
    assert not then.same_surface[columns > 82].any()
    assert not compared_at(views, away, matches).same_surface.any()


def test_no_residual_costs_more_than_one_that_is_unknown() -> None:
    views = views_of([plane_map(moved()), plane_map(moved())])
    here = state_of([moved(), moved()])
    matches = matches_of(views, here, True)
    far = replace(matches, pixels=(matches.pixels + 40).clamp(3, 116))
    terms = linearise(views, here, far, replace(PIXEL, kernel_scale=3.0))
    assert 0.5 * 9.0 * len(far.found) * 0.8 < terms.cost < 2 * 0.5 * 9.0 * len(far.found)
    assert terms.weight[:, 0].max() < 0.9


def test_depths_of_another_surface_are_not_compared() -> None:
    far = plane_map(moved())
    far.depth *= np.float32(1.5)
    views = views_of([plane_map(moved()), far])
    here = state_of([moved(), moved()])
    matches = matches_of(views, here, True)
    terms = linearise(views, here, matches, PIXEL)
    assert not terms.weight[:, -1].any() and terms.weight[:, 0].any()


def test_little_confidence_counts_little() -> None:
    """The geometric mean of both: 1 and 0.49 weigh 0.7."""
    doubtful = plane_map(moved())
    doubtful.weight[:50] = 0.49
    views = views_of([plane_map(moved()), doubtful])
    here = state_of([moved(), moved()])
    matches = matches_of(views, here, True)
    exact = carry(views, here, matches.picked).pixels
    terms = linearise(views, here, replace(matches, pixels=exact), PIXEL)
    upper = exact[:, 1] < 48
    known = terms.weight[:, 0] > 0
    torch.testing.assert_close(
        terms.weight[upper & known], torch.full_like(terms.weight[upper & known], 0.7)
    )
    lower = terms.weight[(exact[:, 1] > 51) & known]
    torch.testing.assert_close(lower, torch.ones_like(lower))
