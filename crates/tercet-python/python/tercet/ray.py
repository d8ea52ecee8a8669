"""Nearest neighbours and training on a Ray cluster, with the data distributed over actors.

Requires Ray, ``pip install ray``, which is not a dependency of this package.
"""

from __future__ import annotations

import functools
import json
import math
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import _core
from ._base import list_of, spec_of
from ._classification import GradientDescentClassifier
from ._rows import Range
from .neighbors import NearestNeighbors

ray: Any
try:
    import ray
except ImportError:
    ray = None

#: The source of a shard's rows: an array, an NPY file that every node can read, some rows of one (path,
#: start, stop), or a function without arguments that returns an array, for example from an object store.
Source = np.ndarray | str | os.PathLike[str] | tuple[Any, int, int] | Callable[[], np.ndarray]

#: About this many rows of a shard are sent to the driver, which decides by them what the data is like.
_SAMPLED = 256

#: How often Ray restarts a lost actor and retries its task.
_RESTARTS = 4


def _rows(source: Any) -> np.ndarray:
    """Load the rows of a source as uint8 or float32."""
    if isinstance(source, tuple):
        path, start, stop = source
        rows = np.load(path, mmap_mode="r")[start:stop]
    elif isinstance(source, (str, os.PathLike)):
        rows = np.load(source, mmap_mode="r")
    elif isinstance(source, dict):
        rows = ray.get(source["stored"])
    else:
        rows = source() if callable(source) else source
    rows = np.asarray(rows)
    if rows.ndim < 2 or not len(rows):
        raise ValueError(f"a shard of shape {rows.shape}; expected rows of features")
    rows = rows.reshape(len(rows), -1)
    return np.ascontiguousarray(rows, dtype=np.uint8 if rows.dtype == np.uint8 else np.float32)


class _Shard:
    """An actor that searches one shard."""

    def __init__(self, source: Any, settings: dict[str, Any]) -> None:
        rows = _rows(source)
        self.about = (len(rows), rows.shape[1], str(rows.dtype))
        self.search = NearestNeighbors(**settings).fit(rows)

    def describe(self) -> tuple[int, int, str]:
        return self.about

    def kneighbors(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        return self.search.kneighbors(queries, min(k, self.about[0]))

    def rows(self, indices: np.ndarray) -> np.ndarray:
        return self.search._fit_X[indices]


class ShardedNeighbors:
    """Exact nearest neighbours among rows that are distributed over the processes of a Ray cluster.

    A query goes to all shards in parallel. Each returns its k nearest rows, which are merged by (distance,
    index). Rows of several shards whose rounded distances are equal are compared again together, so the
    result, including ties, is that of one :class:`NearestNeighbors` on all rows.

    If a process or its machine is lost, Ray restarts it elsewhere. It reads its source again and answers the
    pending query.

    Parameters
    ----------
    sources : sequence of array, path, tuple or callable
        One shard each: an array, an NPY file, some rows of one as ``(path, start, stop)``, or a function
        that returns an array. Row indices continue from shard to shard.
    n_neighbors : int, default=5
        Number of neighbours.
    metric : {"l1", "l2", "l3", "cosine", "dot"}, default="l2"
    n_jobs : int, default=1
        Threads per shard, and CPUs that Ray reserves for it.
    actor_options : dict, default=None
        Further options of the Ray actors.

    Attributes
    ----------
    n_samples_fit_ : int
        Number of rows of all shards.
    n_features_in_ : int
        Number of features.
    offsets_ : ndarray of shape (n_shards,)
        Index of the first row of each shard.

    Examples
    --------
    >>> from tercet.ray import ShardedNeighbors  # doctest: +SKIP
    >>> search = ShardedNeighbors(["rows-0.npy", "rows-1.npy"], metric="cosine").fit()  # doctest: +SKIP
    >>> distances, indices = search.kneighbors(queries, 10)  # doctest: +SKIP
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        n_neighbors: int = 5,
        metric: str = "l2",
        n_jobs: int = 1,
        actor_options: dict[str, Any] | None = None,
    ) -> None:
        if ray is None:
            raise ImportError("tercet.ray needs Ray: pip install ray")
        self.sources = sources
        self.n_neighbors = n_neighbors
        self.metric = metric
        self.n_jobs = n_jobs
        self.actor_options = actor_options

    def fit(self) -> ShardedNeighbors:
        """Start the actors, spread over the machines, and wait until all shards are loaded.

        Returns
        -------
        self : object
        """
        if not len(self.sources):
            raise ValueError("sources is empty; expected at least one shard")
        if not ray.is_initialized():
            ray.init()
        # An array is put into Ray's object store once; a restarted actor reads it again from there.
        self._sources = [
            {"stored": ray.put(source)} if isinstance(source, np.ndarray) else source
            for source in self.sources
        ]
        self._actors = [self._start(source) for source in self._sources]
        about = ray.get([actor.describe.remote() for actor in self._actors])
        kinds = {(width, dtype) for _, width, dtype in about}
        if len(kinds) > 1:
            described = ", ".join(
                f"shard {i}: {width} features of {dtype}" for i, (_, width, dtype) in enumerate(about)
            )
            raise ValueError(f"the shards differ: {described}; expected the same for all")
        self._about = about
        counts = [count for count, _, _ in about]
        self.offsets_ = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
        self.n_samples_fit_ = int(sum(counts))
        ((self.n_features_in_, self._dtype),) = kinds
        return self

    def _start(self, source: Any) -> Any:
        options: dict[str, Any] = {
            "num_cpus": self.n_jobs,
            "scheduling_strategy": "SPREAD",
            "max_restarts": _RESTARTS,
            "max_task_retries": _RESTARTS,
        }
        settings = {"metric": self.metric, "n_jobs": self.n_jobs}
        return ray.remote(_Shard).options(**(options | (self.actor_options or {}))).remote(source, settings)

    def kneighbors(self, X: Any, n_neighbors: int | None = None, return_distance: bool = True) -> Any:
        """Find the nearest rows of each row of X, nearest first.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features)
        n_neighbors : int, default=None
            Number of neighbours; the parameter of the constructor by default.
        return_distance : bool, default=True
            Whether to return the distances.

        Returns
        -------
        distances : ndarray of shape (n_queries, n_neighbors)
            Only if ``return_distance`` is True.
        indices : ndarray of shape (n_queries, n_neighbors)
        """
        if not hasattr(self, "_actors"):
            raise ValueError("this ShardedNeighbors is not fitted yet: call fit first")
        k = self.n_neighbors if n_neighbors is None else n_neighbors
        if not 1 <= k <= self.n_samples_fit_:
            raise ValueError(f"n_neighbors is {k}; expected 1 to {self.n_samples_fit_}, the number of rows")
        X = np.asarray(X)
        X = X.reshape(len(X), -1)
        if X.shape[1] != self.n_features_in_:
            raise ValueError(f"X has {X.shape[1]} features, but the shards have {self.n_features_in_}")
        queries = ray.put(np.ascontiguousarray(X, dtype=X.dtype if X.dtype == np.uint8 else np.float32))
        asked = [actor.kneighbors.remote(queries, k) for actor in self._actors]
        answers = [
            self._answer(shard, future, "kneighbors", queries, k) for shard, future in enumerate(asked)
        ]
        distances, indices = merge(answers, self.offsets_, self.n_samples_fit_)
        if self.metric in ("cosine", "l2", "l3", "euclidean") and (
            self._dtype == "float32" or self.metric == "cosine"
        ):
            indices = self._settled(X, distances, indices, k)
        distances, indices = distances[:, :k], indices[:, :k]
        return (distances, indices) if return_distance else indices

    def _settled(self, X: np.ndarray, distances: np.ndarray, indices: np.ndarray, k: int) -> np.ndarray:
        """Order rows of several shards whose rounded distances are equal by their exact distances."""
        shards = np.searchsorted(self.offsets_, indices, side="right") - 1
        runs = []
        for query, row in enumerate(distances):
            ends = np.flatnonzero(np.diff(row, append=np.inf)) + 1
            for start, end in zip(np.concatenate([[0], ends[:-1]]), ends):
                if start < k and (shards[query, start:end] != shards[query, start]).any():
                    runs.append((query, start, end))
        if not runs:
            return indices
        needed = np.unique(np.concatenate([indices[query, start:end] for query, start, end in runs]))
        of_needed = np.searchsorted(self.offsets_, needed, side="right") - 1
        parts = [
            (shard, needed[of_needed == shard] - self.offsets_[shard])
            for shard in np.unique(of_needed).tolist()
        ]
        asked = [self._actors[shard].rows.remote(places) for shard, places in parts]
        rows = np.concatenate(
            [self._answer(s, future, "rows", places) for (s, places), future in zip(parts, asked)]
        )
        indices = indices.copy()
        for query, start, end in runs:
            # Sorted, so that rows at the same exact distance are ordered by index.
            tied = np.sort(indices[query, start:end])
            few = NearestNeighbors(metric=self.metric, n_jobs=1).fit(rows[np.searchsorted(needed, tied)])
            order = few.kneighbors(X[query : query + 1].astype(rows.dtype), len(tied), return_distance=False)
            indices[query, start:end] = tied[order[0]]
        return indices

    def _answer(self, shard: int, future: Any, method: str, *asked: Any) -> Any:
        """The result of a shard's task. If Ray gave the actor up, start another one from its source."""
        try:
            return ray.get(future)
        except ray.exceptions.RayActorError:
            actor = self._start(self._sources[shard])
            about = ray.get(actor.describe.remote())
            if about != self._about[shard]:
                raise ValueError(
                    f"shard {shard} came back with {about[0]} rows; it had {self._about[shard][0]}: "
                    "its source has changed"
                ) from None
            self._actors[shard] = actor
            return ray.get(getattr(actor, method).remote(*asked))

    def close(self) -> None:
        """Stop the actors. They are also stopped when this object is deleted."""
        for actor in self.__dict__.pop("_actors", []):
            ray.kill(actor)


#: The source of a shard's examples: X and y, each an array or an NPY file that every node can read, or a
#: function without arguments that returns both.
Examples = tuple[Any, Any] | Callable[[], tuple[Any, Any]]


class _Examples:
    """An actor that holds some of the shards."""

    def __init__(self, sources: dict[int, Any]) -> None:
        self.sources = sources
        self.setup: Any = None

    @functools.cached_property
    def shards(self) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        """X and y of each shard, read on first use: Ray does not pass on an error of the constructor."""
        return {shard: self._read(shard, source) for shard, source in self.sources.items()}

    @staticmethod
    def _read(shard: int, source: Any) -> tuple[np.ndarray, np.ndarray]:
        if isinstance(source, dict):
            source = ray.get(source["stored"])
        X, y = source() if callable(source) else source
        X, y = (
            np.load(part, mmap_mode="r") if isinstance(part, (str, os.PathLike)) else np.asarray(part)
            for part in (X, y)
        )
        if X.ndim < 2 or not len(X) or y.shape != (len(X),):
            raise ValueError(
                f"shard {shard}: X of shape {X.shape} and y of {y.shape}; "
                "expected rows of features, and one label each"
            )
        X = np.ascontiguousarray(X, dtype=X.dtype if X.dtype in (np.uint8, np.float64) else np.float32)
        if X.dtype != np.uint8 and not np.isfinite(X).all():
            raise ValueError(f"shard {shard}: X contains NaN or infinity")
        return X, y

    def describe(self) -> dict[int, dict[str, Any]]:
        return {
            shard: {
                "rows": len(X),
                "shape": X.shape[1:],
                "dtype": str(X.dtype),
                # For the checks of the estimator, and to see whether the rows are images.
                "head": (lambda places: (X[places], y[places]))(_sample(y)),
                "range": (float(X.min()), float(X.max()), float(X.mean(dtype=np.float64))),
            }
            for shard, (X, y) in self.shards.items()
        }

    def fit_preprocessing(self, spec: str, image: Any) -> dict[int, _core.Preprocessing]:
        """The preprocessing fitted on each shard."""
        return {
            shard: _core.Preprocessing.fit(spec, X.reshape(len(X), -1), image=image)
            for shard, (X, _) in self.shards.items()
        }

    def partial_gradients(
        self, setup: dict[str, Any], learned: np.ndarray, epoch: int, piece: int
    ) -> dict[int, tuple[float, np.ndarray]]:
        """The contribution of each shard to the gradient of a batch."""
        if self.setup is None or self.setup["id"] != setup["id"]:
            self.setup = setup
            self.replica = _core.Replica(_core.Model.from_bytes(setup["model"]), setup["settings"])
        added = {}
        for shard, (X, y) in self.shards.items():
            rows = piece_of(setup["seed"], shard, epoch, len(X), piece, setup["pieces"])
            if len(rows):
                labels = np.searchsorted(setup["classes"], y[rows]).astype(np.uint32)
                x = np.ascontiguousarray(X[rows].reshape(len(rows), -1))
                added[shard] = self.replica.partial_gradient(
                    learned, x, labels, setup["batches"][piece], setup["threads"]
                )
        return added


def _sample(y: np.ndarray) -> np.ndarray:
    """A few rows of a shard: one of each class, and some at equal distances."""
    spaced = np.linspace(0, len(y) - 1, min(len(y), _SAMPLED)).astype(np.int64)
    return np.union1d(np.unique(y, return_index=True)[1], spaced)


def piece_of(seed: int, shard: int, epoch: int, rows: int, piece: int, pieces: int) -> np.ndarray:
    """The rows of a shard that belong to a batch, in the order of the epoch."""
    order = np.random.default_rng((seed, shard, epoch)).permutation(rows)
    return order[piece * rows // pieces : (piece + 1) * rows // pieces]


def fit(
    estimator: Any,
    sources: Sequence[Examples],
    *,
    workers: int | None = None,
    actor_options: dict[str, Any] | None = None,
) -> Any:
    """Train an estimator by gradient descent on examples that are distributed over a Ray cluster.

    In every step, each shard contributes to the batch in proportion to its size and computes its part of the
    gradient; the parts are summed in the order of the shards. Every epoch visits each example once.

    The model depends only on the shards and their order, the estimator's parameters and ``random_state``. Any
    number of workers gives the same bits, even if Ray has to restart one. ``estimator.fit`` draws other
    batches and gives another model.

    Not supported: dropout, batch norm, early stopping, ``class_weight``, ``warm_start``, and the learning
    rates "adaptive" and "invscaling".

    Parameters
    ----------
    estimator : LinearClassifier, MLPClassifier or CNNClassifier
        The estimator to fit. Its ``n_jobs`` is the number of threads per worker.
    sources : sequence of tuple or callable
        One shard each: ``(X, y)`` as arrays or names of NPY files, or a function that returns such a pair.
    workers : int, default=None
        Number of processes; one per shard by default.
    actor_options : dict, default=None
        Further options of the Ray actors.

    Returns
    -------
    estimator : object
        The fitted estimator.

    Examples
    --------
    >>> import tercet.ray  # doctest: +SKIP
    >>> model = tercet.MLPClassifier(random_state=0)  # doctest: +SKIP
    >>> tercet.ray.fit(model, [("x0.npy", "y0.npy"), ("x1.npy", "y1.npy")], workers=2)  # doctest: +SKIP
    """
    if ray is None:
        raise ImportError("tercet.ray needs Ray: pip install ray")
    _check(estimator)
    if not len(sources):
        raise ValueError("sources is empty; expected at least one shard")
    workers = len(sources) if workers is None else workers
    if not 1 <= workers <= len(sources):
        raise ValueError(f"workers is {workers}; expected 1 to {len(sources)}, the number of shards")
    if not ray.is_initialized():
        ray.init()
    stored = [source if callable(source) else {"stored": ray.put(source)} for source in sources]
    threads = estimator._threads() or 1
    options: dict[str, Any] = {
        "num_cpus": threads,
        "scheduling_strategy": "SPREAD",
        "max_restarts": _RESTARTS,
        "max_task_retries": _RESTARTS,
    }
    holder = ray.remote(_Examples).options(**(options | (actor_options or {})))
    actors = [holder.remote({s: stored[s] for s in range(i, len(sources), workers)}) for i in range(workers)]
    try:
        _descend(estimator, actors, len(sources), threads)
    finally:
        for actor in actors:
            ray.kill(actor)
    return estimator


def _check(estimator: Any) -> None:
    """Raise an error if the estimator uses something that distributed training does not support."""
    if not isinstance(estimator, GradientDescentClassifier) or getattr(estimator, "solver", "sgd") == "dual":
        raise TypeError(f"{estimator!r} is not trained by gradient descent")
    wanted = [
        ("early_stopping", getattr(estimator, "early_stopping", False)),
        ("class_weight", estimator.class_weight is not None),
        ("warm_start", getattr(estimator, "warm_start", False)),
        (f"learning_rate={estimator.learning_rate!r}", estimator.learning_rate in ("adaptive", "invscaling")),
    ]
    for name, asked in wanted:
        if asked:
            raise ValueError(f"tercet.ray.fit does not support {name}: fit on one machine, or leave it out")


def _descend(estimator: Any, actors: list[Any], shards: int, threads: int) -> None:
    about = {
        shard: info
        for each in ray.get([actor.describe.remote() for actor in actors])
        for shard, info in each.items()
    }
    info = [about[shard] for shard in range(shards)]
    kinds = {(one["shape"], one["dtype"]) for one in info}
    if len(kinds) > 1:
        described = ", ".join(f"shard {i}: {one['shape']} of {one['dtype']}" for i, one in enumerate(info))
        raise ValueError(f"the shards differ: {described}; expected the same for all")
    # The estimator checks one example of each class.
    head_X, head_y = (np.concatenate([one["head"][part] for one in info]) for part in (0, 1))
    head = estimator._prepare(head_X, head_y, None, reset=True)
    X, image = head.X, head.image
    preprocessing = _preprocessing(estimator, actors, X, image, [one["rows"] for one in info])
    counts = [one["rows"] for one in info]
    n = sum(counts)
    estimator._seen = n
    ranges = np.array([one["range"] for one in info])
    estimator._range = Range(
        ranges[:, 0].min(), ranges[:, 1].max(), float(np.average(ranges[:, 2], weights=counts))
    )

    settings, seed = estimator._settings(n), estimator._seed()
    epochs, pieces = settings["length"]["epochs"], math.ceil(n / settings["batch"])
    request = estimator._request(X, image, settings, seed)
    model = _core.untrained(request, preprocessing, list_of(estimator.classes_))
    server = _core.ParameterServer(model, json.dumps(settings), epochs * pieces)
    sizes = [sum((p + 1) * rows // pieces - p * rows // pieces for rows in counts) for p in range(pieces)]
    setup = ray.put(
        {
            "id": os.urandom(8),
            "model": model.to_bytes(),
            "settings": json.dumps(settings),
            "classes": estimator.classes_,
            "seed": seed,
            "pieces": pieces,
            "batches": sizes,
            "threads": threads,
        }
    )
    tol, patience = getattr(estimator, "tol", None), getattr(estimator, "n_iter_no_change", math.inf)
    losses: list[float] = []
    best, waited = math.inf, 0
    for epoch in range(epochs):
        for piece in range(pieces):
            learned = ray.put(server.learned())
            answers = ray.get(
                [actor.partial_gradients.remote(setup, learned, epoch, piece) for actor in actors]
            )
            added = {shard: share for answer in answers for shard, share in answer.items()}
            # In the order of the shards, whichever worker has them: floating-point sums depend on the order.
            losses.append(server.step([added[shard] for shard in sorted(added)]))
        mean = float(np.mean(losses[-pieces:]))
        waited = 0 if mean < best - (tol or 0.0) else waited + 1
        best = min(best, mean)
        if tol is not None and waited > patience:
            break
    curve = [float(np.mean(losses[i : i + pieces])) for i in range(0, len(losses), pieces)]
    estimator._keep(server.model(), curve, None)
    estimator.t_ = estimator.n_iter_ * n


def _preprocessing(
    estimator: Any, actors: list[Any], sample: np.ndarray, image: Any, counts: list[int]
) -> _core.Preprocessing:
    """Fit the preprocessing: that of pixels on a sample, that of features on all rows of all shards."""
    spec = spec_of(estimator.preprocessing)
    if sample.dtype == np.uint8 and image is not None:
        return _core.Preprocessing.fit(spec, sample, image=image)
    answers = ray.get([actor.fit_preprocessing.remote(spec, image) for actor in actors])
    fitted = {shard: part for answer in answers for shard, part in answer.items()}
    return _core.Preprocessing.pooled([(fitted[shard], count) for shard, count in enumerate(counts)])


def merge(
    answers: Sequence[tuple[np.ndarray, np.ndarray]], offsets: Any, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Merge lists of neighbours into the k nearest of each query, ordered by (distance, index).

    Parameters
    ----------
    answers : sequence of (distances, indices)
        The neighbours found in each shard.
    offsets : array-like of shape (n_shards,)
        Index of the first row of each shard.
    k : int

    Returns
    -------
    distances, indices : ndarray of shape (n_queries, k)

    Examples
    --------
    >>> import numpy as np
    >>> lists = [(np.array([[0.0, 2.0]]), np.array([[4, 1]])), (np.array([[1.0, 2.0]]), np.array([[0, 3]]))]
    >>> merge(lists, [0, 10], 3)
    (array([[0., 1., 2.]]), array([[ 4, 10,  1]]))
    """
    distances = np.concatenate([distances for distances, _ in answers], axis=1)
    indices = np.concatenate([indices + offset for (_, indices), offset in zip(answers, offsets)], axis=1)
    # A stable sort: rows at equal distances stay in the order of the lists and their offsets.
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(distances, order, axis=1), np.take_along_axis(indices, order, axis=1)
