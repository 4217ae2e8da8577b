"""The run directory: the map on disk. DESIGN.md lists what is in it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import yaml

from mapper.errors import InputError, OutputError
from mapper.run.keyframe_files import KeyframeFiles
from mapper.run.update import finish_update
from mapper.runtime.atomic_files import atomic_write


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
        self.predictions = path / "predictions"
        self.keyframes = KeyframeFiles(path / "keyframes")
        self._description = path / "run.yaml"

    @classmethod
    def create(cls, path: Path, overwrite: bool) -> RunDirectory:
        """A new, empty run directory. Only a former run is ever overwritten."""
        run = cls(path)
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            if not overwrite:
                raise OutputError(
                    f"{path} exists: carry on with --resume, replace it with --overwrite, or "
                    "choose another folder with --out"
                )
            if not run._description.exists():
                raise OutputError(f"{path} is not a run of mapper and is left alone; choose --out")
            path = path.resolve()  # of a link, what it names is replaced
            run = cls(path)
        try:
            if run._description.exists():
                shutil.rmtree(path)
            (path / "keyframes").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"{path}: cannot be made ({error.strerror}); choose another folder with --out"
            ) from error
        return run

    @classmethod
    def open(cls, path: Path) -> RunDirectory:
        """An existing run. Raises InputError where there is none."""
        finish_update(path)
        run = cls(path)
        if not run._description.is_file():
            raise InputError(
                f"{path}: no run here (run.yaml is missing); name a folder that mapper run wrote"
            )
        return run

    def write_description(self, description: dict[str, Any]) -> None:
        """Write run.yaml."""
        with atomic_write(self._description) as file:
            yaml.safe_dump(description, file, sort_keys=False)

    def read_description(self) -> dict[str, Any]:
        """What run.yaml says."""
        try:
            return dict(yaml.safe_load(self._description.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
            raise InputError(f"{self._description}: damaged ({type(error).__name__})") from error

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
