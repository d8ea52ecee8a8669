"""Nearest neighbours: remember the examples; to classify a query, ask those most like it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from . import _core, _rows, _threads
from ._base import Classifier, image_of, names_of

_METRICS = {
    "l1": "l1", "manhattan": "l1", "cityblock": "l1",
    "l2": "l2", "euclidean": "l2",
    "l3": "l3", "cosine": "cosine", "dot": "dot",
}  # fmt: skip
_POWERS = {1: "l1", 2: "l2", 3: "l3"}
_ALGORITHMS = ("auto", "brute", "kd_tree", "ball_tree")


class _Floats:
    """The remembered rows as floats, made when queries come that are no pixels."""

    def __init__(self) -> None:
        self.model: _core.Model | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"model": None}


class _Neighbors(BaseEstimator):
    """Search, for both estimators."""

    _takes_images = True

    def _metric(self) -> str:
        if self.metric == "minkowski":
            if self.p in _POWERS:
                return _POWERS[self.p]
            raise ValueError(f"p is {self.p!r}; expected 1, 2 or 3 with metric='minkowski'")
        if self.metric in _METRICS:
            return _METRICS[self.metric]
        expected = ", ".join(["minkowski", *_METRICS])
        raise ValueError(f"metric is {self.metric!r}; expected one of {expected}")

    def _check(self) -> None:
        if self.algorithm not in _ALGORITHMS:
            raise ValueError(f"algorithm is {self.algorithm!r}; expected one of {', '.join(_ALGORITHMS)}")
        self._check_k(self.n_neighbors)

    @staticmethod
    def _check_k(k: Any) -> None:
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)):
            raise TypeError(f"n_neighbors is {k!r}; expected a whole number, at least 1")
        if k < 1:
            raise ValueError(f"n_neighbors is {k}; expected at least 1")

    def _remember(self, raw: Any, X: np.ndarray, labels: np.ndarray, names: list[str], vote: str) -> None:
        self._check()
        k = min(self.n_neighbors, len(X))
        pixels = _rows.as_bytes(X)
        rows = _rows.as_floats(X) if pixels is None else pixels
        self.model_ = _core.remember(
            rows, labels, names, metric=self._metric(), k=k, vote=vote,
            image=image_of(raw, rows), threads=_threads.resolve(self.n_jobs),
        )  # fmt: skip
        self._floats = _Floats()
        self._range = _rows.Range.of(rows)
        self.n_samples_fit_ = len(X)
        self.effective_metric_ = {"l1": "manhattan", "l2": "euclidean"}.get(self._metric(), self._metric())
        self.effective_metric_params_: dict[str, Any] = {}

    def _asked(self, X: np.ndarray) -> tuple[_core.Model, np.ndarray]:
        """The model and the queries in the same type: bytes where all are, else floats."""
        if not self.model_.is_pixels:
            return self.model_, _rows.as_floats(X)
        pixels = _rows.as_bytes(X)
        if pixels is not None:
            return self.model_, pixels
        if self._floats.model is None:
            metric, k, vote = self.model_.choices
            self._floats.model = _core.remember(
                self.model_.rows.astype(np.float32), self.model_.labels, self.model_.classes,
                metric=metric, k=k, vote=vote, weights=self.model_.row_weights,
            )  # fmt: skip
        return self._floats.model, _rows.as_floats(X)

    @property
    def _fit_X(self) -> np.ndarray:
        return self.model_.rows

    def kneighbors(self, X: Any = None, n_neighbors: int | None = None, return_distance: bool = True) -> Any:
        """The nearest remembered rows of every row of X, nearest first, the smaller index first where they
        are equally near.

        Returns distances and indices, each (N, k), or the indices alone. Without X, of every remembered row
        among the others.
        """
        check_is_fitted(self, "model_")
        k = self.n_neighbors if n_neighbors is None else n_neighbors
        self._check_k(k)
        alone = X is None
        if alone:
            queries = self.model_.rows
        else:
            queries, found = _rows.looked_at(self, X, reset=False)
            if self._range is not None:
                self._range.compare(queries, found)
        n, wanted = self.n_samples_fit_, k + alone
        if wanted > n:
            raise ValueError(
                f"Expected n_neighbors {'<' if alone else '<='} n_samples_fit, but n_neighbors = {k}, "
                f"n_samples_fit = {n}, n_samples = {len(queries)}"
            )
        model, queries = self._asked(queries)
        distances, indices = model.kneighbors(queries, int(wanted), _threads.resolve(self.n_jobs))
        if alone:
            # A row is among its own neighbours unless enough others are equal to it: then the last is left
            # out.
            own = indices == np.arange(n)[:, None]
            own[~own.any(axis=1), -1] = True
            distances, indices = distances[~own].reshape(n, k), indices[~own].reshape(n, k)
        return (distances, indices) if return_distance else indices

    def kneighbors_graph(
        self, X: Any = None, n_neighbors: int | None = None, mode: str = "connectivity"
    ) -> Any:
        """The neighbours as a sparse matrix, (N, number of remembered rows): ones, or distances."""
        if mode not in ("connectivity", "distance"):
            raise ValueError(f"mode is {mode!r}; expected connectivity or distance")
        distances, indices = self.kneighbors(X, n_neighbors)
        n, k = indices.shape
        values = np.ones(n * k) if mode == "connectivity" else distances.ravel()
        shape = (n, self.n_samples_fit_)
        return scipy.sparse.csr_matrix((values, indices.ravel(), np.arange(0, n * k + 1, k)), shape=shape)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class NearestNeighbors(_Neighbors):
    """Exact search of nearest neighbours, on the parameters of ``sklearn.neighbors.NearestNeighbors``.

    Whole numbers from 0 to 255 are compared in exact integer arithmetic, whatever their type; others as
    float32, in the order of a direct computation in float64. Neighbours are ordered by (distance, index).

    ``algorithm`` and ``leaf_size`` change no answer and are taken so that programs run unchanged. ``metric``
    is "minkowski" with ``p`` of 1, 2 or 3, or "euclidean", "manhattan", "cosine", or "dot" (−q·x).

    >>> import numpy as np
    >>> from tercet import NearestNeighbors
    >>> search = NearestNeighbors(n_neighbors=2).fit(np.array([[0], [3], [9]], dtype=np.uint8))
    >>> search.kneighbors([[4]])
    (array([[1., 4.]]), array([[1, 0]]))
    """

    def __init__(
        self,
        *,
        n_neighbors: int = 5,
        algorithm: str = "auto",
        leaf_size: int = 30,
        metric: str = "minkowski",
        p: int = 2,
        n_jobs: int | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.algorithm = algorithm
        self.leaf_size = leaf_size
        self.metric = metric
        self.p = p
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> NearestNeighbors:
        """Remembers the rows of X."""
        raw, X = X, _rows.checked(self, X, reset=True)
        self._remember(raw, X, np.zeros(len(X), dtype=np.uint32), ["row"], "uniform")
        return self


class KNeighborsClassifier(_Neighbors, Classifier):
    """The k-nearest-neighbours classifier, on the parameters of ``sklearn.neighbors.KNeighborsClassifier``.

    The search is that of :class:`NearestNeighbors`. The class with most votes wins; among classes with
    equally many, the first. ``weights`` is "uniform", "distance" or a function that makes an array of weights
    of one of distances.

    >>> from tercet import KNeighborsClassifier
    >>> model = KNeighborsClassifier(n_neighbors=3).fit([[0], [1], [2], [3]], ["a", "a", "b", "b"])
    >>> model.predict([[1.1]])
    array(['a'], dtype='<U1')
    >>> model.predict_proba([[0.9]])
    array([[0.6666667 , 0.33333334]], dtype=float32)
    """

    def __init__(
        self,
        n_neighbors: int = 5,
        *,
        weights: str | Callable[[np.ndarray], np.ndarray] | None = "uniform",
        algorithm: str = "auto",
        leaf_size: int = 30,
        p: int = 2,
        metric: str = "minkowski",
        n_jobs: int | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.weights = weights
        self.algorithm = algorithm
        self.leaf_size = leaf_size
        self.p = p
        self.metric = metric
        self.n_jobs = n_jobs

    def _vote(self) -> str:
        if self.weights is None or callable(self.weights):
            return "uniform"
        if self.weights not in ("uniform", "distance"):
            raise ValueError(f"weights is {self.weights!r}; expected uniform, distance or a function")
        return self.weights

    def fit(self, X: Any, y: Any) -> KNeighborsClassifier:
        """Remembers the rows of X with their classes."""
        vote = self._vote()
        if y is None:
            self._labels(y)
        raw, X = X, _rows.checked(self, X, reset=True)
        labels = self._labels(y)
        if len(labels) != len(X):
            raise ValueError(
                f"Found input variables with inconsistent numbers of samples: {[len(X), len(labels)]}"
            )
        self._remember(raw, X, labels, names_of(self.classes_), vote)
        self._fitted_on_bytes = self.model_.is_pixels
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """The share of the votes that each class has, (N, C)."""
        check_is_fitted(self, "model_")
        if callable(self.weights):
            distances, indices = self.kneighbors(X)
            votes = np.zeros((len(indices), len(self.classes_)))
            weights, labels = self.weights(distances), self.model_.labels[indices]
            for column in range(indices.shape[1]):
                np.add.at(votes, (np.arange(len(votes)), labels[:, column]), weights[:, column])
            return votes / votes.sum(axis=1, keepdims=True)
        queries, found = _rows.looked_at(self, X, reset=False)
        if self._range is not None:
            self._range.compare(queries, found)
        if self.n_neighbors > self.n_samples_fit_:
            raise ValueError(
                f"Expected n_neighbors <= n_samples_fit, but n_neighbors = {self.n_neighbors}, "
                f"n_samples_fit = {self.n_samples_fit_}, n_samples = {len(queries)}"
            )
        model, queries = self._asked(queries)
        _, k, vote = model.choices
        if (k, vote) != (self.n_neighbors, self._vote()):
            model = model.asked(self.n_neighbors, self._vote())
        return model.scores(queries, _threads.resolve(self.n_jobs))

    def predict(self, X: Any) -> np.ndarray:
        """The class of every row of X, (N)."""
        check_is_fitted(self, "model_")
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def _adopt(self, model: _core.Model) -> None:
        super()._adopt(model)
        self.metric, self.n_neighbors, self.weights = model.choices
        self.p = {"l1": 1, "l2": 2, "l3": 3}.get(self.metric, 2)
        self._floats = _Floats()
        self._range = None
        self.n_samples_fit_ = len(model.labels)
