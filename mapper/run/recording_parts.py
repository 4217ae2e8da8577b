"""The recordings of a run. None can be continued: each interruption leaves a part of its own."""

from __future__ import annotations

from pathlib import Path

from mapper.run.directory import RunDirectory


def recordings(run: RunDirectory) -> list[Path]:
    """What the run was recorded into while it was mapped, in the order of time: the parts before
    interruptions, then run.rrd. Empty where that was switched off."""
    return _parts(run) + ([run.recording] if run.recording.exists() else [])


def set_recording_aside(run: RunDirectory) -> None:
    """Keep run.rrd as a part, beside the recording that now begins."""
    if run.recording.exists():
        parts = _parts(run)
        number = _number(parts[-1]) + 1 if parts else 0
        run.recording.rename(run.path / f"run.part{number}.rrd")


def _parts(run: RunDirectory) -> list[Path]:
    return sorted(run.path.glob("run.part[0-9]*.rrd"), key=_number)


def _number(part: Path) -> int:
    """Of run.part12.rrd: 12."""
    return int(part.name.removeprefix("run.part").removesuffix(".rrd"))
