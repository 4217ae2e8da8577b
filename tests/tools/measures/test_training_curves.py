"""Logs of stretches are one training."""

from __future__ import annotations

import json
from pathlib import Path

from measures.training_curves import draw, read


def log(path: Path, *lines: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_stretches_follow_one_another(tmp_path: Path) -> None:
    held_back = {"step": 40, "validation": {"depth": 0.3, "flat": 0.5}}
    first = log(tmp_path / "a", {"step": 20, "total": 2.0}, {"step": 40, "total": 1.5}, held_back)
    second = log(tmp_path / "b", {"step": 20, "total": 1.0})
    curves = read([first, second])
    assert curves.points["total"] == [(20, 2.0), (40, 1.5), (60, 1.0)]
    assert curves.points["validation/depth"] == [(40, 0.3)]
    assert curves.ends == [40, 60]
    draw(curves, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_panel_is_drawn_of_what_a_log_tells(tmp_path: Path) -> None:
    """Another network's log has other parts, and a total below 0."""
    one = log(tmp_path / "a", {"step": 20, "poses": 0.2, "total": -1.0})
    more = log(tmp_path / "b", {"step": 20, "poses": 0.2, "total": -1.0, "matching.right": 0.5})
    for number, text in enumerate((one, more)):
        draw(read([text]), tmp_path / f"{number}.png")
    heights = [content_rows(tmp_path / f"{number}.png") for number in (0, 1)]
    assert heights == [2, 3]


def content_rows(path: Path) -> int:
    """Panels of a picture, by their upper frames: long black lines."""
    from matplotlib import image

    black = (image.imread(path)[..., :3].max(-1) < 0.2).mean(1) > 0.6
    starts = (black[1:] & ~black[:-1]).sum()
    return int(starts) // 2
