"""What every dataset has in common: parts that fit together, names, roots, one-line errors."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mapper.errors import ConfigError, InputError
from mapper.io.datasets.dataset import BenchSequence
from mapper.io.datasets.registry import DATASETS, open_dataset
from mapper.io.sequences.decode import read_depth
from tests.support.images import write_depth, write_image
from tests.support.poses import has_pose


def made_up() -> BenchSequence:
    poses = np.tile(np.eye(4), (3, 1, 1))
    poses[1] = np.nan
    return BenchSequence(
        name="made up",
        images=[Path(f"{i}.png") for i in range(3)],
        timestamps=np.arange(3.0),
        T_world_camera=poses,
        depths=[Path(f"{i}.depth.png") for i in range(3)],
        read_depth=read_depth,  # type: ignore[arg-type]
        intrinsics=None,
        masks=None,
    )


def test_a_frame_without_ground_truth_is_told_apart() -> None:
    sequence = made_up()
    assert len(sequence) == 3 and has_pose(sequence).tolist() == [True, False, True]


def test_a_sequence_goes_to_another_process() -> None:
    sequence = pickle.loads(pickle.dumps(made_up()))
    assert sequence.images == made_up().images and sequence.read_depth is read_depth


def flat() -> np.ndarray:
    poses = np.tile(np.eye(4), (3, 1, 1))
    poses[2, 0, 0] = -1.0  # a mirror
    return poses


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"images": []}, "no images"),
        ({"timestamps": np.arange(2.0)}, "2 timestamps for 3 images"),
        ({"timestamps": np.array([0.0, 2.0, 1.0])}, "go back"),
        ({"depths": [Path("0.depth.png")]}, "1 depths for 3 images"),
        ({"depths": None}, "go together"),
        ({"masks": [Path("0.png")]}, "1 masks for 3 images"),
        ({"T_world_camera": np.tile(np.eye(4), (4, 1, 1))}, "4 T_world_camera for 3 images"),
        ({"T_world_camera": np.zeros((3, 3, 4))}, "expected float64"),
        ({"T_world_camera": np.full((3, 4, 4), np.nan)}, "no frame has a ground-truth pose"),
        ({"T_world_camera": flat()}, "pose of frame 2 is no rigid transform"),
    ],
)
def test_parts_that_do_not_fit_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=f"made up.*{words}"):
        replace(made_up(), **change)


@pytest.mark.parametrize("name", DATASETS)
def test_an_empty_root_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{tmp_path.name}.*expected") as caught:
        open_dataset(name, tmp_path).sequences()
    assert "\n" not in str(caught.value)


def test_an_unknown_dataset_or_root_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean sintel"):
        open_dataset("sintle", tmp_path)
    with pytest.raises(InputError, match="nowhere: no such folder"):
        open_dataset("sintel", tmp_path / "nowhere")


def test_sequences_are_found_and_opened_by_name(tmp_path: Path) -> None:
    for scene in ("whiteroom", "kitchen"):
        write_image(tmp_path / scene / "images" / "img0.png", 0)
        write_depth(tmp_path / scene / "depth" / "depth0.png", 1000)
        np.savetxt(tmp_path / scene / "poses.txt", np.eye(4))
    dataset = open_dataset("nrgbd", tmp_path)
    assert (dataset.name, dataset.root) == ("nrgbd", tmp_path)
    assert dataset.names() == ["kitchen", "whiteroom"]
    assert [sequence.name for sequence in dataset.sequences()] == dataset.names()
    assert dataset.sequence("kitchen").images == [tmp_path / "kitchen" / "images" / "img0.png"]
    with pytest.raises(InputError, match=r"did you mean kitchen\?"):
        dataset.sequence("kitchens")
