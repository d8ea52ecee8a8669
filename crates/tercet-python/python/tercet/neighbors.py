"""Exact nearest neighbours: search, and the k-nearest-neighbours classifier."""

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
    """The stored rows as floats, for queries that are not pixels. Created on first use, not pickled."""

    def __init__(self) -> None:
        self.model: _core.Model | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"model": None}


class _Neighbors(BaseEstimator):
    """The search, shared by both estimators."""

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
            raise TypeError(f"n_neighbors is {k!r}; expected an integer, at least 1")
        if k < 1:
            raise ValueError(f"n_neighbors is {k}; expected at least 1")

    def _store(self, raw: Any, X: np.ndarray, labels: np.ndarray, names: list[str], vote: str) -> None:
        self._check()
        k = min(self.n_neighbors, len(X))
        pixels = _rows.as_bytes(X)
        rows = _rows.as_floats(X) if pixels is None else pixels
        self.model_ = _core.remember(
            rows,
            labels,
            names,
            metric=self._metric(),
            k=k,
            vote=vote,
            image=image_of(raw, rows),
            threads=_threads.resolve(self.n_jobs),
        )
        self._floats = _Floats()
        self._range = _rows.Range.of(rows)
        self.n_samples_fit_ = len(X)
        self.effective_metric_ = {"l1": "manhattan", "l2": "euclidean"}.get(self._metric(), self._metric())
        self.effective_metric_params_: dict[str, Any] = {}

    def _model_and_queries(self, X: np.ndarray) -> tuple[_core.Model, np.ndarray]:
        """The model and the queries in the same type: uint8 if possible, otherwise float32."""
        if not self.model_.is_pixels:
            return self.model_, _rows.as_floats(X)
        pixels = _rows.as_bytes(X)
        if pixels is not None:
            return self.model_, pixels
        if self._floats.model is None:
            metric, k, vote = self.model_.choices
            self._floats.model = _core.remember(
                self.model_.rows.astype(np.float32),
                self.model_.labels,
                self.model_.classes,
                metric=metric,
                k=k,
                vote=vote,
                weights=self.model_.row_weights,
            )
        return self._floats.model, _rows.as_floats(X)

    @property
    def _fit_X(self) -> np.ndarray:
        return self.model_.rows

    def kneighbors(self, X: Any = None, n_neighbors: int | None = None, return_distance: bool = True) -> Any:
        """Find the nearest stored rows of each row of X, ordered by (distance, index).

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_queries, n_features), default=None
            The queries. By default, the stored rows, none of which counts as its own neighbour.
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
        check_is_fitted(self, "model_")
        k = self.n_neighbors if n_neighbors is None else n_neighbors
        self._check_k(k)
        own = X is None
        if own:
            queries = self.model_.rows
        else:
            queries, found = _rows.looked_at(self, X, reset=False)
            if self._range is not None:
                self._range.compare(queries, found)
        n, wanted = self.n_samples_fit_, k + own
        if wanted > n:
            raise ValueError(
                f"Expected n_neighbors {'<' if own else '<='} n_samples_fit, but n_neighbors = {k}, "
                f"n_samples_fit = {n}, n_samples = {len(queries)}"
            )
        model, queries = self._model_and_queries(queries)
        distances, indices = model.kneighbors(queries, int(wanted), _threads.resolve(self.n_jobs))
        if own:
            # A row is among its own neighbours, unless enough duplicates precede it: then drop the last one.
            itself = indices == np.arange(n)[:, None]
            itself[~itself.any(axis=1), -1] = True
            distances, indices = distances[~itself].reshape(n, k), indices[~itself].reshape(n, k)
        return (distances, indices) if return_distance else indices

    def kneighbors_graph(
        self, X: Any = None, n_neighbors: int | None = None, mode: str = "connectivity"
    ) -> Any:
        """Return the graph of neighbours as a sparse matrix.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_queries, n_features), default=None
            The queries; the stored rows by default.
        n_neighbors : int, default=None
        mode : {"connectivity", "distance"}, default="connectivity"
            Whether the entries are ones or distances.

        Returns
        -------
        graph : sparse matrix of shape (n_queries, n_samples_fit)
        """
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
    """Exact nearest-neighbour search with the interface of ``sklearn.neighbors.NearestNeighbors``.

    Integers from 0 to 255 are compared in exact integer arithmetic, whatever their type. Other numbers are
    compared as float32, with the order of a direct computation in float64. Neighbours are ordered by
    (distance, index).

    Parameters
    ----------
    n_neighbors : int, default=5
        Number of neighbours.
    algorithm : {"auto", "brute", "kd_tree", "ball_tree"}, default="auto"
        Accepted for compatibility; it does not change the result.
    leaf_size : int, default=30
        Accepted for compatibility; it does not change the result.
    metric : str, default="minkowski"
        "minkowski", "euclidean" ("l2"), "manhattan" ("l1", "cityblock"), "l3", "cosine", or "dot" (−q·x).
    p : {1, 2, 3}, default=2
        Power of the Minkowski metric.
    n_jobs : int, default=None
        Number of threads; all processors by default.

    Attributes
    ----------
    n_samples_fit_ : int
        Number of stored rows.
    n_features_in_ : int
        Number of features.
    effective_metric_ : str
        Name of the metric.

    See Also
    --------
    KNeighborsClassifier : Classifier based on this search.

    Examples
    --------
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
        """Store the rows of X.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        self : object
        """
        raw, X = X, _rows.checked(self, X, reset=True)
        self._store(raw, X, np.zeros(len(X), dtype=np.uint32), ["row"], "uniform")
        return self


class KNeighborsClassifier(_Neighbors, Classifier):
    """The k-nearest-neighbours classifier with the interface of ``sklearn.neighbors.KNeighborsClassifier``.

    The search is that of :class:`NearestNeighbors`. The class with the most votes is predicted; of several,
    the first.

    Parameters
    ----------
    n_neighbors : int, default=5
        Number of neighbours that vote.
    weights : {"uniform", "distance"} or callable, default="uniform"
        Weight of a vote: 1, or 1 / distance. A function receives an array of distances and returns one of
        weights.
    algorithm : {"auto", "brute", "kd_tree", "ball_tree"}, default="auto"
        Accepted for compatibility; it does not change the result.
    leaf_size : int, default=30
        Accepted for compatibility; it does not change the result.
    p : {1, 2, 3}, default=2
        Power of the Minkowski metric.
    metric : str, default="minkowski"
        "minkowski", "euclidean" ("l2"), "manhattan" ("l1", "cityblock"), "l3", "cosine", or "dot" (−q·x).
    n_jobs : int, default=None
        Number of threads; all processors by default.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    n_samples_fit_ : int
        Number of stored rows.
    n_features_in_ : int
        Number of features.
    effective_metric_ : str
        Name of the metric.

    Examples
    --------
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
        """Store the rows of X and their classes.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Training data. Arrays of images, (n_samples, height, width) or (n_samples, height, width,
            channels), are accepted too.
        y : array-like of shape (n_samples,)
            Class labels.

        Returns
        -------
        self : object
        """
        vote = self._vote()
        if y is None:
            self._labels(y)
        raw, X = X, _rows.checked(self, X, reset=True)
        labels = self._labels(y)
        if len(labels) != len(X):
            raise ValueError(
                f"Found input variables with inconsistent numbers of samples: {[len(X), len(labels)]}"
            )
        self._store(raw, X, labels, names_of(self.classes_), vote)
        self._fitted_on_bytes = self.model_.is_pixels
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Compute the share of the votes for each class.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
        """
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
        model, queries = self._model_and_queries(queries)
        _, k, vote = model.choices
        if (k, vote) != (self.n_neighbors, self._vote()):
            model = model.asked(self.n_neighbors, self._vote())
        return model.scores(queries, _threads.resolve(self.n_jobs))

    def predict(self, X: Any) -> np.ndarray:
        """Predict the class of each row of X.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        check_is_fitted(self, "model_")
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def _adopt(self, model: _core.Model) -> None:
        super()._adopt(model)
        self.metric, self.n_neighbors, self.weights = model.choices
        self.p = {"l1": 1, "l2": 2, "l3": 3}.get(self.metric, 2)
        self._floats = _Floats()
        self._range = None
        self.n_samples_fit_ = len(model.labels)
