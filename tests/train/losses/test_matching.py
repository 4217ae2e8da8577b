"""Which patch shows a point again, from depth and poses alone."""

from __future__ import annotations

import numpy as np
import torch

from mapper.train.data.batches import joined
from mapper.train.data.published import PLAIN
from mapper.train.data.scene import View
from mapper.train.losses.matching import matching_term, seen_again

PATCH, SIDE, FOCAL, DEPTH = 4, 12, 8.0, 2.0


def wall(right: float, near: bool = False) -> View:
    """A wall at DEPTH, the camera so far to the right; near: something stands before its middle."""
    depth = np.full((SIDE, SIDE), DEPTH, np.float32)
    if near:
        depth[PATCH : 2 * PATCH] = DEPTH / 2
    T = np.eye(4)
    T[0, 3] = right
    K = np.array([[FOCAL, 0, SIDE / 2], [0, FOCAL, SIDE / 2], [0, 0, 1]])
    return View(np.zeros((SIDE, SIDE, 3), np.uint8), depth, T, K)


def test_a_camera_moved_by_a_patch_sees_all_a_patch_aside() -> None:
    views = [wall(0), wall(PATCH * DEPTH / FOCAL)]
    again = seen_again(joined([views], [PLAIN]), PATCH)
    where, shown = again.nearest, again.shown
    patches = torch.arange(9).view(3, 3)
    assert torch.equal(where[0, 0, 0], patches.flatten()) and shown[0, 0, 0].all()
    # What the second sees in its first column, the first has in its second one.
    assert torch.equal(where[0, 1, 0].view(3, 3)[:, :2], patches[:, 1:])
    assert torch.equal(shown[0, 1, 0].view(3, 3), torch.tensor([[True, True, False]] * 3))
    assert torch.equal(shown[0, 0, 1].view(3, 3), torch.tensor([[False, True, True]] * 3))


def test_a_place_between_patches_is_shared_by_them() -> None:
    """A quarter of a patch to the right of where it was, and beyond the last centre all of it."""
    views = [wall(0), wall(-0.25 * PATCH * DEPTH / FOCAL)]
    again = seen_again(joined([views], [PLAIN]), PATCH).of(0, 1)
    shares = torch.zeros(1, 9, 9).scatter_add(2, again.patches, again.shares)
    expected = 0.75 * torch.eye(9)
    for patch in range(9):
        expected[patch, min(patch + 1, patch // 3 * 3 + 2)] += 0.25
    torch.testing.assert_close(shares[0], expected, rtol=0, atol=1e-6)
    logits = (expected[None] + 1e-9).log()
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    between = (torch.arange(9) % 3 < 2)[again.shown[0]]
    costs = again.costs(logits)[between]
    assert torch.allclose(costs, torch.tensor(entropy, dtype=torch.float32), atol=1e-5)


def test_what_is_hidden_there_is_not_seen_again() -> None:
    shown = seen_again(joined([[wall(0, near=True), wall(0)]], [PLAIN]), PATCH).shown
    assert torch.equal(shown[0, 1, 0].view(3, 3)[:, 0], torch.tensor([True, False, True]))


def test_looking_at_the_right_patch_of_earlier_views_costs_nothing() -> None:
    again = seen_again(joined([[wall(0), wall(0)]], [PLAIN]), PATCH)
    sure = 100 * torch.eye(9).expand(1, 2, 9, 9)
    cost, right = matching_term(sure, sure, again)
    assert cost < 1e-6 and right == 1
    later = sure.clone()
    later[:, 0] = 0  # no view looks at one after it: what the first asks for does not count
    assert matching_term(later, sure, again)[0] < 1e-6
    cost, right = matching_term(sure, sure.roll(1, 2), again)
    assert cost > 100 and right == 0


def test_views_without_anything_in_common_cost_nothing() -> None:
    again = seen_again(joined([[wall(0), wall(100.0)]], [PLAIN]), PATCH)
    key = torch.ones(1, 2, 9, 9, requires_grad=True)
    cost, _ = matching_term(key, key, again)
    cost.backward()
    assert cost == 0 and key.grad is not None and not key.grad.any()
