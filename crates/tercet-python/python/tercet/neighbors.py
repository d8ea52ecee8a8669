"""Nearest neighbours: exact search, classification and regression."""

from __future__ import annotations

from typing import Any

from ._neighbor_classifiers import KNeighborsClassifier, RadiusNeighborsClassifier
from ._neighbor_regressors import KNeighborsRegressor, RadiusNeighborsRegressor
from ._search import KSearch, RadiusSearch

__all__ = [
    "KNeighborsClassifier",
    "KNeighborsRegressor",
    "NearestNeighbors",
    "RadiusNeighborsClassifier",
    "RadiusNeighborsRegressor",
]


class NearestNeighbors(KSearch, RadiusSearch):
    """Exact nearest-neighbour search with the interface of ``sklearn.neighbors.NearestNeighbors``.

    Rows of uint8 are compared in exact integer arithmetic by the metrics "l1", "l2", "l3", "cosine" and
    "dot". All other numbers are compared as given, with the order of a direct computation in float64.
    Neighbours are ordered by (distance, index). Sparse rows stay sparse.

    Parameters
    ----------
    n_neighbors : int, default=5
        Number of neighbours.
    radius : float, default=1.0
        Largest distance of the neighbours that ``radius_neighbors`` finds.
    algorithm : {"auto", "brute", "kd_tree", "ball_tree"}, default="auto"
        Accepted for compatibility; it does not change the result.
    leaf_size : int, default=30
        Accepted for compatibility; it does not change the result.
    metric : str or callable, default="minkowski"
        Any metric of ``sklearn.neighbors``, "l3", "dot" (−q·x), "precomputed" (X is a matrix of distances),
        or a function of two rows.
    p : float, default=2
        Power of the Minkowski metric.
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
    >>> search.radius_neighbors([[4]], radius=4.5, return_distance=False)[0]
    array([0, 1])
    """

    def __init__(
        self,
        *,
        n_neighbors: int = 5,
        radius: float = 1.0,
        algorithm: str = "auto",
        leaf_size: int = 30,
        metric: Any = "minkowski",
        p: float = 2,
        metric_params: dict[str, Any] | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.radius = radius
        self.algorithm = algorithm
        self.leaf_size = leaf_size
        self.metric = metric
        self.p = p
        self.metric_params = metric_params
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> NearestNeighbors:
        """Store the rows of X.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The distances between all rows, (n_samples, n_samples), with ``metric="precomputed"``.
        y : ignored

        Returns
        -------
        self : object
        """
        self._store(*self._start(X))
        return self
