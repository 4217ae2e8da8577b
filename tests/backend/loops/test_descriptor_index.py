"""The nearest descriptors are found, every one of them."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.backend.loops.descriptor_index import CENTRE_VIEWS, DescriptorIndex

COUNT, DIMENSION, QUERIES = 2000, 64, 200


def unit_vectors(rng: np.random.Generator, count: int) -> np.ndarray:
    vectors = rng.standard_normal((count, DIMENSION))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def near_to(rng: np.random.Generator, vectors: np.ndarray, cosine: float) -> np.ndarray:
    """Unit vectors at exactly that cosine from the given ones."""
    aside = unit_vectors(rng, len(vectors))
    aside -= (aside * vectors).sum(1, keepdims=True) * vectors
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    return cosine * vectors + np.sqrt(1 - cosine**2) * aside


def filled(vectors: np.ndarray) -> DescriptorIndex:
    index = DescriptorIndex()
    for view, vector in enumerate(vectors):
        index.add(view, vector.astype(np.float32))
    return index


@pytest.mark.parametrize("cosine", [0.6, 0.92])
def test_every_nearest_is_found(cosine: float) -> None:
    rng = np.random.default_rng(1)
    vectors = unit_vectors(rng, COUNT)
    index = filled(vectors)
    asked = rng.choice(COUNT, QUERIES, replace=False)
    queries = near_to(rng, vectors[asked], cosine)
    assert [index.query(query, 1)[0][0] for query in queries] == asked.tolist()


def test_what_is_unrelated_is_not_proposed() -> None:
    rng = np.random.default_rng(8)
    index = filled(unit_vectors(rng, 500))
    assert all(not index.query(query, 3) for query in unit_vectors(rng, 20))


@pytest.mark.parametrize("count", [20, 60])
def test_removed_views_are_found_no_more_and_the_others_still_are(count: int) -> None:
    vectors = unit_vectors(np.random.default_rng(9), count)
    index = filled(vectors)
    for view in (0, 7, count - 1):
        index.remove(view)
    index.remove(1234)
    assert len(index) == count - 3
    found = [[v for v, _ in index.query(vector, 1)] for vector in vectors]
    assert [f == [k] for k, f in enumerate(found)] == [
        k not in (0, 7, count - 1) for k in range(count)
    ]


def test_cosines_are_of_the_centred_vectors_and_sorted() -> None:
    rng = np.random.default_rng(2)
    vectors = unit_vectors(rng, 300)
    mean = vectors[:CENTRE_VIEWS].mean(0)
    query = near_to(rng, vectors[7:8], 0.97)[0]
    near = filled(np.concatenate([vectors, near_to(rng, vectors[[7, 7, 7, 7]], 0.8)]))
    found = near.query(query, 5)
    assert found[0][0] == 7 and {view for view, _ in found} == {7, 300, 301, 302, 303}
    cosines = [cosine for _, cosine in found]
    assert cosines == sorted(cosines, reverse=True)
    a, b = vectors[7] - mean, query - mean
    expected = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    assert cosines[0] == pytest.approx(expected, abs=1e-6)


def test_a_mean_that_all_share_does_not_hide_the_nearest() -> None:
    rng = np.random.default_rng(3)
    vectors = unit_vectors(rng, COUNT)
    common = 20 * unit_vectors(rng, 1)[0]
    index = filled(vectors + common)  # every pair has a cosine of 0.99 and more
    asked = rng.choice(COUNT, QUERIES, replace=False)
    queries = near_to(rng, vectors[asked], 0.97) + common
    assert [index.query(query, 1)[0][0] for query in queries] == asked.tolist()


@pytest.mark.parametrize("count", [2, CENTRE_VIEWS - 1, CENTRE_VIEWS, CENTRE_VIEWS + 5])
def test_few_vectors_are_searched_too(count: int) -> None:
    vectors = unit_vectors(np.random.default_rng(4), count)
    index = filled(vectors)
    assert len(index) == count
    for view in (0, count - 1):
        assert index.query(vectors[view], 1)[0][0] == view
    assert len(index.query(vectors[0], 1)) == 1


def test_nothing_is_found_in_an_empty_index_and_a_zero_vector_harms_nothing() -> None:
    index = DescriptorIndex()
    assert index.query(np.ones(DIMENSION), 3) == []
    index = filled(np.zeros((3, DIMENSION)))
    assert index.query(np.zeros(DIMENSION), 3) == []


def test_views_keep_the_numbers_they_were_filed_under() -> None:
    index, vectors = DescriptorIndex(), unit_vectors(np.random.default_rng(5), 50)
    for k, vector in enumerate(vectors):
        index.add(1000 + 7 * k, vector)
    assert index.query(vectors[40], 1)[0][0] == 1000 + 7 * 40
