"""Exact nearest neighbours: search, and the k-nearest-neighbours classifier."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from . import _core, _rows, _threads
from ._base import Classifier, list_of, spec_of, square_of

_METRICS = {
    "l1": "l1", "manhattan": "l1", "cityblock": "l1",
    "l2": "l2", "euclidean": "l2",
    "l3": "l3", "cosine": "cosine", "dot": "dot",
}  # fmt: skip
_POWERS = {1: "l1", 2: "l2", 3: "l3"}
_ALGORITHMS = ("auto", "brute", "kd_tree", "ball_tree")


#: The longest side of an image of pixels.
_LONGEST = 16_384


def _image(X: Any, rows: np.ndarray) -> tuple[int, int, int] | None:
    """The shape of the pixels in X: rows of uint8 are a square image, if possible, or one row of pixels."""
    sides = _rows.sides_of(X)
    if sides is not None or rows.dtype != np.uint8:
        return sides
    width = rows.shape[1]
    return square_of(width) or ((1, width, 1) if width <= _LONGEST else None)


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

    def _store(
        self, raw: Any, X: np.ndarray, labels: np.ndarray, classes: tuple[list[str], str], spec: str
    ) -> None:
        self._check()
        self.model_ = _core.fit_neighbors(
            X,
            labels,
            classes,
            spec=spec,
            metric=self._metric(),
            k=min(self.n_neighbors, len(X)),
            vote=self._vote(),
            image=_image(raw, X),
            threads=_threads.resolve(self.n_jobs),
        )
        self._range = _rows.Range.of(X)
        self.n_samples_fit_ = len(X)
        self.effective_metric_ = {"l1": "manhattan", "l2": "euclidean"}.get(self._metric(), self._metric())
        self.effective_metric_params_: dict[str, Any] = {}

    def _vote(self) -> str:
        return "uniform"

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
        queries, image = (None, None) if own else _rows.queries(self, X)
        n, wanted = self.n_samples_fit_, k + own
        if wanted > n:
            raise ValueError(
                f"Expected n_neighbors {'<' if own else '<='} n_samples_fit, but n_neighbors = {k}, "
                f"n_samples_fit = {n}, n_samples = {n if queries is None else len(queries)}"
            )
        threads = _threads.resolve(self.n_jobs)
        distances, indices = self.model_.kneighbors(queries, int(wanted), image, threads)
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

    Rows of uint8 are compared in exact integer arithmetic. All other numbers are compared as given, with the
    order of a direct computation in float64. Neighbours are ordered by (distance, index).

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
        self._store(raw, X, np.zeros(len(X), dtype=np.uint32), (["row"], "text"), "none")
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
        weights; pickles keep it, model files cannot.
    algorithm : {"auto", "brute", "kd_tree", "ball_tree"}, default="auto"
        Accepted for compatibility; it does not change the result.
    leaf_size : int, default=30
        Accepted for compatibility; it does not change the result.
    p : {1, 2, 3}, default=2
        Power of the Minkowski metric.
    metric : str, default="minkowski"
        "minkowski", "euclidean" ("l2"), "manhattan" ("l1", "cityblock"), "l3", "cosine", or "dot" (−q·x).
    preprocessing : str or None, default="auto"
        What is done to each row: "auto" and None compare the numbers as they are. Steps can be added:
        "auto, standardize", or "auto, deskew, blur 0.7" for images of uint8. They are fitted on X, applied
        to all queries, and saved with the model.
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
        preprocessing: str | None = "auto",
        n_jobs: int | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.weights = weights
        self.algorithm = algorithm
        self.leaf_size = leaf_size
        self.p = p
        self.metric = metric
        self.preprocessing = preprocessing
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
        self._vote()
        if y is None:
            self._labels(y)
        raw, X = X, _rows.checked(self, X, reset=True)
        labels = self._labels(y)
        if len(labels) != len(X):
            raise ValueError(
                f"Found input variables with inconsistent numbers of samples: {[len(X), len(labels)]}"
            )
        self._store(raw, X, labels, list_of(self.classes_), spec_of(self.preprocessing))
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
            return self._weighted_votes(*self.kneighbors(X))
        rows, image = _rows.queries(self, X)
        if self.n_neighbors > self.n_samples_fit_:
            raise ValueError(
                f"Expected n_neighbors <= n_samples_fit, but n_neighbors = {self.n_neighbors}, "
                f"n_samples_fit = {self.n_samples_fit_}, n_samples = {len(rows)}"
            )
        return self._model_to_save().scores(rows, image, _threads.resolve(self.n_jobs))

    def _weighted_votes(self, distances: np.ndarray, indices: np.ndarray) -> np.ndarray:
        """The shares of the weighted votes; without any votes, the shares of the classes in the data."""
        weights = np.asarray(self.weights(distances), dtype=np.float64)
        if weights.shape != distances.shape or not np.isfinite(weights).all() or (weights < 0).any():
            raise ValueError(
                "weights: the function must return a finite number, at least 0, for each distance"
            )
        stored, count = self.model_.labels, len(self.classes_)
        votes = np.zeros((len(indices), count))
        for column in range(indices.shape[1]):
            np.add.at(votes, (np.arange(len(votes)), stored[indices[:, column]]), weights[:, column])
        votes[~votes.any(axis=1)] = np.bincount(stored, minlength=count)
        return votes / votes.sum(axis=1, keepdims=True)

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

    def _model_to_save(self) -> _core.Model:
        """The model with the parameters as they are now: they may have changed since ``fit``."""
        if callable(self.weights):
            raise ValueError(
                "weights is a function, which a model file cannot hold: pickle the estimator, "
                "or set weights to 'uniform' or 'distance'"
            )
        k, vote = min(self.n_neighbors, self.n_samples_fit_), self._vote()
        _, *now = self.model_.choices
        return self.model_ if now == [k, vote] else self.model_.with_vote(k, vote)

    def _adopt(self, model: _core.Model, fitted: dict[str, Any] | None = None) -> None:
        super()._adopt(model, fitted)
        self.n_samples_fit_ = len(model.labels)

    def _describe_model(self) -> None:
        self.metric, self.n_neighbors, self.weights = self.model_.choices
        self.p = {"l1": 1, "l2": 2, "l3": 3}.get(self.metric, 2)
