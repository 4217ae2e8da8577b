"""Protocol files, and which frames and views they give."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from mapper.core.geometry import backproject
from mapper.core.intrinsics import Intrinsics
from mapper.errors import ConfigError, InputError
from mapper.evaluate.protocol import (
    PROTOCOLS,
    FrameSelection,
    Protocol,
    choose_protocol,
    load_protocol,
    protocol_names,
)
from mapper.evaluate.selection import plan, preparation_notes, selected_frames
from mapper.evaluate.views import PreparedView, windowed
from mapper.io.datasets.dataset import BenchSequence
from mapper.io.datasets.preparation import Preparation
from mapper.io.datasets.registry import DATASETS

NAMES = protocol_names()


@pytest.mark.parametrize("name", NAMES)
def test_every_protocol_is_sound_and_for_datasets_that_exist(name: str) -> None:
    protocol = load_protocol(name)
    assert set(protocol.datasets) <= set(DATASETS)
    assert name.endswith(f"-{protocol.task}")
    assert protocol.source
    assert protocol.version >= 1


def test_the_papers_of_the_specifications_are_there() -> None:
    papers = {name.partition("-")[0] for name in NAMES}
    assert papers == {"cut3r", "ttsa3r", "ttt3r", "stream3r", "streamvggt", "slam", "metric"}


@pytest.mark.parametrize(
    ("task", "dataset", "expected"),
    [
        ("pose", "sintel", "cut3r-sintel-pose"),
        ("pose", "co3d", "streamvggt-co3d-pose"),
        ("pose", "7scenes", "metric-any-pose"),
        ("reconstruction", "7scenes", "cut3r-7scenes-reconstruction"),
        ("mono-depth", "nyu", "cut3r-nyu-mono-depth"),
    ],
)
def test_the_preferred_protocol(task: str, dataset: str, expected: str) -> None:
    assert choose_protocol(task, dataset).name == expected


def test_a_protocol_of_another_dataset_is_refused_with_those_that_fit() -> None:
    with pytest.raises(ConfigError, match="stream3r-nrgbd-reconstruction"):
        choose_protocol("reconstruction", "nrgbd", "cut3r-7scenes-reconstruction")
    with pytest.raises(ConfigError, match="did you mean cut3r-sintel-pose"):
        choose_protocol("pose", "sintel", "cut3r-sintel-poses")


@pytest.mark.parametrize(
    "change",
    [
        {"strides": 2},
        {"task": "poses"},
        {"pose": {"alignment": "sim2"}},
        {"pose": {"metric": "pairs"}},
        {"pose": {"thresholds": [5]}},
        {"depth": {"alignments": []}},
        {"reconstruction": {"crop": 0}},
        {"frames": {"start": -1}},
        {"name": "x"},
    ],
)
def test_a_damaged_protocol_names_its_file(tmp_path: Path, change: dict) -> None:
    values = yaml.safe_load((PROTOCOLS / "metric-any-pose.yaml").read_text())
    path = tmp_path / "metric-any-pose.yaml"
    path.write_text(yaml.safe_dump({**values, **change}))
    with pytest.raises(ConfigError, match=r"metric-any-pose\.yaml"):
        load_protocol(str(path))


def sequence(count: int, prepared: Preparation | None = None, name: str = "s") -> BenchSequence:
    images = [Path(f"{i}.png") for i in range(count)]
    return BenchSequence(
        name, images, np.arange(float(count)), None, None, None, None, None, prepared=prepared
    )


def folder(stride: int, limit: int = 0, is_told: bool = True) -> Preparation:
    return Preparation(Path("data/rgb_90"), stride, is_told, limit)


def of_paper(**frames: int) -> Protocol:
    chosen = FrameSelection(**frames)
    return Protocol("mine", task="pose", datasets=("tum-dynamics",), frames=chosen)


def test_a_prepared_sequence_is_not_thinned_twice() -> None:
    protocol = of_paper(start=3, stride=6, max_frames=4)
    assert selected_frames(sequence(30), protocol) == [3, 9, 15, 21]
    assert selected_frames(sequence(30, folder(6)), protocol) == [0, 1, 2, 3]
    assert selected_frames(sequence(30, folder(2)), protocol) == [0, 3, 6, 9]


@pytest.mark.parametrize(("wanted", "there"), [(10, 3), (1, 3), (3, 10)])
def test_a_folder_that_holds_other_frames_than_the_protocol_takes_is_refused(
    wanted: int, there: int
) -> None:
    with pytest.raises(InputError, match=f"data/rgb_90: holds one frame in {there}"):
        selected_frames(sequence(90, folder(there)), of_paper(stride=wanted))


def test_a_folder_that_was_cut_too_early_is_refused_and_a_short_recording_is_not() -> None:
    protocol = of_paper(stride=3, max_frames=100)
    with pytest.raises(InputError, match="rgb_90: was cut after 90 frames, which gives 90 of"):
        selected_frames(sequence(90, folder(3, limit=90)), protocol)
    with pytest.raises(InputError, match="gives 67 of the 100"):
        selected_frames(sequence(200, folder(1, limit=200)), protocol)
    assert len(selected_frames(sequence(89, folder(3, limit=90)), protocol)) == 89


def test_a_protocol_for_any_dataset_takes_what_is_there_and_says_so() -> None:
    protocol = replace(of_paper(stride=20), datasets=())
    thinned = sequence(90, folder(3, limit=90))
    assert selected_frames(thinned, protocol) == [0, 20, 40, 60, 80]
    notes = preparation_notes(thinned, protocol)
    assert [note.split(":")[0] for note in notes] == ["rgb_90", "rgb_90"]
    assert "one frame in 3" in notes[0]
    assert "cut after 90" in notes[1]


def test_a_stride_that_nothing_tells_is_noted() -> None:
    protocol = of_paper(stride=3, max_frames=90)
    (note,) = preparation_notes(sequence(90, folder(3, 90, is_told=False)), protocol)
    assert note.startswith("rgb_90: no name or time tells")
    assert preparation_notes(sequence(90, folder(3, 90)), protocol) == ()
    assert preparation_notes(sequence(90), protocol) == ()


def test_poses_that_are_not_of_their_images_times_are_noted() -> None:
    protocol = of_paper(stride=3, max_frames=90)
    late = replace(folder(3, 90), pose_gap=0.5)
    (note,) = preparation_notes(sequence(90, late), protocol)
    assert note == "rgb_90: images and poses, paired by order, are up to 0.50 s apart"
    assert preparation_notes(sequence(90, replace(late, pose_gap=0.02)), protocol) == ()


def test_a_short_sequence_keeps_two_views() -> None:
    protocol = of_paper(stride=500, at_least=2)
    assert selected_frames(sequence(1400), protocol) == [0, 500, 1000]
    assert selected_frames(sequence(301), protocol) == [0, 150, 300]


def test_a_sequence_that_ends_before_the_first_frame_is_refused() -> None:
    with pytest.raises(InputError, match="starts at frame 30"):
        selected_frames(sequence(20), of_paper(start=30))


class Counts:
    """A dataset of sequences of these lengths."""

    name, root = "counts", Path("counts")

    def __init__(self, counts: dict[str, int]) -> None:
        self._counts = counts

    def names(self) -> list[str]:
        return sorted(self._counts)

    def sequence(self, name: str) -> BenchSequence:
        return sequence(self._counts[name], name=name)

    def frame_count(self, name: str) -> int:
        return self._counts[name]

    def sequences(self) -> list[BenchSequence]:
        return [self.sequence(name) for name in self.names()]


def test_random_frames_are_the_same_each_time_and_differ_by_sequence() -> None:
    protocol = replace(load_protocol("streamvggt-co3d-pose"), groups=("apple", "cup"))
    dataset = Counts({"apple/1": 202, "apple/2": 202, "cup/1": 49})
    first, second = plan(protocol, dataset), plan(protocol, dataset)
    assert first == second
    assert first.excluded == ["cup/1"]
    assert first.missing == {}
    # One generator over all, started once: the second sequence has its second draw.
    generator = np.random.RandomState(0)
    for name in ("apple/1", "apple/2"):
        assert first.sequences[name] == tuple(generator.permutation(202)[:10])


def test_a_choice_of_sequences_does_not_change_their_frames() -> None:
    protocol = replace(load_protocol("streamvggt-co3d-pose"), groups=("apple", "cup"))
    dataset = Counts({"apple/1": 202, "apple/2": 100, "cup/1": 80})
    few = plan(replace(protocol, sequences=("cup/1",)), dataset)
    assert few.sequences == {"cup/1": plan(protocol, dataset).sequences["cup/1"]}


def test_groups_that_the_protocol_takes_are_told_and_others_are_not_drawn_for() -> None:
    protocol = replace(load_protocol("streamvggt-co3d-pose"), groups=("apple", "cup", "vase"))
    dataset = Counts({"apple/1": 60, "ball/1": 60, "cup/1": 60})
    todo = plan(protocol, dataset)
    assert list(todo.sequences) == ["apple/1", "cup/1"]
    assert list(todo.missing) == ["vase"]
    assert todo.sequences == plan(protocol, Counts({"apple/1": 60, "cup/1": 60})).sequences


def test_the_seen_categories_of_co3d_are_41() -> None:
    groups = load_protocol("streamvggt-co3d-pose").groups
    assert len(set(groups)) == 41
    assert list(groups) == sorted(groups)


def test_sequences_that_the_protocol_names_and_nobody_has_are_missing() -> None:
    protocol = load_protocol("slam-7scenes-pose")
    todo = plan(protocol, Counts({"office/seq-01": 9, "office/seq-02": 9}))
    assert list(todo.sequences) == ["office/seq-01"]
    assert len(todo.missing) == 6


def test_a_window_keeps_points_where_they_are() -> None:
    rows, columns = np.indices((480, 640))
    camera = Intrinsics(525.0, 525.0, 330.2, 236.9, 640, 480)
    depth = (2 + columns / 640 + rows / 480).astype(np.float32)
    view = windowed(PreparedView(np.zeros((480, 640, 3), np.uint8), depth, camera), 512, 384)
    assert view.depth is not None
    assert view.intrinsics is not None
    assert view.depth.shape == (384, 512)
    assert abs(view.intrinsics.cx - 255.5) < 1
    assert abs(view.intrinsics.cy - 191.5) < 1
    points = backproject(view.depth, view.intrinsics).reshape(-1, 3)
    x, y, z = points.T
    u, v = 525 * x / z + 330.2, 525 * y / z + 236.9
    # OpenCV's nearest pixel is up to an eighth off, besides the rounding.
    assert np.abs(2 + u / 640 + v / 480 - z).max() < 1.125 * (1 / 640 + 1 / 480)
