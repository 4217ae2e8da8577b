"""One sequence of a benchmark: what to do, and the frames that it is about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from mapper.config.loader import load_config
from mapper.config.settings import MapperConfig
from mapper.core.frame import Frame
from mapper.errors import InputError
from mapper.evaluate.predicting import Answers, Kept, answers_of_frontend, answers_with_backend
from mapper.evaluate.protocol import Protocol
from mapper.evaluate.truth_frontend import NAME as TRUTH
from mapper.evaluate.truth_frontend import TruthFrontend
from mapper.evaluate.views import ViewReader
from mapper.frontends.base import Frontend
from mapper.frontends.registry import create_frontend, frontend_spec
from mapper.io.datasets.dataset import BenchSequence
from mapper.slam.matchers import choose_matcher

SEQUENCE_NAME = "{sequence}"  # in a setting: the name of the sequence that is worked on


@dataclass(frozen=True, slots=True)
class BenchRequest:
    """What to measure: the options of `mapper bench`, by the same names.

    changes: settings like "backend.align=off"; {sequence} in them stands for the sequence's name.
    """

    protocol: Protocol
    dataset: str
    root: str
    frontend: str
    backend: bool = False
    profile: str | None = None
    changes: tuple[str, ...] = ()

    def config(self, sequence: str) -> MapperConfig:
        """Defaults, then the protocol's settings, then the user's."""
        changes = [change.replace(SEQUENCE_NAME, sequence) for change in self.changes]
        if self.frontend != TRUTH:
            changes.append(f"frontend={self.frontend}")
        return load_config(self.profile, [*self.protocol.settings, *changes])


@dataclass(frozen=True, slots=True)
class SequenceJob:
    """A sequence, the frames of it that the protocol takes, and the frontend that sees them.

    indices: of the frames, increasing where they go through a frontend with a memory.
    """

    request: BenchRequest
    sequence: BenchSequence
    indices: list[int]

    @property
    def protocol(self) -> Protocol:
        """By which the sequence is measured."""
        return self.request.protocol

    @property
    def reader(self) -> ViewReader:
        """Reads the sequence's views as the protocol says."""
        name = self.request.frontend
        raw = name != TRUTH and frontend_spec(name).sees_raw_images
        return ViewReader(self.sequence, self.protocol.images, raw)

    def frames(self) -> Iterator[Frame]:
        """The frames in order; an unreadable one ends the sequence's evaluation."""
        reader = self.reader
        return (reader.frame(index) for index in self.indices)

    def frontend(self, config: MapperConfig) -> Frontend:
        """A new one; InputError if the dataset lacks what it needs."""
        if self.request.frontend == TRUTH:
            return TruthFrontend(self.sequence)
        name = self.request.frontend
        missing = self.sequence.depths is None or self.sequence.intrinsics is None
        if missing and frontend_spec(name).needs_depth:
            raise InputError(
                f"{self.sequence.name}: the frontend {name} needs depth and a known camera, which "
                f"{self.request.dataset} does not give; use another frontend"
            )
        return create_frontend(config, name, choose_matcher(config.matcher))

    def answers(self, keep: Kept) -> Answers:
        """What the frontend, and the backend if asked for, make of the frames."""
        config = self.request.config(self.sequence.name)
        frontend = self.frontend(config)
        if self.request.backend:
            return answers_with_backend(frontend, config, self.frames(), keep)
        return answers_of_frontend(frontend, self.frames(), keep)

    def true_poses(self) -> np.ndarray:
        """T_world_camera (N, 4, 4) of the whole sequence, NaN where there is none."""
        if self.sequence.T_world_camera is None:
            raise InputError(
                f"{self.sequence.name}: no true poses in the dataset, nothing to compare"
            )
        return self.sequence.T_world_camera


@dataclass(frozen=True, slots=True)
class Measured:
    """metrics: by name. expected, answered: frames that should have been compared, and were.

    frames: shown to the frontend. seconds: that frontend and backend took for them.
    notes: what the reader of the figures has to know.
    """

    metrics: dict[str, float]
    expected: int
    answered: int
    frames: int
    seconds: float
    notes: tuple[str, ...] = ()


Task = Callable[[SequenceJob], Measured]
