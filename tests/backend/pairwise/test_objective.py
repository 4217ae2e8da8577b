"""The pairwise objective against its formula, and the cleaning against a loop over pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from mapper.backend.pairwise import objective as objective_module
from mapper.backend.pairwise.alignment import camera_poses
from mapper.backend.pairwise.cleaning import cleaned
from mapper.backend.pairwise.config import PairwiseConfig
from mapper.backend.pairwise.objective import PairwiseObjective
from mapper.backend.pairwise.optimiser import optimised
from mapper.backend.pairwise.pairs import Observations
from mapper.backend.pairwise.parameters import Parameters, compressed, expanded
from mapper.core.geometry import transform
from mapper.core.image_pairs import ImagePair
from tests.support.pairwise_scene import HEIGHT, WIDTH, Scene

CPU = torch.device("cpu")
SIZE = (HEIGHT, WIDTH)


def three_pairs() -> list[ImagePair]:
    scene = Scene.random(3, seed=1)
    return [scene.pair(0, 1), scene.pair(0, 2), scene.pair(2, 1)]


def random_parameters(images: int = 3, pairs: int = 3) -> Parameters:
    """float64, nothing special about any number."""
    generator = torch.Generator().manual_seed(5)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    focals = 20 * math.log(18) + normal(images)
    return Parameters(
        1 + 0.1 * normal(images, HEIGHT * WIDTH), normal(images, 7), focals, normal(pairs, 8)
    )


def double(observations: Observations) -> Observations:
    return Observations(
        observations.image,
        observations.pair,
        observations.points.double(),
        observations.weights.double(),
    )


def written_out(pairs: list[ImagePair], parameters: Parameters) -> Tensor:
    """The formula, pair by pair, for autograd."""
    world = parameters.world_points(SIZE)
    linear, translation = parameters.pair_transforms()
    total = torch.zeros((), dtype=torch.float64)
    for e, pair in enumerate(pairs):
        for image, points, confidence in (
            (pair.i, pair.pointmap_i, pair.confidence_i),
            (pair.j, pair.pointmap_j, pair.confidence_j),
        ):
            flat = torch.from_numpy(points).double().view(-1, 3)
            moved = flat @ linear[e].T + translation[e]
            weight = torch.from_numpy(confidence).double().log().view(-1)
            total = total + (weight * (world[image].T - moved).norm(dim=-1)).sum()
    return total / (len(pairs) * HEIGHT * WIDTH)


@pytest.mark.parametrize("points_at_once", [1, 2 * HEIGHT * WIDTH, 1 << 20])
def test_loss_and_gradient_are_those_of_the_formula(
    points_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(objective_module.POINTS_AT_ONCE, "cpu", points_at_once)
    pairs = three_pairs()
    ours, theirs = random_parameters().trainable(), random_parameters().trainable()
    objective = PairwiseObjective(double(Observations.of(pairs, CPU)), SIZE)
    loss = objective.backward(ours)
    expected = written_out(pairs, theirs)
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-9)
    assert objective.loss(ours) == pytest.approx(expected.item(), rel=1e-9)
    for mine, other in zip(ours.tensors(), theirs.tensors(), strict=True):
        assert mine.grad is not None and other.grad is not None
        torch.testing.assert_close(mine.grad, other.grad, rtol=1e-7, atol=1e-10)


def test_a_residual_of_zero_pulls_nowhere() -> None:
    """The distance has no derivative there; zero keeps the optimiser finite."""
    pair = three_pairs()[0]
    nothing = ImagePair(0, 1, *[np.zeros_like(a) for a in (pair.pointmap_i, pair.confidence_i)] * 2)
    seen = Observations.of([nothing], CPU)
    seen.weights.fill_(1.0)
    at_origin = Parameters(
        torch.full((2, HEIGHT * WIDTH), -torch.inf),
        torch.tensor([[0.0, 0, 0, 1, 0, 0, 0]]).repeat(2, 1),
        torch.full((2,), 57.0),
        torch.tensor([[0.0, 0, 0, 1, 0, 0, 0, 0]]),
    ).trainable()
    loss = PairwiseObjective(seen, SIZE).backward(at_origin)
    assert loss == 0
    assert all(bool((p.grad == 0).all()) for p in at_origin.tensors() if p.grad is not None)


def test_compressed_translations_expand_again() -> None:
    t = torch.tensor([-40.0, -0.2, 0.0, 1e-4, 3.0])
    torch.testing.assert_close(expanded(compressed(t)), t)
    assert float(compressed(torch.tensor(math.e - 1))) == pytest.approx(1.0)


def test_the_learning_rate_falls_in_a_line() -> None:
    config = PairwiseConfig(device="cpu")
    assert config.learning_rate_at(0) == 0.01
    assert config.learning_rate_at(150) == pytest.approx((0.01 + 1e-6) / 2)
    assert config.learning_rate_at(300) == pytest.approx(1e-6)


def test_the_first_step_is_the_learning_rate_against_the_gradient() -> None:
    """Adam's first step does not know the gradient's size."""
    pairs, start = three_pairs(), Parameters(*(t.float() for t in random_parameters().tensors()))
    objective = PairwiseObjective(Observations.of(pairs, CPU), SIZE)
    followed = start.trainable()
    objective.backward(followed)
    after, losses = optimised(objective, start, PairwiseConfig(iterations=1, device="cpu"))
    assert len(losses) == 2
    assert followed.poses.grad is not None
    expected = start.poses - 0.01 * followed.poses.grad.sign()
    torch.testing.assert_close(after.poses, expected, rtol=0, atol=1e-5)


def pixel_by_pixel(parameters: Parameters, confidence: np.ndarray) -> np.ndarray:
    """The written description of the cleaning, one point and one other image at a time."""
    points = parameters.world_points(SIZE).view(-1, 3, HEIGHT, WIDTH).movedim(1, -1).numpy()
    poses, focals = camera_poses(parameters), parameters.focals.numpy()
    depths = parameters.log_depths.exp().view(-1, HEIGHT, WIDTH).numpy()
    left = confidence.copy()
    for a in range(len(points)):
        for b in range(len(points)):
            for row, column in np.ndindex(SIZE) if a != b else ():
                x, y, z = transform(np.linalg.inv(poses[b]), points[a, row, column])
                u = round(focals[b] * x / z + WIDTH / 2)
                v = round(focals[b] * y / z + HEIGHT / 2)
                if z > 0 and 0 <= u < WIDTH and 0 <= v < HEIGHT:
                    hides = z < 0.999 * depths[b, v, u]
                    if hides and left[a, row, column] < left[b, v, u]:
                        left[a, row, column] = 0
    return left


def test_cleaning_follows_the_description() -> None:
    random = random_parameters()
    near = 0.1 * random.poses + torch.tensor([0.0, 0, 0, 1, 0, 0, 0])
    parameters = Parameters(random.log_depths, near, random.log_focals, random.pair_poses)
    confidence = np.random.default_rng(3).uniform(1, 9, (3, *SIZE))
    ours = cleaned(parameters, torch.from_numpy(confidence)).numpy()
    expected = pixel_by_pixel(parameters, confidence)
    assert 0.05 < (expected == 0).mean() < 0.6
    np.testing.assert_array_equal(ours, expected)
