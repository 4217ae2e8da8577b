"""Rooms to learn from are the same again, and whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mapper.rooms import RoomSequence
from mapper.train.data.batches import Batches, Source
from mapper.train.data.room_files import FIRST_SEEDS, RoomFiles
from mapper.train.data.scene import packed_scenes
from mapper.train.recipe import DataRecipe


def test_a_room_is_written_and_read_back_as_a_batch(tmp_path: Path) -> None:
    files = RoomFiles("train", (56, 42), frames=6)
    path = files.write(3, tmp_path)
    first = path.read_bytes()
    assert files.write(3, tmp_path).read_bytes() == first and path.name == "train_00003.npz"
    recipe = DataRecipe(width=56, height=42, views=4, sequences=2, longest_interval=2)
    batches = Batches([Source(packed_scenes(tmp_path, "train_"))], recipe, seed=5)
    one, same, other = batches[0], batches[0], batches[1]
    assert one.images.shape == (2, 4, 3, 42, 56) and one.valid.float().mean() > 0.9
    assert (one.images == same.images).all() and not (one.images == other.images).all()
    # Each view's points are seen again where the truth says that the next view sees them.
    own = one.points_in_own
    assert np.allclose(own[..., 2][one.valid], one.depth[one.valid], atol=1e-4)


def test_a_stretch_of_a_longer_walk_is_a_part_of_it(tmp_path: Path) -> None:
    """Each room has one of its own."""
    short, long = (RoomFiles("train", (28, 21), 6, walk) for walk in (0, 24))
    assert short.stretch(0) == range(6) and {len(long.stretch(k)) for k in range(9)} == {6}
    starts = {long.stretch(k).start for k in range(40)}
    assert min(starts) < 4 and max(starts) in range(14, 19) and len(starts) > 8
    number = 8  # hand-held
    whole = RoomSequence(long.spec(number)).ground_truth.T_world_camera
    with np.load(long.write(number, tmp_path)) as file:
        poses = file["T_world_camera"]
    stretch = long.stretch(number)
    assert np.allclose(poses, whole[stretch.start : stretch.stop], atol=1e-6)


def test_seeds_of_training_validation_and_test_are_apart() -> None:
    seeds = sorted(FIRST_SEEDS.values())
    assert min(np.diff(seeds)) >= 1_000_000 and seeds[0] >= 1_000_000
