"""How well mapper check tells the error of a map: calibrated on one part, judged on another.

    python tools benchmarks.maps.checking --work DIR [--half judge] [--data ../shared/data]
    python tools benchmarks.maps.checking --work DIR --write

Makes the maps of known_maps.py, measures them and prints, of each part, the rank correlation of the
predicted with the true error and a line a map. --write: fits the prediction to the part
"calibrate" alone and writes mapper/checking/calibrated.py, by which maps are checked from then on.
What was measured of a map is kept in DIR/measured and taken from there the next time, so that a
run that was stopped goes on: use another DIR after a change to what is measured.
"""

from __future__ import annotations

import argparse
import os
import pickle
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from scipy.optimize import nnls
from scipy.stats import spearmanr

from benchmarks.maps.known_maps import PARTS, Known, known_maps, mapped
from mapper.checking import calibrated
from mapper.checking.grade import grade
from mapper.checking.measures import Measures, measure
from mapper.checking.prediction import MIN_REVISITS, features, predict
from mapper.core.trajectory import MATCH_SECONDS, matching_times

RIDGE: Final = 0.3  # towards weights of nothing
GROSS: Final = 1.0  # logarithm of an error's ratio to the predicted one, from which it counts less
ROUNDS: Final = 20  # of reweighting
TOLD: Final = 0.8  # of the errors lie within the range that is told
FEWEST: Final = 10  # sources, from which on such a range is told of their runs alone
NAMES: Final = ("off",)
HEAD: Final = '''"""The fit of mapper.checking.prediction, by tools/benchmarks/maps/checking.py."""

from __future__ import annotations

from typing import Final
'''


@dataclass(frozen=True, slots=True)
class Judged:
    """A run whose error is known. ate: metres of the truth. way: metres, true. unit: metres of the
    truth that one unit of the map is."""

    known: Known
    ate: float
    way: float
    unit: float
    measures: Measures


@dataclass(frozen=True, slots=True)
class Fit:
    """As calibrated.py has it."""

    constant: float
    weights: dict[str, float]
    within: float = 1.0
    within_untied: float = 1.0

    def ate(self, measures: Measures) -> float:
        """Units of the map."""
        told = features(measures)
        log_share = self.constant + sum(w * told[name] for name, w in self.weights.items())
        return float(np.exp(log_share)) * measures.extent


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="for frames")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), metavar="DIR")
    parser.add_argument("--write", action="store_true", help="write calibrated.py")
    parser.add_argument("--half", choices=PARTS, help="look at this one alone")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    options.work.mkdir(parents=True, exist_ok=True)
    half = "calibrate" if options.write else options.half
    wanted = [each for each in known_maps() if half in (None, each.half)]
    found = [each for known in wanted if (each := measured(known, options.data, options.work))]
    calibrating = [each for each in found if each.known.half == "calibrate"]
    if calibrating and options.write:
        fitted = fit(calibrating)
        told("cross-validated by source", calibrating, cross_validated(calibrating))
        Path(calibrated.__file__).write_text(as_text(fitted), encoding="utf-8")
        return 0
    for half in PARTS:
        of_half = [each for each in found if each.known.half == half]
        if of_half:
            told(f"as committed, {half}", of_half, [predict(e.measures).ate for e in of_half])
            print(table(of_half))
    return 0


def measured(known: Known, data: Path, work: Path) -> Judged | None:
    """As judge does it, once: what it found is kept."""
    path = work / "measured" / f"{known.name.replace(', ', '_').replace(' ', '_')}.pkl"
    if path.exists():
        kept: Judged | None = pickle.loads(path.read_bytes())
        return kept and replace(kept, known=known)  # it may judge no more
    found = judge(known, data, work)
    path.parent.mkdir(exist_ok=True)
    whole = path.with_suffix(".part")
    whole.write_bytes(pickle.dumps(found))
    os.replace(whole, path)
    return found


def judge(known: Known, data: Path, work: Path) -> Judged | None:
    """None of a map of which nothing can be said: too little of it was placed."""
    made = mapped(known, data, work)
    if made is None:
        return None
    metrics, placed = made.finished.metrics, made.finished.trajectory.timestamps
    rows, _ = matching_times(made.truth.timestamps, placed, MATCH_SECONDS)
    way = float(np.linalg.norm(np.diff(made.truth.positions[rows], axis=0), axis=1).sum())
    unit = 1.0 if made.finished.is_metric else float(metrics["evaluation"]["ate_sim3"]["scale"])
    return Judged(known, float(metrics["ate_rmse"]), way, unit, measure(made.finished))


def fit(runs: Sequence[Judged]) -> Fit:
    """The weights by all runs; the range by each run's error where its source was left out."""
    fitted = weighted(runs)
    off = np.log([each.ate / each.unit for each in runs]) - np.log(cross_validated(runs))
    sources = np.array([each.known.source for each in runs])
    tied = np.array([len(each.measures.revisits) >= MIN_REVISITS for each in runs])
    of_tied, of_untied = (
        held(off[which], sources[which])
        if len(set(sources[which])) >= FEWEST
        else held(off, sources)
        for which in (tied, ~tied)
    )
    return Fit(
        fitted.constant,
        fitted.weights,
        round(float(np.exp(of_tied)), 2),
        round(float(np.exp(max(of_tied, of_untied))), 2),
    )


def held(off: np.ndarray, sources: np.ndarray) -> float:
    """What one more of such errors (N,) is below, either way, 8 times of 10, whatever their
    distribution (split conformal prediction). One of another source (N,): maps of one room err
    alike, so that there are no more draws than sources, and so many of these and one must be below.
    """
    draws = len(set(sources))
    level = min(np.ceil(TOLD * (draws + 1)) / draws, 1.0)
    return float(np.quantile(np.abs(off), level, method="higher"))


def weighted(runs: Sequence[Judged]) -> Fit:
    """Weights of at least 0, so that nothing that gets worse makes the prediction better. By
    Huber's loss: of a map that was joined to the wrong one of two like places nothing tells."""
    X = np.array([[features(each.measures)[name] for name in NAMES] for each in runs])
    y = np.array([np.log(each.ate / each.unit / each.measures.extent) for each in runs])
    counts = np.ones(len(runs))
    for _ in range(ROUNDS):
        mean, middle = (np.average(each, axis=0, weights=counts) for each in (X, y))
        root, ridge = np.sqrt(counts)[:, None], RIDGE * np.eye(len(NAMES))
        weights, _ = nnls(
            np.concatenate([root * (X - mean), ridge]),
            np.concatenate([root[:, 0] * (y - middle), np.zeros(len(NAMES))]),
        )
        off = np.abs(y - middle - (X - mean) @ weights)
        counts = 1 / np.maximum(off / GROSS, 1.0)
    chosen = {n: round(float(w), 3) for n, w in zip(NAMES, weights, strict=True) if w > 1e-3}
    return Fit(round(float(middle - weights @ mean), 3), chosen)


def cross_validated(runs: Sequence[Judged]) -> list[float]:
    """Predicted errors in units, each by a fit without the runs of its source."""
    fits = {
        source: weighted([each for each in runs if each.known.source != source])
        for source in {each.known.source for each in runs}
    }
    return [fits[each.known.source].ate(each.measures) for each in runs]


def told(what: str, runs: Sequence[Judged], predicted: Sequence[float]) -> None:
    """Print rank correlations: of metres (of the truth), and of shares of the way."""
    print(f"{what}: {len(runs)} runs")
    for name, of in KINDS.items():
        rows = [row for row, each in enumerate(runs) if of(each.known)]
        if len(rows) < 4:
            continue
        true = np.array([runs[row].ate for row in rows])
        metres = np.array([predicted[row] * runs[row].unit for row in rows])
        shares = [true / [runs[row].way for row in rows]]
        shares.append(np.array([predicted[row] / runs[row].measures.way for row in rows]))
        print(
            f"  {name}: {len(rows)} runs, Spearman {spearmanr(true, metres)[0]:.2f} of metres, "
            f"{spearmanr(*shares)[0]:.2f} of shares of the way; off by a factor of "
            f"{np.exp(np.median(np.abs(np.log(metres / true)))):.2f} (median)"
        )


KINDS: Final[dict[str, Callable[[Known], bool]]] = {
    "all": lambda known: True,
    "but those that were torn": lambda known: not known.torn,
    "torn": lambda known: known.torn > 0,
    "depth camera": lambda known: known.drift is None and not known.torn,
    "simulated network": lambda known: known.drift is not None,
}


def table(runs: Sequence[Judged]) -> str:
    """Markdown, the largest true error first."""
    lines = ["| run | true ATE | predicted | 80 % | grade |", "| --- | --- | --- | --- | --- |"]
    within = 0
    for each in sorted(runs, key=lambda each: -each.ate):
        predicted = predict(each.measures)
        given = grade(each.measures, predicted)
        low, high = predicted.low * each.unit, predicted.high * each.unit
        within += low <= each.ate <= high
        lines.append(
            f"| {each.known.name} | {100 * each.ate:.1f} cm | {100 * predicted.ate * each.unit:.1f}"
            f" cm | {100 * low:.1f} to {100 * high:.1f} cm | {given.letter}"
            f"{'' if given.is_sure else ', unsure'} |"
        )
    return "\n".join([*lines, "", f"{within} of {len(runs)} within what was told."])


def as_text(fitted: Fit) -> str:
    """calibrated.py."""
    weights = ", ".join(f'"{name}": {weight}' for name, weight in fitted.weights.items())
    return (
        f"{HEAD}\nCONSTANT: Final = {fitted.constant}\n"
        f"COEFFICIENTS: Final = {{{weights}}}\n"
        f"WITHIN: Final = {fitted.within}  # factor, either way, of 8 of 10 errors\n"
        f"WITHIN_UNTIED: Final = {fitted.within_untied}"
        "  # the same of maps that saw no place again\n"
    )


if __name__ == "__main__":
    sys.exit(main())
