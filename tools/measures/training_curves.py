"""Draws what the logs of a training say: its loss, and depth and rotation of rooms held back.

    python tools measures.training_curves training/log.jsonl [more/log.jsonl ...] --out curves.png

Logs of stretches that followed one another are drawn one behind the other.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

PANELS = ("total", "camera.rotation", "poses", "matching.right", "depth", "rotation")
BASELINES = {"depth": "flat", "rotation": "still"}


@dataclass(slots=True)
class Curves:
    """Points (step, value) by name; of rooms held back as validation/NAME. ends: last steps of the
    stretches."""

    points: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    ends: list[int] = field(default_factory=list)


def read(logs: Sequence[Path]) -> Curves:
    """All of them as one training."""
    curves, start = Curves(), 0
    for log in logs:
        last = 0
        for text in log.read_text(encoding="utf-8").splitlines():
            line = json.loads(text)
            last = int(line["step"])
            held_back = line.get("validation", {})
            values = {f"validation/{name}": value for name, value in held_back.items()}
            for name, value in (values or line).items():
                curves.points.setdefault(name, []).append((start + last, float(value)))
        start += last
        curves.ends.append(start)
    return curves


def draw(curves: Curves, path: Path) -> None:
    """A panel of each that the logs tell, one above the other. A total may fall below 0: a network
    that is sure of small errors is paid for it."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    panels = [each for each in PANELS if {each, f"validation/{each}"} & curves.points.keys()]
    figure, axes = plt.subplots(len(panels), 1, sharex=True, figsize=(7, 9), squeeze=False)
    for axis, panel in zip(axes[:, 0], panels, strict=True):
        for name, style in ((panel, "-"), (f"validation/{panel}", "o-")):
            if points := curves.points.get(name):
                axis.plot(*zip(*points, strict=True), style, ms=3, lw=1, label=name)
        if points := curves.points.get(f"validation/{BASELINES.get(panel)}"):
            axis.plot(*zip(*points, strict=True), "--", lw=1, label=BASELINES[panel])
        for end in curves.ends[:-1]:
            axis.axvline(end, color="0.8", lw=1)
        axis.legend(fontsize=7)
        axis.set_ylim(bottom=None if panel == "total" else 0)
    axes[-1, 0].set_xlabel("step")
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("logs", type=Path, nargs="+", metavar="LOG")
    parser.add_argument("--out", type=Path, required=True, metavar="PNG")
    options = parser.parse_args()
    draw(read(options.logs), options.out)


if __name__ == "__main__":
    main()
