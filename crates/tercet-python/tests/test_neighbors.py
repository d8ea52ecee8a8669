"""Nearest neighbours against scikit-learn and against the definition."""

import pickle
import tracemalloc

import numpy as np
import pytest
import scipy.sparse
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
        ({"metric": "hammer"}, "metric is 'hammer'; expected a function or one of minkowski"),
        ({"p": 0}, "p is 0; expected a number above 0"),
        ({"weights": "heavy"}, "weights is 'heavy'; expected uniform"),
        ({"algorithm": "guess"}, "algorithm is 'guess'; expected one of auto"),
        ({"n_jobs": 0}, "n_jobs is 0"),
    ],
)
def test_errors_of_invalid_parameters_name_the_parameter(params, words):
    with pytest.raises(ValueError, match=words):
        tercet.KNeighborsClassifier(**params).fit([[0], [1], [2], [3], [4]], [0, 1, 0, 1, 0])


METRICS = [
    {"metric": "chebyshev"},
    {"metric": "minkowski", "p": 1.5},
    {"metric": "minkowski", "p": 3},
    {"metric": "minkowski", "p": 2, "metric_params": {"w": [0.5, 1.0, 2.0, 0.0]}},
    {"metric": "hamming"},
    {"metric": "canberra"},
    {"metric": "braycurtis"},
    {"metric": "correlation"},
    {"metric": "cosine"},
    {"metric": "sqeuclidean"},
    {"metric": "seuclidean", "metric_params": {"V": [1.0, 0.5, 2.0, 4.0]}},
    {"metric": "mahalanobis", "metric_params": {"VI": np.diag([1.0, 2.0, 0.5, 3.0])}},
    {"metric": "nan_euclidean"},
    {"metric": lambda a, b: np.abs(a - b).max()},
]


@pytest.mark.parametrize("params", METRICS, ids=lambda params: str(params["metric"]))
def test_distances_of_every_metric_equal_those_of_scikit_learn(params):
    rng = np.random.default_rng(1)
    X, queries = rng.normal(size=(80, 4)), rng.normal(size=(9, 4))
    ours = tercet.NearestNeighbors(n_neighbors=6, radius=1.0, algorithm="brute", **params).fit(X)
    theirs = sklearn.neighbors.NearestNeighbors(n_neighbors=6, radius=1.0, algorithm="brute", **params).fit(X)
    for a, b in zip(ours.kneighbors(queries), theirs.kneighbors(queries)):
        np.testing.assert_allclose(a, b, rtol=1e-9)
    found = ours.radius_neighbors(queries, sort_results=True)
    expected = theirs.radius_neighbors(queries, sort_results=True)
    for (d, i), (e, j) in zip(zip(*found), zip(*expected)):
        np.testing.assert_allclose(d, e, rtol=1e-9)
        # scikit-learn sorts rows at the same distance in an order that depends on the machine.
        np.testing.assert_array_equal(i, j[np.lexsort((j, e))])
    copy = pickle.loads(pickle.dumps(ours)) if not callable(params["metric"]) else ours
    np.testing.assert_array_equal(copy.kneighbors(queries)[1], ours.kneighbors(queries)[1])


@pytest.mark.parametrize("metric", ["jaccard", "dice", "rogerstanimoto", "russellrao", "sokalsneath", "yule"])
def test_distances_of_booleans_equal_those_of_scikit_learn(metric):
    X, queries = np.random.default_rng(2).random((2, 60, 9)) < 0.4
    # Between two rows of zeros, 0 / 0 is NaN there and 0 here.
    queries[:, 0] = True
    ours = tercet.NearestNeighbors(n_neighbors=60, metric=metric, algorithm="brute").fit(X)
    theirs = sklearn.neighbors.NearestNeighbors(n_neighbors=60, metric=metric, algorithm="brute").fit(X)
    found, expected = ours.kneighbors(queries)[0], theirs.kneighbors(queries)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "cosine", "canberra", "correlation"])
def test_sparse_rows_have_the_neighbors_of_dense_rows(metric):
    X = scipy.sparse.random(300, 200, density=0.03, format="csr", random_state=3)
    dense = tercet.NearestNeighbors(n_neighbors=5, metric=metric).fit(X.toarray())
    sparse = tercet.NearestNeighbors(n_neighbors=5, metric=metric).fit(X)
    assert scipy.sparse.issparse(sparse._fit_X)
    np.testing.assert_allclose(sparse.kneighbors(X[:40])[0], dense.kneighbors(X[:40])[0], rtol=1e-12)
    np.testing.assert_allclose(sparse.kneighbors()[0], dense.kneighbors()[0], rtol=1e-12)
    graphs = [search.radius_neighbors_graph(radius=1.5, mode="distance") for search in (dense, sparse)]
    assert abs(graphs[0] - graphs[1]).max() < 1e-12


def test_sparse_rows_need_little_memory():
    X = scipy.sparse.random(1_000, 10_000, density=0.001, format="csr", random_state=4)
    search = tercet.KNeighborsClassifier(3).fit(X, np.arange(1_000) % 4)
    tracemalloc.start()
    search.predict(X[:200])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30e6


def test_regression_and_radius_votes_equal_those_of_scikit_learn():
    rng = np.random.default_rng(5)
    X, queries = rng.normal(size=(200, 3)), rng.normal(size=(30, 3))
    y, targets = rng.integers(0, 4, size=(200, 2)), rng.normal(size=(200, 2))
    for name, labels in [
        ("KNeighborsClassifier", y),
        ("RadiusNeighborsClassifier", y),
        ("KNeighborsRegressor", targets),
        ("RadiusNeighborsRegressor", targets),
    ]:
        for weights in ("uniform", "distance", lambda distances: 1 / (1 + distances)):
            params = {"weights": weights} | ({"radius": 3.0} if name.startswith("Radius") else {})
            ours = getattr(tercet, name)(**params).fit(X, labels)
            theirs = getattr(sklearn.neighbors, name)(**params).fit(X, labels)
            for given in (queries, None):
                np.testing.assert_allclose(ours.predict(given), theirs.predict(given), rtol=1e-9)
            if name.endswith("Classifier"):
                for a, b in zip(ours.predict_proba(queries), theirs.predict_proba(queries)):
                    np.testing.assert_allclose(a, b, rtol=1e-12)


def test_an_estimator_without_a_model_cannot_be_saved(tmp_path):
    X = np.random.default_rng(6).random((20, 3))
    model = tercet.KNeighborsClassifier(metric="minkowski", p=1.5).fit(X, np.arange(20) % 2)
    with pytest.raises(ValueError, match="pickle the estimator"):
        model.save(tmp_path / "model.safetensors")
    sparse = tercet.KNeighborsClassifier().fit(scipy.sparse.csr_matrix(X), np.arange(20) % 2)
    sparse.save(tmp_path / "model.safetensors")
    loaded = tercet.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.predict(X), sparse.predict(X))
