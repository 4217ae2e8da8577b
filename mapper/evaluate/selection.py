"""Which sequences and frames of a dataset a protocol takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mapper.errors import InputError, MapperError
from mapper.evaluate.prediction_truth import NAME as PREDICTIONS
from mapper.evaluate.prediction_truth import PredictionDataset
from mapper.evaluate.protocol import FrameSelection, Protocol
from mapper.io.datasets.dataset import BenchSequence, Dataset
from mapper.io.datasets.registry import open_dataset


@dataclass(frozen=True, slots=True)
class Plan:
    """sequences: to be done, in order, each with the frames drawn for it (empty = not drawn).

    missing: reasons by name, of sequences that are not there or cannot be read. excluded: names of
    those too short for the protocol.
    """

    sequences: dict[str, tuple[int, ...]]
    missing: dict[str, str]
    excluded: list[str]


def benchmark_dataset(name: str, root: str) -> Dataset:
    """A published dataset, or a folder of saved predictions taken for the truth."""
    if name == PREDICTIONS:
        return PredictionDataset(Path(root).expanduser())
    return open_dataset(name, Path(root))


def plan(protocol: Protocol, dataset: Dataset) -> Plan:
    """The sequences that the protocol wants; those that it names and are not there are missing.

    Only a protocol that excludes or draws opens every sequence here.
    """
    there = dataset.names()
    wanted = list(protocol.sequences) or there
    absent = {name: f"{dataset.root}: there is no such sequence" for name in set(wanted) - {*there}}
    found = [name for name in wanted if name in there]
    selection = protocol.frames
    if selection.min_frames == 1:
        return Plan(dict.fromkeys(found, ()), absent, [])
    generator = np.random.RandomState(selection.seed)  # the published draws come from this one
    drawn: dict[str, tuple[int, ...]] = {}
    excluded = []
    for name in found:
        try:
            count = len(dataset.sequence(name))
        except MapperError as error:
            absent[name] = str(error)
            continue
        if count < selection.min_frames:
            excluded.append(name)
            continue
        drawn[name] = ()
        if selection.draw:
            chosen = generator.choice(count, selection.draw, replace=False)
            drawn[name] = tuple(int(index) for index in chosen)
    return Plan(drawn, absent, excluded)


def selected_frames(
    sequence: BenchSequence, selection: FrameSelection, drawn: tuple[int, ...] = ()
) -> list[int]:
    """Indices of the frames that the protocol takes, in the order in which they are shown."""
    if selection.draw:
        return list(drawn)
    count = len(sequence)
    start, stride = (0, 1) if sequence.prepared else (selection.start, selection.stride)
    if selection.at_least:
        stride = max(1, min(stride, count // selection.at_least))
    frames = list(range(start, count, stride))
    if not frames:
        raise InputError(f"{sequence.name}: {count} frames, the protocol starts at frame {start}")
    return frames[: selection.max_frames or None]
