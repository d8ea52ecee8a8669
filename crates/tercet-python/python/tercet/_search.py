"""What all estimators of neighbours share: their parameters, the search, and graphs of neighbours."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator
from sklearn.exceptions import DataConversionWarning
from sklearn.neighbors import sort_graph_by_row_values
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from . import _engines, _metrics, _rows, _threads
from ._base import square_of

#: How neighbours are weighted: "uniform", "distance", or a function of their distances.
Weights = str | Callable[..., Any] | None

#: The longest side of an image of pixels.
_LONGEST = 16_384


def image_of(X: Any, rows: np.ndarray) -> tuple[int, int, int] | None:
    """The shape of the pixels in X: rows of uint8 are a square image, if possible, or one row of pixels."""
    sides = _rows.sides_of(X)
    if sides is not None or rows.dtype != np.uint8:
        return sides
    width = rows.shape[1]
    return square_of(width) or ((1, width, 1) if width <= _LONGEST else None)


class Search(BaseEstimator):
    """The rows, the metric and the search."""

    _takes_images = True

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_samples_fit_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.pairwise = tags.input_tags.positive_only = self._is_precomputed()
        tags.input_tags.allow_nan = isinstance(self.metric, str) and self.metric == "nan_euclidean"
        return tags

    def _is_precomputed(self) -> bool:
        return isinstance(self.metric, str) and self.metric == "precomputed"

    def _allows_nan(self) -> bool:
        return isinstance(self.metric, str) and self.metric == "nan_euclidean"

    def _start(self, X: Any) -> tuple[Any, Any]:
        """Check the parameters and X; return X as it was given, and its rows."""
        _metrics.check_algorithm(self)
        if hasattr(self, "n_neighbors"):
            self._check_k(self.n_neighbors)
        if hasattr(self, "weights"):
            self._check_weights()
        if isinstance(X, Search) or (hasattr(X, "_fit_X") and hasattr(X, "n_samples_fit_")):
            X = X._fit_X
        elif type(X).__name__.removesuffix("64").removesuffix("32") in ("KDTree", "BallTree"):
            X = np.asarray(X.data)
        if self._is_precomputed():
            rows = self._distances(X)
            if rows.shape[0] != rows.shape[1]:
                raise ValueError(
                    f"Precomputed matrix must be square. Input is a {rows.shape[0]}x{rows.shape[1]} matrix."
                )
            self.n_features_in_ = rows.shape[1]
        else:
            rows, _ = _rows.checked_with_range(
                self, X, reset=True, keep_sparse=self._keeps_sparse(), allow_nan=self._allows_nan()
            )
        if rows.shape[0] == 0:
            raise ValueError("n_samples must be greater than 0")
        return X, rows

    def _keeps_sparse(self) -> bool:
        return True

    @staticmethod
    def _distances(X: Any) -> Any:
        """Check a matrix of distances; the entries of sparse rows become sorted by distance."""
        if not scipy.sparse.issparse(X):
            return check_array(X, ensure_non_negative=True, input_name="X", dtype=np.float64)
        if X.format not in ("csr", "csc", "coo", "lil"):
            raise TypeError(
                f"Sparse matrix in {X.format!r} format is not supported due to its handling of explicit zeros"
            )
        copied = X.format != "csr"
        X = check_array(
            X, accept_sparse="csr", ensure_non_negative=True, input_name="precomputed distance matrix"
        )
        return sort_graph_by_row_values(X, copy=not copied, warn_when_not_sorted=True)

    def _remember(self, rows: Any, metric: _metrics.Metric, engine: Any) -> None:
        self._engine = engine
        self._range = _rows.Range.of(rows) if isinstance(rows, np.ndarray) else None
        self.n_samples_fit_ = rows.shape[0]
        self.effective_metric_ = metric.effective
        self.effective_metric_params_ = metric.effective_params

    def _store(self, raw: Any, rows: Any) -> None:
        """Choose how to search."""
        metric = _metrics.resolve(self, rows)
        sparse = scipy.sparse.issparse(rows)
        if metric.name == "precomputed":
            engine: Any = _engines.Distances(rows)
        elif metric.name == "callable":
            engine = _engines.Computed(rows, metric)
        elif sparse:
            if metric.name in ("haversine", "nan_euclidean"):
                raise ValueError(f"Metric '{metric.name}' not valid for sparse input. Use a dense array")
            engine = _engines.Sparse(rows, metric)
        elif metric.is_named:
            threads = _threads.resolve(self.n_jobs)
            engine = _engines.Dense(_engines.model_of(rows, metric.name, image_of(raw, rows), threads))
        else:
            engine = _engines.Pairwise(rows, metric)
        self._remember(rows, metric, engine)

    @property
    def _fit_X(self) -> Any:
        return self._engine.rows

    def _queries(self, X: Any) -> tuple[Any, Any]:
        """Check queries; return their rows, and the shape of their images."""
        check_is_fitted(self)
        if self._is_precomputed():
            rows = self._distances(X)
            if rows.shape[1] != self.n_samples_fit_:
                raise ValueError(
                    f"X has {rows.shape[1]} features, but {type(self).__name__} is expecting "
                    f"{self.n_samples_fit_} features as input"
                )
            return rows, None
        keeps_sparse = isinstance(
            self._engine, (_engines.Sparse, _engines.Computed)
        ) and scipy.sparse.issparse(self._engine.rows)
        rows, found = _rows.checked_with_range(
            self, X, reset=False, keep_sparse=keeps_sparse, allow_nan=self._allows_nan()
        )
        sides = _rows.sides_of(X)
        dense = isinstance(rows, np.ndarray) and not self._allows_nan()
        if self._range is not None and dense and _rows.may_be_images(self, sides, rows.shape[1]):
            self._range.compare(rows, found)
        return rows, sides

    @staticmethod
    def _check_k(k: Any) -> None:
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)):
            raise TypeError(f"n_neighbors is {k!r}; expected an integer, at least 1")
        if k < 1:
            raise ValueError(f"n_neighbors is {k}; expected at least 1 (n_neighbors > 0)")

    def _check_weights(self) -> None:
        weights = self.weights
        if weights is None or callable(weights):
            return
        if not isinstance(weights, str) or weights not in ("uniform", "distance"):
            raise ValueError(f"weights is {weights!r}; expected uniform, distance or a function")


class KSearch(Search):
    """Search for a number of neighbours."""

    def kneighbors(self, X: Any = None, n_neighbors: int | None = None, return_distance: bool = True) -> Any:
        """Find the nearest stored rows of each row of X, ordered by (distance, index).

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_queries, n_features), default=None
            The queries; distances to the stored rows with ``metric="precomputed"``. By default, the stored
            rows, none of which counts as its own neighbour.
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
        check_is_fitted(self)
        k = self.n_neighbors if n_neighbors is None else n_neighbors
        self._check_k(k)
        own = X is None
        queries, image = (None, None) if X is None else self._queries(X)
        n, wanted = self.n_samples_fit_, int(k) + own
        if wanted > n:
            raise ValueError(
                f"Expected n_neighbors {'<' if own else '<='} n_samples_fit, but n_neighbors = {k}, "
                f"n_samples_fit = {n}, n_samples = {n if queries is None else queries.shape[0]}"
            )
        distances, indices = self._engine.nearest(queries, wanted, _threads.resolve(self.n_jobs), image)
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
        check_mode(mode)
        distances, indices = self.kneighbors(X, n_neighbors)
        n, k = indices.shape
        values = np.ones(n * k) if mode == "connectivity" else distances.ravel()
        shape = (n, self.n_samples_fit_)
        return scipy.sparse.csr_matrix((values, indices.ravel(), np.arange(0, n * k + 1, k)), shape=shape)


class RadiusSearch(Search):
    """Search for all neighbours within a radius."""

    def _within(self, X: Any, radius: Any) -> _engines.Lists:
        """Starts, distances and indices; a row is not its own neighbour if X is None."""
        check_is_fitted(self)
        queries, image = (None, None) if X is None else self._queries(X)
        radius = self.radius if radius is None else radius
        limits = np.asarray(radius, dtype=np.float64)
        starts, distances, indices = self._engine.within(
            queries, float(limits.max()), _threads.resolve(self.n_jobs), image
        )
        owners = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        keep = np.ones(len(indices), dtype=bool)
        if X is None:
            keep &= indices != owners
        if limits.ndim:
            keep &= distances <= limits[owners]
        if not keep.all():
            counts = np.bincount(owners[keep], minlength=len(starts) - 1)
            starts, distances, indices = np.append(0, np.cumsum(counts)), distances[keep], indices[keep]
        return starts, distances, indices

    def radius_neighbors(
        self,
        X: Any = None,
        radius: float | None = None,
        return_distance: bool = True,
        sort_results: bool = False,
    ) -> Any:
        """Find the stored rows within a radius of each row of X, those at exactly this distance included.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_queries, n_features), default=None
            The queries; distances to the stored rows with ``metric="precomputed"``. By default, the stored
            rows, none of which counts as its own neighbour.
        radius : float or array-like of shape (n_queries,), default=None
            The largest distance, or one for each query; the parameter of the constructor by default.
        return_distance : bool, default=True
            Whether to return the distances.
        sort_results : bool, default=False
            Whether the neighbours are ordered by (distance, index) instead of by index.

        Returns
        -------
        distances : ndarray of shape (n_queries,) of arrays
            Only if ``return_distance`` is True.
        indices : ndarray of shape (n_queries,) of arrays
        """
        if sort_results and not return_distance:
            raise ValueError("return_distance must be True if sort_results is True.")
        starts, distances, indices = self._within(X, radius)
        if sort_results:
            owners = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
            order = np.lexsort((indices, distances, owners))
            distances, indices = distances[order], indices[order]
        lists = arrays_of(indices, starts)
        return (arrays_of(distances, starts), lists) if return_distance else lists

    def radius_neighbors_graph(
        self,
        X: Any = None,
        radius: float | None = None,
        mode: str = "connectivity",
        sort_results: bool = False,
    ) -> Any:
        """Return the graph of the neighbours within a radius as a sparse matrix.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_queries, n_features), default=None
            The queries; the stored rows by default.
        radius : float, default=None
        mode : {"connectivity", "distance"}, default="connectivity"
            Whether the entries are ones or distances.
        sort_results : bool, default=False
            Whether the entries of a row are ordered by distance instead of by index.

        Returns
        -------
        graph : sparse matrix of shape (n_queries, n_samples_fit)
        """
        check_mode(mode)
        starts, distances, indices = self._within(X, radius)
        if sort_results and mode == "distance":
            owners = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
            order = np.lexsort((indices, distances, owners))
            distances, indices = distances[order], indices[order]
        values = np.ones(len(indices)) if mode == "connectivity" else distances
        shape = (len(starts) - 1, self.n_samples_fit_)
        return scipy.sparse.csr_matrix((values, indices, starts), shape=shape)


def check_mode(mode: str) -> None:
    """Reject unknown kinds of graphs."""
    if mode not in ("connectivity", "distance"):
        raise ValueError(
            f'Unsupported mode, must be one of "connectivity", or "distance" but got "{mode}" instead'
        )


def arrays_of(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """An array of arrays, one for each query."""
    lists = np.empty(len(starts) - 1, dtype=object)
    for i, part in enumerate(np.split(values, starts[1:-1]) if len(lists) else []):
        lists[i] = part
    return lists


def weights_of(weights: Any, distances: np.ndarray, starts: np.ndarray, k: int | None) -> np.ndarray | None:
    """The weight of each neighbour, or None if all are 1.

    A function receives the distances as a matrix if every query has k neighbours, or else as an array of
    arrays.
    """
    if weights is None or (isinstance(weights, str) and weights == "uniform"):
        return None
    if callable(weights):
        given = weights(distances.reshape(-1, k) if k else arrays_of(distances, starts))
        found = np.asarray(given, dtype=np.float64).ravel() if k else np.concatenate([*given, np.empty(0)])
        if found.shape != distances.shape:
            raise ValueError("weights: the function must return a number for each distance")
        return found
    with np.errstate(divide="ignore"):
        inverse = 1.0 / distances
    zero = np.isinf(inverse)
    if zero.any():
        # If there are neighbours at distance 0, only they count.
        owners = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        any_zero = np.bincount(owners[zero], minlength=len(starts) - 1) > 0
        inverse = np.where(any_zero[owners], zero, inverse)
    return inverse


def votes_of(labels: np.ndarray, starts: np.ndarray, weights: np.ndarray | None, classes: int) -> np.ndarray:
    """The sum of the weights of the neighbours of each class, (n_queries, n_classes)."""
    n = len(starts) - 1
    owners = np.repeat(np.arange(n), np.diff(starts))
    votes = np.bincount(owners * classes + labels, weights, minlength=n * classes)
    return votes.astype(np.float64, copy=False).reshape(n, classes)


def warn_of_column() -> None:
    """Warn that y is a column instead of a vector."""
    warnings.warn(
        "A column-vector y was passed when a 1d array was expected. Please change the shape of y to "
        "(n_samples,), for example using ravel().",
        DataConversionWarning,
        stacklevel=4,
    )
