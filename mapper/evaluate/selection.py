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
from mapper.io.datasets.preparation import Preparation
from mapper.io.datasets.registry import open_dataset
from mapper.io.sequences.pairing import ASSOCIATION_TOLERANCE


@dataclass(frozen=True, slots=True)
class Plan:
    """sequences: to be done, in order, each with the frames drawn for it (empty = not drawn).

    missing: reasons by name, of sequences and groups that are not there or cannot be read.
    excluded: names of those too short for the protocol, or ruled out by the dataset's own rules.
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

    Only a protocol that excludes or draws asks for every sequence's frames here. It draws for all
    that are listed, whether they are wanted, and can be read, or not: the draws of the others stay.
    """
    groups = protocol.groups
    there = [name for name in dataset.names() if not groups or _group(name) in groups]
    wanted = list(protocol.sequences) or there
    missing = {name: f"{dataset.root}: there is no such sequence" for name in {*wanted} - {*there}}
    for group in {*groups} - {_group(name) for name in there}:
        missing[group] = f"{dataset.root}: there is no sequence of {group}"
        if protocol.frames.draw:
            missing[group] += "; frames of the groups after it are drawn otherwise than with it"
    if protocol.frames.min_frames == 1:
        return Plan({name: () for name in wanted if name in there}, missing, [])
    generator = np.random.RandomState(protocol.frames.seed)  # the published draws come from it
    sequences: dict[str, tuple[int, ...]] = {}
    excluded = []
    for name in there:
        try:
            drawn = _drawn(dataset.frame_count(name), protocol.frames, generator)
        except MapperError as error:
            missing |= {name: str(error)} if name in wanted else {}
            continue
        if name in wanted and drawn is None:
            excluded.append(name)
        elif name in wanted and drawn is not None:
            sequences[name] = drawn
    return Plan(sequences, missing, excluded)


def _group(name: str) -> str:
    return name.partition("/")[0]


def _drawn(
    count: int, selection: FrameSelection, generator: np.random.RandomState
) -> tuple[int, ...] | None:
    """The frames drawn of `count`, none where the protocol does not draw; None if too few."""
    if count < selection.min_frames:
        return None
    if not selection.draw:
        return ()
    return tuple(int(i) for i in generator.choice(count, selection.draw, replace=False))


def selected_frames(
    sequence: BenchSequence, protocol: Protocol, drawn: tuple[int, ...] = ()
) -> list[int]:
    """Indices of the frames that the protocol takes, in the order in which they are shown.

    A folder that was prepared begins at the protocol's first frame. InputError if it cannot hold
    the frames that the protocol takes; a protocol for any dataset takes those that are there.
    """
    selection, prepared, count = protocol.frames, sequence.prepared, len(sequence)
    if selection.draw:
        return list(drawn)
    start, stride = selection.start, selection.stride
    if prepared is not None:
        start, stride = 0, _stride_within(prepared, stride) if protocol.datasets else stride
    if selection.at_least:
        stride = max(1, min(stride, count // selection.at_least))
    frames = list(range(start, count, stride))
    if not frames:
        raise InputError(f"{sequence.name}: {count} frames, the protocol starts at frame {start}")
    chosen = frames[: selection.max_frames or None]
    if prepared is not None and prepared.was_cut(count) and len(chosen) < selection.max_frames:
        raise InputError(
            f"{prepared.folder}: was cut after {count} frames, which gives {len(chosen)} of the "
            f"{selection.max_frames} that the protocol takes; use a longer folder or the whole "
            "recording"
        )
    return chosen


def preparation_notes(sequence: BenchSequence, protocol: Protocol) -> tuple[str, ...]:
    """What the reader of the figures has to know of a prepared folder, one line each."""
    prepared = sequence.prepared
    if prepared is None:
        return ()
    name, share, notes = prepared.folder.name, _share(prepared.stride), []
    if not prepared.is_told:
        notes.append(
            f"{name}: no name or time tells which frames it holds; taken for {share} of the "
            "recording, as such folders usually are"
        )
    elif prepared.stride > 1 and not protocol.datasets:
        notes.append(f"{name}: holds {share} of the recording; the protocol counts what is there")
    if not protocol.frames.max_frames and prepared.was_cut(len(sequence)):
        notes.append(f"{name}: was cut after {len(sequence)} frames of the recording")
    if protocol.task == "pose" and prepared.pose_gap > ASSOCIATION_TOLERANCE:
        notes.append(
            f"{name}: images and poses, paired by order, are up to {prepared.pose_gap:.2f} s apart"
        )
    return tuple(notes)


def _stride_within(prepared: Preparation, stride: int) -> int:
    """A stride of the recording in images of the folder."""
    if stride % prepared.stride:
        raise InputError(
            f"{prepared.folder}: holds {_share(prepared.stride)} of the recording, the protocol "
            f"takes {_share(stride)}; use the whole recording, a folder prepared for this "
            "protocol, or a protocol for this folder"
        )
    return stride // prepared.stride


def _share(stride: int) -> str:
    return "every frame" if stride == 1 else f"one frame in {stride}"
