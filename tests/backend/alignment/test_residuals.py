"""Residuals have the derivatives that they say, and what is unknown costs the most."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial

import numpy as np
import pytest
import torch

from mapper.backend.alignment.geometry import Picked, State, carry
from mapper.backend.alignment.matching import Matches, compared_at
from mapper.backend.alignment.residuals import POSE, Linearised, Weighting, linearise
from mapper.backend.alignment.views import Views
from mapper.core.sim3 import exp_sim3
from tests.support.plane_views import LAYOUT, moved, plane_map, state_of, views_of

# A kernel so wide that it weighs nothing: the derivatives are those of the residuals.
PIXEL = Weighting(pixel_sigma=1.0, depth_sigma=0.02, kernel_scale=1e9, ray=False)
RAY = replace(PIXEL, ray=True)
STEP = 1e-6
Change = Callable[[State, float], State]


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
        if f.name not in ("images", "patches", "is_corner")
    }
    linear = linear.contiguous()
    return replace(views, **{**tensors, "log_depth": linear, "filled_log_depth": linear})


def matches_of(views: Views, state: State, found: bool) -> Matches:
    """Samples of the first view in the second; the found ones about where they project.

    At the very border the slope of the surface, over four pixels, is cut short: none from there.
    """
    m = torch.nonzero(torch.isfinite(views.sample_log_depth[0]))[:, 0]
    pixels = carry(views, state, Picked(0 * m, 0 * m + 1, m), LAYOUT).pixels
    u, v = pixels.T
    well_inside = (u > 3) & (v > 3) & (u < 156) & (v < 116)
    m, pixels = m[well_inside], pixels[well_inside]
    generator = torch.Generator().manual_seed(3)
    noise = torch.randn(pixels.shape, generator=generator, dtype=pixels.dtype)
    last = pixels.new_tensor([157.0, 117.0])
    pixels = (pixels + 2 * noise).clamp(min=2).minimum(last)
    picked, recognised = Picked(0 * m, 0 * m + 1, m), torch.full(m.shape, found)
    return compared_at(views, state, Matches(0 * m, picked, pixels, recognised, recognised), LAYOUT)


def posed(row: int, axis: int) -> Change:
    def change(state: State, step: float) -> State:
        S = state.S.clone()
        S[row] = S[row] @ torch.from_numpy(exp_sim3(step * np.eye(POSE)[axis]))
        return replace(state, S=S)

    return change


def corrected(row: int, node: int) -> Change:
    def change(state: State, step: float) -> State:
        grids = state.grids.clone()
        grids[row, node] += step
        return replace(state, grids=grids)

    return change


def zoomed(state: State, step: float) -> State:
    return replace(state, log_focal=state.log_focal + step)


def compare(views: Views, state: State, matches: Matches, weighting: Weighting) -> None:
    """Every derivative against central differences, on the residuals that are known throughout."""

    def at(changed: State) -> Linearised:
        return linearise(views, changed, matches, LAYOUT, weighting)

    analytic = at(state)
    size = POSE + LAYOUT.columns * LAYOUT.rows
    columns: list[tuple[str, Change, torch.Tensor]] = [("focal", zoomed, analytic.J_focal)]
    for row, J in enumerate((analytic.J_i, analytic.J_j)):
        for k in range(size):
            change = posed(row, k) if k < POSE else corrected(row, k - POSE)
            columns.append((f"view {row}, variable {k}", change, J[..., k]))
    for name, change, J in columns:
        ahead, behind = at(change(state, STEP)), at(change(state, -STEP))
        known = (analytic.weight > 0) & (ahead.weight > 0) & (behind.weight > 0)
        assert known[:, -1].sum() > 60
        quotient = (ahead.residual - behind.residual) / (2 * STEP)
        # Residuals reach 1e2 and steps are 1e-6: 1e-16 of one over the other is 1e-8; what the
        # quotient itself leaves out is of the order of the step squared times 1e4.
        torch.testing.assert_close(
            J[known], quotient[known], rtol=1e-5, atol=1e-4, msg=partial("{}: {}".format, name)
        )


@pytest.mark.parametrize("weighting", [PIXEL, RAY], ids=["pixel", "ray"])
def test_derivatives_of_what_was_found(double: Scene, weighting: Weighting) -> None:
    views, state = double
    matches = matches_of(views, state, True)
    terms = linearise(views, state, matches, LAYOUT, weighting)
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
    terms = linearise(views, state, matches, LAYOUT, PIXEL)
    ahead, behind = (
        linearise(views, posed(0, 3)(state, s), matches, LAYOUT, PIXEL) for s in (STEP, -STEP)
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
    lost = linearise(views, away, matches, LAYOUT, weighting)
    assert not lost.weight.any() and not lost.residual.any()
    assert not lost.J_i.any() and not lost.J_j.any() and not lost.J_focal.any()
    # All confidences are alike: trust is 1, and place and depth each cost half of c^2.
    assert lost.cost == pytest.approx(2 * 0.5 * 9.0 * len(matches.pair), rel=1e-5)
    seen = linearise(views, state_of([moved(), moved()]), matches, LAYOUT, weighting)
    assert seen.cost < 0.5 * lost.cost


def test_what_was_found_counts_wherever_it_appears() -> None:
    """Pushed past the image's edge, its cost goes on as it was: a jump there stops the steps."""
    views = views_of([plane_map(moved()), plane_map(moved())])
    matches = matches_of(views, state_of([moved(), moved()]), True)
    costs, beyond = [], []
    for yaw in np.linspace(0.0, 0.12, 241):
        state = state_of([moved(), moved(yaw=yaw)])
        pixels = carry(views, state, matches.picked, LAYOUT).pixels
        costs.append(linearise(views, state, matches, LAYOUT, PIXEL).cost / 1e4)
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
        costs.append(linearise(views, state, matches, LAYOUT, weighting).cost)
        gone.append(compared_at(views, state, matches, LAYOUT).same_surface)
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
    larger = state_of([moved(), moved()])
    larger.S[0, :3, :3] *= 1.5  # the first view's points, one and a half times as far
    then = compared_at(views, larger, matches, LAYOUT)
    assert then.same_surface[columns < 77].all()
    assert not then.same_surface[columns > 82].any()
    assert not compared_at(views, away, matches, LAYOUT).same_surface.any()


def test_no_residual_costs_more_than_one_that_is_unknown() -> None:
    views = views_of([plane_map(moved()), plane_map(moved())])
    here = state_of([moved(), moved()])
    matches = matches_of(views, here, True)
    far = replace(matches, pixels=(matches.pixels + 40).clamp(3, 116))
    terms = linearise(views, here, far, LAYOUT, replace(PIXEL, kernel_scale=3.0))
    assert 0.5 * 9.0 * len(far.pair) * 0.8 < terms.cost < 2 * 0.5 * 9.0 * len(far.pair)
    assert terms.weight[:, 0].max() < 0.9


def test_depths_of_another_surface_are_not_compared() -> None:
    far = plane_map(moved())
    far.depth *= np.float32(1.5)
    views = views_of([plane_map(moved()), far])
    here = state_of([moved(), moved()])
    matches = matches_of(views, here, True)
    terms = linearise(views, here, matches, LAYOUT, PIXEL)
    assert not terms.weight[:, -1].any() and terms.weight[:, 0].any()


def test_little_confidence_counts_little() -> None:
    """The geometric mean of both: 1 and 0.49 weigh 0.7."""
    doubtful = plane_map(moved())
    doubtful.weight[:50] = 0.49
    views = views_of([plane_map(moved()), doubtful])
    here = state_of([moved(), moved()])
    matches = matches_of(views, here, True)
    exact = carry(views, here, matches.picked, LAYOUT).pixels
    terms = linearise(views, here, replace(matches, pixels=exact), LAYOUT, PIXEL)
    upper = exact[:, 1] < 48
    known = terms.weight[:, 0] > 0
    torch.testing.assert_close(
        terms.weight[upper & known], torch.full_like(terms.weight[upper & known], 0.7)
    )
    lower = terms.weight[(exact[:, 1] > 51) & known]
    torch.testing.assert_close(lower, torch.ones_like(lower))
