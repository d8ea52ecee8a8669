"""Neighbours, training and tuning on a local Ray cluster of two workers.

Not part of `cargo xtask test`, because Ray is a large dependency:

pip install ray "dask[distributed]" pytest pandas ./crates/tercet-python
pytest crates/tercet-python/tests/cluster
"""

import threading
import time

import joblib
import numpy as np
import pytest
import tercet
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.model_selection import GridSearchCV

ray = pytest.importorskip("ray")
from ray.cluster_utils import Cluster  # noqa: E402
from tercet.ray import ShardedNeighbors, merge  # noqa: E402


@pytest.fixture(scope="module")
def cluster():
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = [made.add_node(num_cpus=2) for _ in range(2)]
    ray.init(address=made.address, log_to_driver=False)
    yield made, nodes
    ray.shutdown()
    made.shutdown()


def rows(kind, count, seed):
    rng = np.random.default_rng(seed)
    # Few distinct values, so that there are many ties.
    values = rng.integers(0, 4, (count, 12))
    return values.astype(np.uint8) if kind == "pixels" else (values / 3).astype(np.float32)


@pytest.mark.parametrize(
    ("kind", "metric"), [("pixels", "l2"), ("pixels", "cosine"), ("features", "l2"), ("features", "dot")]
)
def test_shards_give_the_result_of_one_machine_including_ties(cluster, tmp_path, kind, metric):
    base, queries = rows(kind, 500, 1), rows(kind, 40, 2)
    np.save(tmp_path / "rows.npy", base)
    path = str(tmp_path / "rows.npy")
    sources = [base[:100], (path, 100, 350), lambda: np.load(path)[350:]]
    search = ShardedNeighbors(sources, metric=metric).fit()
    whole = tercet.NearestNeighbors(metric=metric).fit(base)
    for k in (1, 7, 150, 500):
        distances, indices = search.kneighbors(queries, k)
        expected = whole.kneighbors(queries, k)
        np.testing.assert_array_equal(distances, expected[0])
        np.testing.assert_array_equal(indices, expected[1])
    search.close()


def test_actors_are_spread_over_the_nodes(cluster):
    search = ShardedNeighbors([rows("pixels", 50, 1), rows("pixels", 50, 2)], n_jobs=2).fit()
    node = [
        actor.__ray_call__.remote(lambda _: ray.get_runtime_context().get_node_id())
        for actor in search._actors
    ]
    assert len(set(ray.get(node))) == 2
    search.close()


@pytest.mark.parametrize("for_ever", [False, True])
def test_a_lost_actor_is_restarted_and_the_query_answered(cluster, tmp_path, for_ever):
    base, queries = rows("pixels", 300, 3), rows("pixels", 20, 4)
    np.save(tmp_path / "rows.npy", base[200:])
    search = ShardedNeighbors([base[:200], str(tmp_path / "rows.npy")]).fit()
    expected = search.kneighbors(queries, 9)
    for actor in list(search._actors):
        ray.kill(actor, no_restart=for_ever)
    for found, wanted in zip(search.kneighbors(queries, 9), expected):
        np.testing.assert_array_equal(found, wanted)
    # A source that has changed in the meantime is an error.
    if for_ever:
        np.save(tmp_path / "rows.npy", base[250:])
        ray.kill(search._actors[1])
        with pytest.raises(ValueError, match="its source has changed"):
            search.kneighbors(queries, 9)
    search.close()


def test_actors_of_a_lost_machine_move_to_the_others(cluster):
    made, _ = cluster
    third = made.add_node(num_cpus=2, resources={"third": 1})
    made.wait_for_nodes()
    base, queries = rows("pixels", 200, 5), rows("pixels", 10, 6)
    expected = tercet.NearestNeighbors(n_neighbors=5).fit(base).kneighbors(queries)
    search = ShardedNeighbors([base[:50], base[50:100], base[100:]]).fit()
    where = [
        actor.__ray_call__.remote(lambda _: ray.get_runtime_context().get_node_id())
        for actor in search._actors
    ]
    assert third.node_id in ray.get(where), "a shard lies on the machine that is lost"
    made.remove_node(third)
    for found, wanted in zip(search.kneighbors(queries), expected):
        np.testing.assert_array_equal(found, wanted)
    search.close()


def test_invalid_arguments_are_rejected(cluster):
    with pytest.raises(ValueError, match="sources is empty"):
        ShardedNeighbors([]).fit()
    with pytest.raises(ValueError, match="the shards differ"):
        ShardedNeighbors([rows("pixels", 9, 1), rows("features", 9, 1)]).fit()
    search = ShardedNeighbors([rows("pixels", 9, 1)])
    with pytest.raises(ValueError, match="not fitted"):
        search.kneighbors(rows("pixels", 1, 1))
    search.fit()
    with pytest.raises(ValueError, match="expected 1 to 9"):
        search.kneighbors(rows("pixels", 1, 1), 10)
    with pytest.raises(ValueError, match="12"):
        search.kneighbors(np.zeros((1, 3), np.uint8))
    search.close()


def shards_of_digits(tmp_path):
    X, y = load_digits(return_X_y=True)
    X = (15 * X).astype(np.uint8)
    np.save(tmp_path / "X.npy", X[300:700])
    np.save(tmp_path / "y.npy", y[300:700])
    files = str(tmp_path / "X.npy"), str(tmp_path / "y.npy")
    return [(X[:300], y[:300]), files, lambda: (X[700:1100], y[700:1100]), (X[1100:1400], y[1100:1400])], (
        X[1400:],
        y[1400:],
    )


@pytest.mark.parametrize(
    "model",
    [
        tercet.MLPClassifier(hidden_layer_sizes=(32,), max_iter=30, learning_rate_init=0.01, random_state=0),
        tercet.CNNClassifier(
            max_iter=15, learning_rate_init=0.01, layers="conv3-4 relu pool flatten dense10", random_state=0
        ),
        tercet.LinearClassifier(max_iter=12, loss="softmax", random_state=0),
    ],
)
def test_one_worker_and_four_train_to_the_same_bits(cluster, tmp_path, model):
    sources, (X, y) = shards_of_digits(tmp_path)
    fitted = [tercet.ray.fit(clone(model), sources, workers=workers) for workers in (1, 2, 4)]
    weights = [
        np.concatenate([np.concatenate([w.ravel(), b]) for w, b in one.model_.weights()]) for one in fitted
    ]
    for one, values in zip(fitted[1:], weights[1:]):
        np.testing.assert_array_equal(values, weights[0])
        assert one.loss_curve_ == fitted[0].loss_curve_
    assert fitted[0].loss_curve_[-1] < 0.5 * fitted[0].loss_curve_[0]
    assert fitted[0].score(X, y) > 0.8
    # The estimator can be saved, and another split of the examples gives another model.
    fitted[0].save(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(
        tercet.load(tmp_path / "model.safetensors").predict(X), fitted[0].predict(X)
    )
    other = tercet.ray.fit(clone(model), sources[::-1])
    assert other.loss_curve_ != fitted[0].loss_curve_


def test_a_lost_worker_does_not_change_the_model(cluster, tmp_path, monkeypatch):
    sources, _ = shards_of_digits(tmp_path)
    model = tercet.MLPClassifier(hidden_layer_sizes=(32,), max_iter=40, tol=None, random_state=0)
    expected = tercet.ray.fit(clone(model), sources, workers=2).model_.to_bytes()

    in_time = []
    descend = tercet.ray._descend

    def with_a_loss(estimator, actors, *rest):
        lost = []

        def kill():
            time.sleep(0.2)
            ray.kill(actors[1], no_restart=False)
            lost.append(time.monotonic())

        thread = threading.Thread(target=kill)
        thread.start()
        descend(estimator, actors, *rest)
        ended = time.monotonic()
        thread.join()
        in_time.append(lost[0] < ended)

    monkeypatch.setattr(tercet.ray, "_descend", with_a_loss)
    # On a busy machine, training may end before the worker is lost.
    for _ in range(10):
        assert tercet.ray.fit(clone(model), sources, workers=2).model_.to_bytes() == expected
        if in_time[-1]:
            return
    pytest.fail("training always ended before a worker was lost")


def test_unsupported_training_is_rejected(cluster):
    X, y = load_digits(return_X_y=True)
    model = tercet.MLPClassifier(max_iter=2)
    with pytest.raises(TypeError, match="gradient descent"):
        tercet.ray.fit(tercet.KNeighborsClassifier(), [(X, y)])
    with pytest.raises(TypeError, match="gradient descent"):
        tercet.ray.fit(tercet.LinearClassifier(solver="dual"), [(X, y)])
    with pytest.raises(ValueError, match="early_stopping"):
        tercet.ray.fit(tercet.MLPClassifier(early_stopping=True), [(X, y)])
    with pytest.raises(ValueError, match="sources is empty"):
        tercet.ray.fit(model, [])
    with pytest.raises(ValueError, match="workers is 2; expected 1 to 1"):
        tercet.ray.fit(model, [(X, y)], workers=2)
    with pytest.raises(ValueError, match="the shards differ"):
        tercet.ray.fit(model, [(X, y), (X[:, :9], y)])
    with pytest.raises(ValueError, match="one label each"):
        tercet.ray.fit(model, [(X, y[:9])])
    with pytest.raises(ValueError, match="dropout"):
        tercet.ray.fit(tercet.MLPClassifier(dropout=0.5), [(X, y)])


def test_every_row_is_in_one_batch_of_an_epoch():
    seen = np.concatenate([tercet.ray.piece_of(7, 1, 2, 103, piece, 8) for piece in range(8)])
    assert sorted(seen) == list(range(103))
    assert not np.array_equal(
        seen, np.concatenate([tercet.ray.piece_of(7, 1, 3, 103, piece, 8) for piece in range(8)])
    )


def test_lists_are_merged_by_distance_and_index():
    lists = [(np.array([[0.0, 2.0]]), np.array([[4, 1]])), (np.array([[1.0, 2.0]]), np.array([[0, 3]]))]
    distances, indices = merge(lists, [0, 10], 3)
    assert distances.tolist() == [[0, 1, 2]] and indices.tolist() == [[4, 10, 1]]


@pytest.mark.parametrize("backend", ["ray", "dask"])
def test_tuning_on_a_cluster_gives_the_same_result(cluster, backend):
    X, y = load_digits(return_X_y=True)
    X, y = X[:600] / 16, y[:600]
    grid = {"hidden_layer_sizes": [(8,), (16,)], "alpha": [1e-4, 1e-2]}
    model = tercet.MLPClassifier(max_iter=8, random_state=0, n_jobs=1)

    def search():
        found = GridSearchCV(model, grid, cv=3, n_jobs=2).fit(X, y).cv_results_["mean_test_score"]
        tuned = tercet.tune(
            tercet.KNeighborsClassifier(), {"n_neighbors": [1, 5, 60]}, *load_iris(return_X_y=True), n_jobs=2
        )
        return found, tuned.frame()["score"].to_numpy()

    local = search()
    if backend == "ray":
        from ray.util.joblib import register_ray

        register_ray()
        with joblib.parallel_config("ray"):
            spread = search()
    else:
        distributed = pytest.importorskip("distributed")
        cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
        with cluster, distributed.Client(cluster), joblib.parallel_config("dask"):
            spread = search()
    for found, wanted in zip(spread, local):
        np.testing.assert_array_equal(found, wanted)
