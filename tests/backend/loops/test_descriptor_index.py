"""The nearest descriptors are found without comparing with all."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.backend.loops.descriptor_index import CENTRE_VIEWS, DescriptorIndex

COUNT, DIMENSION, QUERIES = 2000, 64, 200


class CountingIndex(DescriptorIndex):
    """Counts the vectors that queries were compared with."""

    compared = 0

    def _near(self, descriptor: np.ndarray) -> list[int]:
        near = super()._near(descriptor)
        self.compared += len(near)
        return near


def unit_vectors(rng: np.random.Generator, count: int) -> np.ndarray:
    vectors = rng.standard_normal((count, DIMENSION))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def near_to(rng: np.random.Generator, vectors: np.ndarray, cosine: float) -> np.ndarray:
    """Unit vectors at exactly that cosine from the given ones."""
    aside = unit_vectors(rng, len(vectors))
    aside -= (aside * vectors).sum(1, keepdims=True) * vectors
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    return cosine * vectors + np.sqrt(1 - cosine**2) * aside


def filled(vectors: np.ndarray) -> CountingIndex:
    index = CountingIndex()
    for view, vector in enumerate(vectors):
        index.add(view, vector.astype(np.float32))
    return index


@pytest.mark.parametrize("cosine", [0.92, 0.97])
def test_the_nearest_of_many_is_found_by_looking_at_few(cosine: float) -> None:
    rng = np.random.default_rng(1)
    vectors = unit_vectors(rng, COUNT)
    index = filled(vectors)
    asked = rng.choice(COUNT, QUERIES, replace=False)
    queries = near_to(rng, vectors[asked], cosine)
    found = [index.query(query, 1) for query in queries]
    hits = [bool(f) and f[0][0] == k for f, k in zip(found, asked, strict=True)]
    # One bit agrees with 1 - acos(c) / pi, all ten of a table with its tenth power: 0.25 at
    # cosine 0.92, and one of twelve tables with 1 - 0.75^12 = 0.97.
    assert np.mean(hits) > 0.9
    # Unrelated vectors share a key of ten bits in one of twelve tables with 1.2 %.
    assert index.compared < 0.03 * COUNT * QUERIES


def test_cosines_are_of_the_centred_vectors_and_sorted() -> None:
    rng = np.random.default_rng(2)
    vectors = unit_vectors(rng, 300)
    index = filled(vectors)
    mean = vectors[:CENTRE_VIEWS].mean(0)
    query = near_to(rng, vectors[7:8], 0.97)[0]
    found = index.query(query, 5)
    assert found[0][0] == 7
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
    hits = [index.query(q, 1)[:1] for q in queries]
    assert np.mean([bool(h) and h[0][0] == k for h, k in zip(hits, asked, strict=True)]) > 0.9
    assert index.compared < 0.03 * COUNT * QUERIES


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
    assert all(np.isfinite(cosine) for _, cosine in index.query(np.zeros(DIMENSION), 3))


def test_views_keep_the_numbers_they_were_filed_under() -> None:
    index, vectors = DescriptorIndex(), unit_vectors(np.random.default_rng(5), 50)
    for k, vector in enumerate(vectors):
        index.add(1000 + 7 * k, vector)
    assert index.query(vectors[40], 1)[0][0] == 1000 + 7 * 40
