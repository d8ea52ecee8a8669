"""Means of the targets of nearest neighbours."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils import check_array, check_consistent_length

from ._search import KSearch, RadiusSearch, Search, Weights, weights_of


class _Regressor(MultiOutputMixin, RegressorMixin, Search):
    """Targets of one or more outputs."""

    def _means(
        self, starts: np.ndarray, distances: np.ndarray, indices: np.ndarray, k: int | None
    ) -> np.ndarray:
        """The weighted means of the targets of the neighbours of each query; NaN if there are none."""
        y = self._y if self._y.ndim == 2 else self._y[:, None]
        n = len(starts) - 1
        owners = np.repeat(np.arange(n), np.diff(starts))
        weights = weights_of(self.weights, distances, starts, k)
        totals = np.bincount(owners, weights, minlength=n)
        means = np.empty((n, y.shape[1]))
        with np.errstate(invalid="ignore", divide="ignore"):
            for output in range(y.shape[1]):
                targets = y[indices, output] if weights is None else y[indices, output] * weights
                means[:, output] = np.bincount(owners, targets, minlength=n) / totals
        return means if self._y.ndim == 2 else means.ravel()

    def fit(self, X: Any, y: Any) -> Any:
        """Store the rows of X and their targets.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The distances between all rows, (n_samples, n_samples), with ``metric="precomputed"``.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.

        Returns
        -------
        self : object
        """
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y is None."
            )
        raw, rows = self._start(X)
        y = check_array(y, ensure_2d=False, dtype="numeric", input_name="y")
        check_consistent_length(rows, y)
        self._y = y
        self._store(raw, rows)
        return self


class KNeighborsRegressor(KSearch, _Regressor):
    """Mean of the targets of the nearest neighbours.

    The interface is that of ``sklearn.neighbors.KNeighborsRegressor``, the search that of
    :class:`NearestNeighbors`.

    Parameters
    ----------
    n_neighbors : int, default=5
        Number of neighbours.
    weights : {"uniform", "distance"} or callable, default="uniform"
        Weight of a neighbour: 1, or 1 / distance. A function receives an array of distances and returns their
        weights.
    algorithm : {"auto", "brute", "kd_tree", "ball_tree"}, default="auto"
        Accepted for compatibility; it does not change the result.
    leaf_size : int, default=30
        Accepted for compatibility; it does not change the result.
    p : float, default=2
        Power of the Minkowski metric.
    metric : str or callable, default="minkowski"
        Any metric of ``sklearn.neighbors``, "l3", "dot" (−q·x), "precomputed" (X is a matrix of distances),
        or a function of two rows.
    metric_params : dict, default=None
        Parameters of the metric: ``w`` of "minkowski", ``V`` of "seuclidean", ``VI`` or ``V`` of
        "mahalanobis", or keyword arguments of a function.
    n_jobs : int, default=None
        Number of threads; all processors by default.

    Attributes
    ----------
    n_samples_fit_ : int
        Number of stored rows.
    n_features_in_ : int
        Number of features.
    effective_metric_ : str or callable
        Name of the metric.
    effective_metric_params_ : dict
        Parameters of the metric.

    Examples
    --------
    >>> from tercet import KNeighborsRegressor
    >>> model = KNeighborsRegressor(n_neighbors=2).fit([[0], [1], [2], [3]], [0, 0, 1, 1])
    >>> model.predict([[1.5]])
    array([0.5])
    """

    def __init__(
        self,
        n_neighbors: int = 5,
        *,
        weights: Weights = "uniform",
        algorithm: str = "auto",
        leaf_size: int = 30,
        p: float = 2,
        metric: Any = "minkowski",
        metric_params: dict[str, Any] | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.weights = weights
        self.algorithm = algorithm
        self.leaf_size = leaf_size
        self.p = p
        self.metric = metric
        self.metric_params = metric_params
        self.n_jobs = n_jobs

    def predict(self, X: Any) -> np.ndarray:
        """Predict the target of each row of X.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features), or None
            None stands for the stored rows, none of which counts as its own neighbour.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        distances, indices = self.kneighbors(X)
        n, k = indices.shape
        return self._means(np.arange(0, n * k + 1, k), distances.ravel(), indices.ravel(), k)


class RadiusNeighborsRegressor(RadiusSearch, _Regressor):
    """Mean of the targets of all neighbours within a radius.

    The interface is that of ``sklearn.neighbors.RadiusNeighborsRegressor``, the search that of
    :class:`NearestNeighbors`.

    Parameters
    ----------
    radius : float, default=1.0
        Largest distance of the neighbours.
    weights : {"uniform", "distance"} or callable, default="uniform"
        Weight of a neighbour: 1, or 1 / distance. A function receives an array of arrays of distances, one
        for each query, and returns their weights.
    algorithm : {"auto", "brute", "kd_tree", "ball_tree"}, default="auto"
        Accepted for compatibility; it does not change the result.
    leaf_size : int, default=30
        Accepted for compatibility; it does not change the result.
    p : float, default=2
        Power of the Minkowski metric.
    metric : str or callable, default="minkowski"
        Any metric of ``sklearn.neighbors``, "l3", "dot" (−q·x), "precomputed" (X is a matrix of distances),
        or a function of two rows.
    metric_params : dict, default=None
        Parameters of the metric: ``w`` of "minkowski", ``V`` of "seuclidean", ``VI`` or ``V`` of
        "mahalanobis", or keyword arguments of a function.
    n_jobs : int, default=None
        Number of threads; all processors by default.

    Attributes
    ----------
    n_samples_fit_ : int
        Number of stored rows.
    n_features_in_ : int
        Number of features.
    effective_metric_ : str or callable
        Name of the metric.
    effective_metric_params_ : dict
        Parameters of the metric.

    Examples
    --------
    >>> from tercet import RadiusNeighborsRegressor
    >>> model = RadiusNeighborsRegressor(radius=1.0).fit([[0], [1], [2], [3]], [0, 0, 1, 1])
    >>> model.predict([[1.5]])
    array([0.5])
    """

    def __init__(
        self,
        radius: float = 1.0,
        *,
        weights: Weights = "uniform",
        algorithm: str = "auto",
        leaf_size: int = 30,
        p: float = 2,
        metric: Any = "minkowski",
        metric_params: dict[str, Any] | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.radius = radius
        self.weights = weights
        self.algorithm = algorithm
        self.leaf_size = leaf_size
        self.p = p
        self.metric = metric
        self.metric_params = metric_params
        self.n_jobs = n_jobs

    def predict(self, X: Any) -> np.ndarray:
        """Predict the target of each row of X; NaN, with a warning, for rows without neighbours.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features), or None
            None stands for the stored rows, none of which counts as its own neighbour.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        starts, distances, indices = self._within(X, None)
        if (np.diff(starts) == 0).any():
            warnings.warn(
                "One or more samples have no neighbors within specified radius; predicting NaN.", stacklevel=2
            )
        return self._means(starts, distances, indices, None)
