"""The best of several places, and whether anybody can know that it is."""

from __future__ import annotations

import numpy as np

from mapper.core.geometry import exp_se3
from mapper.frontends.rgbd.choosing import EvidenceConfig, best_of
from mapper.frontends.rgbd.hypotheses import Hypothesis
from mapper.vision.alignment_evidence import Evidence
from mapper.vision.dense_alignment import Alignment, PosePrior

LOOSE = PosePrior(np.eye(4), np.eye(6))


def there(metres: float, score: float, light: float, front: float = 0.005) -> Hypothesis:
    """A place so far to the right."""
    T = exp_se3(np.array([0, 0, 0, metres, 0, 0.0]))
    aligned = Alignment(T, 1.0, 1.0, 0.005, 1e6 * np.eye(7), True, 4800, 4000, 500.0)
    evidence = Evidence(0.8, 0.95, front, 0.01, light, 0.5, score, 0.2)
    return Hypothesis(aligned, evidence, is_held=False, is_expected=False)


def test_of_two_that_explain_as_much_the_more_probable_is_taken() -> None:
    probable, other = there(0.0, 10.0, 0.9), there(0.3, 10.0, 0.1, front=0.05)
    for tried in ([probable, other], [other, probable]):
        best, is_ambiguous = best_of(tried, LOOSE, EvidenceConfig())
        assert best is probable and not is_ambiguous


def test_a_place_that_nearly_would_be_believed_makes_the_best_ambiguous() -> None:
    config = EvidenceConfig()
    best, rival = there(0.0, 10.0, 0.8), there(0.3, 9.0, 0.35, front=0.008)
    assert 0.5 * config.min_probability < rival.probability < config.min_probability
    assert best.probability > config.min_probability
    assert best_of([best, rival], LOOSE, config) == (best, True)
    worse = there(0.3, 1.0, 0.35, front=0.008)
    assert best_of([best, worse], LOOSE, config) == (best, False)


def test_a_jump_is_doubted_where_the_camera_may_have_gone_on_as_before() -> None:
    """Two steps of a flight ahead explains far more, being better lit; the motion says 1 cm."""
    slow = PosePrior(np.eye(4), np.diag([1 / 0.05**2] * 3 + [1 / 0.02**2] * 3))
    expected, ahead = there(0.0, -24.0, 0.7), there(0.6, 4.0, 0.9)
    assert best_of([expected, ahead], slow, EvidenceConfig()) == (ahead, True)
    impossible = there(0.0, -24.0, 0.1, front=0.1)
    assert best_of([impossible, ahead], slow, EvidenceConfig()) == (ahead, False)
    assert best_of([expected, ahead], LOOSE, EvidenceConfig()) == (ahead, False)
