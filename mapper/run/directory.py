"""The run directory: the map on disk. DESIGN.md lists what is in it."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any, Final

import yaml

from mapper.errors import InputError, OutputError
from mapper.run.contents import DESCRIPTION, foreign, is_left_over, remove_own, sweep
from mapper.run.keyframe_files import KeyframeFiles
from mapper.run.stored_run import StoredRun, read_stored_run
from mapper.run.update import UPDATE, finish_update
from mapper.runtime.atomic_files import atomic_write, output_error
from mapper.runtime.folder_lock import folder_lock

logger = logging.getLogger(__name__)

RESUME: Final = "carry on with --resume, "
UPDATE_SECONDS: Final = 10.0  # that the files of an update may take to change places


class RunDirectory:
    """Names of the files of a run, and the small ones' contents."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.journal = path / "journal.jsonl"
        self.checkpoint = path / "checkpoint.json"
        self.trajectory = path / "trajectory.txt"
        self.keyframe_trajectory = path / "trajectory_keyframes.txt"
        self.ground_truth = path / "groundtruth.txt"
        self.mesh = path / "mesh.ply"
        self.cloud = path / "cloud.ply"
        self.recording = path / "run.rrd"
        self.aligned_recording = path / "run.aligned.rrd"  # completes it, where mapper align ran
        self.metrics = path / "metrics.json"
        self.report = path / "report.html"
        self.priors = path / "priors.json"  # what is known of the map from elsewhere
        self.predictions = path / "predictions"
        self.keyframes = KeyframeFiles(path / "keyframes")
        self._description = path / DESCRIPTION

    @classmethod
    def create(cls, path: Path, overwrite: bool) -> RunDirectory:
        """A new, empty run directory. Of a former run, what mapper wrote is removed, and no more.

        Its run.yaml stays until the new one takes its place, so that the folder is always known
        for a run. Whoever shares the disk with others calls it by mapper.run.ownership.
        """
        if path.exists() and not (path.is_dir() and is_left_over(path)):
            refuse_to_replace(path, overwrite)
            path = path.resolve()  # of a link, what it names is replaced
            try:
                finish_update(path)
                remove_own(path)
            except OSError as error:
                raise output_error(error.filename or path, error) from error
            if others := foreign(path):
                logger.warning("%s: left alone, as no run wrote it: %s", path, ", ".join(others))
        sweep(path)
        try:
            (path / "keyframes").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"{path}: cannot be made ({error.strerror}); choose another folder with --out"
            ) from error
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> RunDirectory:
        """An existing run, to be read. Raises InputError where there is none, or a damaged one."""
        run = cls.check(path)
        if (path / UPDATE).is_dir():  # someone is at it, for a moment, or was killed
            with folder_lock(path, UPDATE_SECONDS):
                finish_update(path)
        return run

    @classmethod
    def check(cls, path: Path) -> RunDirectory:
        """As open, and nothing is touched."""
        run = cls(path)
        if not run._description.is_file():
            raise InputError(
                f"{path}: no run here (run.yaml is missing); name a folder that mapper run wrote"
            )
        run.read_description()
        return run

    def write_description(self, description: dict[str, Any]) -> None:
        """Write run.yaml."""
        with atomic_write(self._description) as file:
            yaml.safe_dump(description, file, sort_keys=False)

    def read_description(self) -> StoredRun:
        """What run.yaml says. Raises InputError if it is damaged."""
        return read_stored_run(self._description)

    def write_json(self, path: Path, content: dict[str, Any], indent: int | None = 1) -> None:
        """Write one of the JSON files whole or not at all."""
        with atomic_write(path) as file:
            json.dump(content, file, indent=indent)

    def read_json(self, path: Path) -> dict[str, Any]:
        """A JSON file of the run; empty where it was never written."""
        if not path.exists():
            return {}
        try:
            return dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise InputError(f"{path}: damaged ({type(error).__name__})") from error

    def outputs(self) -> list[Path]:
        """Files worth naming to the user, those that exist."""
        files = [self.report, self.trajectory, self.keyframe_trajectory, self.mesh, self.cloud]
        files += [self.recording, self.aligned_recording, self.metrics]
        return [path for path in files if path.exists()]


def refuse_to_replace(
    path: Path, overwrite: bool, remedy: str = "carry on with --resume, "
) -> None:
    """Raise OutputError unless the folder holds a run of ours which is to be replaced.

    remedy: besides replacing it.
    """
    if not path.is_dir():
        raise OutputError(f"{path} is a file; choose another folder with --out")
    try:
        described = read_stored_run(path / DESCRIPTION)
    except InputError as error:
        described, why = None, f": {error}" if (path / DESCRIPTION).exists() else ""
    if described is None or not described.says.versions:
        raise OutputError(
            f"{path} is not a run of mapper and is left alone{why}; choose another folder with "
            "--out"
        )
    if not overwrite:
        raise OutputError(
            f"{path} exists: {remedy}replace it with --overwrite, or choose another folder with "
            "--out"
        )
