"""The place index finds the view that shares features with the one asked for."""

from __future__ import annotations

import numpy as np

from mapper.vision.place_index import PlaceIndex
from tests.support.room_views import Room, features_of


def views(count: int = 50, features: int = 200) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, features, 32), np.uint8)


def seen_again(descriptors: np.ndarray, share: float, seed: int = 1) -> np.ndarray:
    """The same features with `share` of their bits flipped, as after a small motion."""
    flips = np.random.default_rng(seed).random((len(descriptors), 256)) < share
    return descriptors ^ np.packbits(flips, axis=1)


def test_the_same_place_ranks_first_among_fifty() -> None:
    index = PlaceIndex()
    all_views = views()
    for number, descriptors in enumerate(all_views):
        index.add(number, descriptors)
    assert len(index) == 50
    for asked in (0, 17, 49):
        found = index.query(seen_again(all_views[asked], 0.05), 5)
        assert found[0][0] == asked
        assert found[0][1] > 2 * found[1][1]


def test_half_of_the_features_are_enough() -> None:
    index = PlaceIndex()
    all_views = views()
    for number, descriptors in enumerate(all_views):
        index.add(number, descriptors)
    mixed = np.concatenate([seen_again(all_views[8], 0.05)[:100], views(1, 100)[0] ^ 85])
    assert index.query(mixed, 1)[0][0] == 8


def test_answers_are_few_and_best_first() -> None:
    index = PlaceIndex()
    for number, descriptors in enumerate(views(10)):
        index.add(number, descriptors)
    scores = [score for _, score in index.query(views(10)[3], 4)]
    assert len(scores) == 4 and scores == sorted(scores, reverse=True)


def test_an_empty_view_is_filed_and_never_found() -> None:
    index = PlaceIndex()
    empty = np.zeros((0, 32), np.uint8)
    index.add(0, empty)
    index.add(1, views(1)[0])
    assert len(index) == 2
    assert index.query(empty, 5) == []
    assert [view for view, _ in index.query(views(1)[0], 5)] == [1]


def test_an_empty_index_finds_nothing() -> None:
    assert PlaceIndex().query(views(1)[0], 5) == []


def test_a_key_that_every_view_has_tells_nothing() -> None:
    index = PlaceIndex()
    common = views(1, 50)[0]
    for number, own in enumerate(views(30, 50)):
        index.add(number, np.concatenate([common, own ^ 170]))
    assert index.query(common, 30) == []


def test_the_end_of_the_walk_finds_its_beginning(room: Room) -> None:
    index = PlaceIndex()
    for number in range(0, 200, 10):
        index.add(number, features_of(room.frame(number)).descriptors)
    found = index.query(features_of(room.frame(238)).descriptors, 2)
    assert found[0][0] == 0


def test_a_view_scores_the_rarity_of_its_keys_for_each_key_asked() -> None:
    """So few features that hardly two of them share a key: each is one view's of all."""
    index, few = PlaceIndex(), views(20, 10)
    for number, descriptors in enumerate(few):
        index.add(number, descriptors)
    for asked in (3, 11):
        view, score = index.query(few[asked], 1)[0]
        assert view == asked and abs(score - np.log1p(20)) < 0.05
    half = np.concatenate([few[3], views(21, 10)[20]])
    assert abs(index.query(half, 1)[0][1] - np.log1p(20) / 2) < 0.05


def test_keys_of_two_views_are_worth_less_than_keys_of_one() -> None:
    index, few = PlaceIndex(), views(20, 10)
    for number, descriptors in enumerate([*few, few[3]]):
        index.add(number, descriptors)
    assert [view for view, _ in index.query(few[3], 2)] == [3, 20]
    assert all(abs(score - np.log1p(21 / 2)) < 0.05 for _, score in index.query(few[3], 2))


def vectors(count: int, features: int = 200, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    drawn = rng.standard_normal((count, features, 64))
    return (drawn / np.linalg.norm(drawn, axis=2, keepdims=True)).astype(np.float16)


def test_vectors_are_found_as_bits_are_and_forgotten() -> None:
    index, all_views = PlaceIndex(), vectors(50)
    for number, descriptors in enumerate(all_views):
        index.add(number, descriptors)
    noise = 0.05 * np.random.default_rng(1).standard_normal(all_views[17].shape)
    found = index.query((all_views[17] + noise).astype(np.float16), 5)  # 22 degrees off
    assert found[0][0] == 17 and found[0][1] > 2 * found[1][1]
    index.remove(17, all_views[17])
    assert 17 not in [view for view, _ in index.query(all_views[17], 50)]
