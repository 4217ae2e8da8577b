"""The fit of mapper check: it finds what an error follows, and never lets a worse figure help."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import numpy as np
import pytest
from benchmarks.maps.checking import Judged, as_text, cross_validated, fit, held
from benchmarks.maps.known_maps import PARTS, Known, known_maps, torn
from scipy.stats import spearmanr

from mapper.backend.global_map import GlobalMap
from mapper.checking.drift import Drift
from mapper.checking.ghosts import Ghosts
from mapper.checking.loops import Loops
from mapper.checking.measures import Measures
from mapper.checking.resolved import Resolved
from mapper.checking.revisits import Compared, Comparison
from mapper.checking.tracking import Tracking
from mapper.core.geometry import exp_se3, inverse, rotation_angle


def judged(rng: np.random.Generator, source: int) -> Judged:
    """A map whose error is about twice what its views are off by."""
    off = float(np.exp(rng.uniform(np.log(0.005), np.log(0.5))))
    pairs = [Comparison(k, k + 1, 1, (0.0,) * 7, off, None, None) for k in range(9)]
    measures = Measures(
        *(10.0, 1.5, 2.0, 10),
        Compared(pairs, []),
        [],
        Ghosts(0.0, 0.0, np.zeros((0, 3))),
        Drift(0.001, 0.0),
        Resolved(off, 0.001),
        Loops(0, 0, [], 0.0),
        Tracking(0.0, 0.0, [], 0.0),
        False,
    )
    ate = 2 * off * float(np.exp(rng.normal(0, 0.2)))
    return Judged(Known("calibrate", str(source)), ate, 10.0, 1.0, measures)


def test_it_finds_what_the_error_follows_and_no_weight_is_below_zero() -> None:
    rng = np.random.default_rng(3)
    runs = [judged(rng, number // 4) for number in range(40)]
    fitted = fit(runs)
    assert all(weight > 0 for weight in fitted.weights.values())
    told = fitted.weights["off"]
    assert told == pytest.approx(1.0, abs=0.1)
    assert 1.2 < fitted.within < 1.7  # 0.2 of deviation
    assert spearmanr(cross_validated(runs), [run.ate for run in runs])[0] > 0.9


def test_what_it_writes_is_what_is_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    fitted = fit([judged(rng, number) for number in range(12)])
    path = tmp_path / "calibrated.py"
    path.write_text(as_text(fitted))
    found = SimpleNamespace(**run_path(str(path)))
    assert fitted.constant == found.CONSTANT and fitted.weights == found.COEFFICIENTS
    assert (fitted.within, fitted.within_untied) == (found.WITHIN, found.WITHIN_UNTIED)


def test_8_of_10_errors_are_within_what_is_told_however_few_rooms_were_seen() -> None:
    """Of 12 rooms with 5 maps each, whose errors have a long tail and are alike in a room, what one
    of a 13th room is below at least 8 times of 10."""
    rng = np.random.default_rng(5)
    rooms = np.repeat(np.arange(12), 5)
    within = 0
    for _ in range(2000):
        level = rng.standard_t(3, 13)
        seen = level[rooms] + 0.3 * rng.standard_normal(60)
        within += abs(level[-1] + 0.3 * rng.standard_normal()) <= held(seen, rooms)
    assert 0.8 <= within / 2000 <= 0.95


def test_the_parts_share_no_room_and_no_map() -> None:
    halves = {half: [k for k in known_maps() if k.half == half] for half in PARTS}
    rooms = {half: {k.source for k in of if k.source.isdigit()} for half, of in halves.items()}
    assert not rooms["calibrate"] & rooms["judge"]
    assert min(len(of) for of in halves.values()) >= 25 and sum(map(len, halves.values())) >= 80
    assert len({replace(k, half="", draw=0) for k in known_maps()}) == len(list(known_maps()))


def test_the_later_half_of_a_torn_map_is_beside_its_place() -> None:
    poses = {k: exp_se3(np.array([0, 0.1 * k, 0, 0.2 * k, 0, 0])) for k in range(6)}
    moved = torn(GlobalMap([], poses), Known("calibrate", "sample", torn=0.15)).poses
    off = [float(np.linalg.norm((moved[k] - poses[k])[:3, 3])) for k in poses]
    assert off[:3] == [0, 0, 0]
    assert off[3] == pytest.approx(0.15, rel=0.01)
    assert min(off[4:]) > 0.1
    turned = (inverse(poses[5]) @ moved[5])[:3, :3]
    assert rotation_angle(turned) == pytest.approx(0.045, rel=0.01)
