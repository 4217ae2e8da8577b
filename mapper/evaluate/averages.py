"""Means over sequences, as the protocols take them, and over repetitions, with their spread."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mapper.evaluate.protocol import Protocol
from mapper.evaluate.results import SequenceResult

Metrics = Mapping[str, float]


def rounded_mean(values: Sequence[float], decimals: int | None = None) -> float:
    """The mean of values rounded to `decimals`, as where a paper averages what it had printed."""
    kept = values if decimals is None else [round(value, decimals) for value in values]
    return float(np.mean(kept))


def over_sequences(protocol: Protocol, metrics: Mapping[str, Metrics]) -> dict[str, float]:
    """The mean of metrics by sequence. A metric that one of them lacks has none."""
    if not metrics:
        return {}
    if protocol.average == "groups":
        groups: dict[str, dict[str, Metrics]] = defaultdict(dict)
        for sequence, values in metrics.items():
            groups[sequence.partition("/")[0]][sequence] = values
        return _mean([_mean(list(group.values())) for group in groups.values()])
    rows = list(metrics.values())
    if protocol.average == "pixels":
        return _mean(rows, weights=[row["valid_pixels"] for row in rows])
    return _mean(rows, decimals=protocol.pose.decimals or None)


def _mean(
    metrics: Sequence[Metrics],
    weights: Sequence[float] | None = None,
    decimals: int | None = None,
) -> dict[str, float]:
    shared = [name for name in metrics[0] if all(name in values for values in metrics)]
    columns = {name: [values[name] for values in metrics] for name in shared}
    if weights is not None:
        return {n: float(np.average(values, weights=weights)) for n, values in columns.items()}
    return {name: rounded_mean(values, decimals) for name, values in columns.items()}


def over_repetitions(metrics: Sequence[Metrics]) -> tuple[dict[str, float], dict[str, float]]:
    """(mean, standard deviation) by metric; the latter is empty for a single one."""
    if not metrics:
        return {}, {}
    mean = _mean(metrics)
    if len(metrics) == 1:
        return mean, {}
    return mean, {name: float(np.std([m[name] for m in metrics], ddof=1)) for name in mean}


def summary_of(
    protocol: Protocol, results: Sequence[SequenceResult], excluded: Sequence[str]
) -> dict[str, Any]:
    """What the tables show. A sequence succeeded if all of its repetitions did; the mean is of
    those alone, and says of how many."""
    by_sequence: dict[str, list[SequenceResult]] = defaultdict(list)
    for result in results:
        by_sequence[result.sequence].append(result)
    rows = {name: _row(by_sequence[name]) for name in by_sequence}
    good = [name for name, row in rows.items() if row["status"] == "ok"]
    by_repetition: dict[int, dict[str, Metrics]] = defaultdict(dict)
    for name in good:
        for result in by_sequence[name]:
            by_repetition[result.repetition][name] = result.metrics
    means = [over_sequences(protocol, metrics) for metrics in by_repetition.values()]
    mean, spread = over_repetitions(means)
    return {
        "sequences": rows,
        "mean": mean,
        "spread": spread,
        "repetitions": max((len(repeated) for repeated in by_sequence.values()), default=0),
        "succeeded": len(good),
        "expected": len(rows),
        "excluded": list(excluded),
    }


def _row(results: Sequence[SequenceResult]) -> dict[str, Any]:
    failed = [result.error for result in results if not result.succeeded]
    mean, spread = over_repetitions([result.metrics for result in results if result.succeeded])
    seconds = sum(result.seconds for result in results)
    return {
        "status": "failed" if failed else "ok",
        "error": failed[0] if failed else "",
        "metrics": {} if failed else mean,
        "spread": {} if failed else spread,
        "coverage": float(np.mean([result.coverage for result in results])),
        "frames_per_second": sum(result.frames for result in results) / seconds if seconds else 0.0,
        "notes": sorted({note for result in results for note in result.notes}),
    }
