"""Nearest neighbours against scikit-learn and against the definition."""

import numpy as np
import pytest
import sklearn.neighbors
import tercet


def test_results_equal_those_of_scikit_learn_on_pixels(mnist):
    X, y, queries, labels = mnist
    for metric in ("euclidean", "manhattan"):
        theirs = sklearn.neighbors.KNeighborsClassifier(3, metric=metric, algorithm="brute").fit(
            X.astype(float), y
        )
        ours = tercet.KNeighborsClassifier(3, metric=metric).fit(X, y)
        expected, _ = theirs.kneighbors(queries.astype(float))
        distances, indices = ours.kneighbors(queries)
        np.testing.assert_allclose(distances, expected, rtol=1e-12)
        direct = queries[:, None].astype(float) - X[indices].astype(float)
        direct = np.sqrt((direct**2).sum(2)) if metric == "euclidean" else np.abs(direct).sum(2)
        np.testing.assert_allclose(distances, direct, rtol=1e-12)
        np.testing.assert_array_equal(ours.predict(queries), theirs.predict(queries.astype(float)))
        np.testing.assert_allclose(
            ours.predict_proba(queries), theirs.predict_proba(queries.astype(float)), rtol=1e-6
        )
    assert ours.score(queries, labels) > 0.85


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.float64])
def test_the_dtype_of_integers_does_not_matter(mnist, dtype):
    X, y, queries, _ = mnist
    expected = tercet.KNeighborsClassifier().fit(X, y).kneighbors(queries)
    found = tercet.KNeighborsClassifier().fit(X.astype(dtype), y).kneighbors(queries.astype(dtype))
    for a, b in zip(expected, found):
        np.testing.assert_array_equal(a, b)


def test_equal_distances_are_ordered_by_index_and_votes_by_class():
    X = np.array([[0], [2], [4], [0]], dtype=np.uint8)
    model = tercet.KNeighborsClassifier(2).fit(X, ["b", "a", "a", "b"])
    np.testing.assert_array_equal(model.kneighbors([[1]], return_distance=False), [[0, 1]])
    # One vote each: the first class wins.
    assert model.predict([[1]]) == ["a"]
    theirs = sklearn.neighbors.KNeighborsClassifier(2).fit(X, ["b", "a", "a", "b"])
    assert theirs.predict([[1]]) == ["a"]


def test_float_queries_are_compared_as_floats_by_a_model_of_bytes():
    model = tercet.NearestNeighbors(n_neighbors=1).fit([[0], [10]])
    distances, indices = model.kneighbors([[4.75], [5.25]])
    np.testing.assert_array_equal(indices, [[0], [1]])
    np.testing.assert_array_equal(distances, [[4.75], [4.75]])


def test_without_queries_no_row_is_its_own_neighbor():
    X = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    X[7] = X[3]
    ours = tercet.NearestNeighbors(n_neighbors=3).fit(X)
    theirs = sklearn.neighbors.NearestNeighbors(n_neighbors=3).fit(X)
    np.testing.assert_allclose(ours.kneighbors()[0], theirs.kneighbors()[0], rtol=1e-5, atol=1e-6)
    assert not (ours.kneighbors()[1] == np.arange(50)[:, None]).any()
    graph = ours.kneighbors_graph(mode="distance")
    assert graph.shape == (50, 50) and graph.nnz == 150


def test_weights_can_be_a_function_of_the_distances(mnist):
    X, y, queries, _ = mnist
    ours = tercet.KNeighborsClassifier(5, weights="distance").fit(X, y)
    by_hand = tercet.KNeighborsClassifier(5, weights=lambda d: 1 / d).fit(X, y)
    theirs = sklearn.neighbors.KNeighborsClassifier(5, weights="distance").fit(X.astype(float), y)
    np.testing.assert_allclose(ours.predict_proba(queries), by_hand.predict_proba(queries), rtol=1e-5)
    np.testing.assert_allclose(
        ours.predict_proba(queries), theirs.predict_proba(queries.astype(float)), rtol=1e-5
    )


def test_changing_the_array_does_not_change_the_model():
    X = np.array([[0.0], [1.0]], dtype=np.float32)
    model = tercet.NearestNeighbors(n_neighbors=1).fit(X)
    X[:] = 100
    assert model.kneighbors([[0.1]], return_distance=False) == [[0]]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"n_neighbors": 0}, "n_neighbors is 0; expected at least 1"),
        ({"metric": "hamming"}, "metric is 'hamming'; expected one of minkowski"),
        ({"p": 7}, "p is 7; expected 1, 2 or 3"),
        ({"weights": "heavy"}, "weights is 'heavy'; expected uniform"),
        ({"algorithm": "guess"}, "algorithm is 'guess'; expected one of auto"),
        ({"n_jobs": 0}, "n_jobs is 0"),
    ],
)
def test_errors_of_invalid_parameters_name_the_parameter(params, words):
    with pytest.raises(ValueError, match=words):
        tercet.KNeighborsClassifier(**params).fit([[0], [1], [2], [3], [4]], [0, 1, 0, 1, 0])
