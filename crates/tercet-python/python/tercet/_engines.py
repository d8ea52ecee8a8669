"""Search among rows that are stored in different ways: by the core, sparse, or as a matrix of distances.

An engine has two methods. ``nearest`` returns the distances and indices of the k nearest rows of each query,
ordered by (distance, index). ``within`` returns the rows within a radius: where the list of each query
starts, the distances and the indices. Without queries, the stored rows are the queries.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse

from . import _core
from ._metrics import Metric

#: Distances and indices.
Table = tuple[np.ndarray, np.ndarray]
#: Starts, distances and indices.
Lists = tuple[np.ndarray, np.ndarray, np.ndarray]

#: How many numbers of sparse rows, or distances, are in memory at a time.
_AT_ONCE = 1 << 18


class Dense:
    """Rows in a model of the core."""

    def __init__(self, model: _core.Model) -> None:
        self.model = model

    @property
    def rows(self) -> np.ndarray:
        return self.model.rows

    def nearest(self, queries: Any, k: int, threads: int | None, image: Any = None) -> Table:
        return self.model.kneighbors(queries, k, image, threads)

    def within(self, queries: Any, radius: float, threads: int | None, image: Any = None) -> Lists:
        return self.model.radius_neighbors(queries, radius, image, threads)


class Pairwise:
    """Rows that are compared pair by pair, in float64."""

    def __init__(self, X: np.ndarray, metric: Metric) -> None:
        X = np.ascontiguousarray(X, dtype=np.float64)
        self.index = _core.PairwiseNeighbors(X, metric.name, metric.power, metric.numbers)

    @property
    def rows(self) -> np.ndarray:
        return self.index.rows

    def nearest(self, queries: Any, k: int, threads: int | None, image: Any = None) -> Table:
        return self.index.kneighbors(_as_floats(queries), k, threads)

    def within(self, queries: Any, radius: float, threads: int | None, image: Any = None) -> Lists:
        return self.index.radius_neighbors(_as_floats(queries), radius, threads)


def _as_floats(queries: Any) -> np.ndarray | None:
    return None if queries is None else np.ascontiguousarray(queries, dtype=np.float64)


class _Blocks:
    """A search of one block of queries and one block of rows after another, whose results are merged."""

    rows: Any

    def _parts(self, queries: Any) -> Iterator[tuple[slice, list[slice]]]:
        raise NotImplementedError

    def _of(self, queries: Any, q: slice, x: slice) -> Any:
        """The engine for a block of rows, and the block of queries."""
        raise NotImplementedError

    def nearest(self, queries: Any, k: int, threads: int | None, image: Any = None) -> Table:
        queries = self.rows if queries is None else queries
        n = queries.shape[0]
        distances, indices = np.empty((n, k)), np.empty((n, k), dtype=np.int64)
        for q, parts in self._parts(queries):
            near, at = np.empty((q.stop - q.start, 0)), np.empty((q.stop - q.start, 0), dtype=np.int64)
            for x in parts:
                engine, block = self._of(queries, q, x)
                found, places = engine.nearest(block, min(k, x.stop - x.start), threads)
                near, at = np.hstack([near, found]), np.hstack([at, places + x.start])
                # The rows of earlier blocks come first, so a stable sort orders by (distance, index).
                order = np.argsort(near, axis=1, kind="stable")[:, :k]
                near, at = np.take_along_axis(near, order, axis=1), np.take_along_axis(at, order, axis=1)
            distances[q], indices[q] = near, at
        return distances, indices

    def within(self, queries: Any, radius: float, threads: int | None, image: Any = None) -> Lists:
        queries = self.rows if queries is None else queries
        counts = np.zeros(queries.shape[0] + 1, dtype=np.int64)
        all_distances, all_indices = [np.empty(0)], [np.empty(0, dtype=np.int64)]
        for q, parts in self._parts(queries):
            owners, near, at = [], [], []
            for x in parts:
                engine, block = self._of(queries, q, x)
                starts, found, places = engine.within(block, radius, threads)
                owners.append(np.repeat(np.arange(q.stop - q.start), np.diff(starts)))
                near.append(found)
                at.append(places + x.start)
            owner = np.concatenate(owners)
            order = np.argsort(owner, kind="stable")
            all_distances.append(np.concatenate(near)[order])
            all_indices.append(np.concatenate(at)[order])
            counts[q.start + 1 : q.stop + 1] = np.bincount(owner, minlength=q.stop - q.start)
        return np.cumsum(counts), np.concatenate(all_distances), np.concatenate(all_indices)


def _slices(n: int, size: int) -> list[slice]:
    return [slice(start, min(n, start + size)) for start in range(0, n, size)]


class Sparse(_Blocks):
    """Sparse rows, of which a few are made dense at a time, without the columns that are 0 in all of them."""

    def __init__(self, X: Any, metric: Metric) -> None:
        self.rows, self.metric = X.tocsr(), metric
        self.rows.sum_duplicates()

    def _size(self, X: Any) -> int:
        """Rows per block."""
        n, width = X.shape
        filled = X.nnz / max(1, n)
        size = 1024
        while size > 16 and size * min(width, 2 * size * filled + 1) > _AT_ONCE:
            size //= 2
        return size

    def _parts(self, queries: Any) -> Iterator[tuple[slice, list[slice]]]:
        parts = _slices(self.rows.shape[0], self._size(self.rows))
        for q in _slices(queries.shape[0], self._size(queries) if scipy.sparse.issparse(queries) else 16):
            yield q, parts

    def _of(self, queries: Any, q: slice, x: slice) -> Any:
        block, rows = scipy.sparse.csr_matrix(queries[q]), self.rows[x]
        columns = np.arange(self.rows.shape[1])
        if self.metric.ignores_zeros:
            columns = np.union1d(block.indices, rows.indices)
            columns = columns if len(columns) else np.zeros(1, dtype=np.int64)
        metric, numbers = self.metric, self.metric.of_columns(columns)
        dense = _columns(rows, columns)
        if metric.is_named:
            engine: Any = Dense(model_of(dense, metric.name, None, threads=1))
        else:
            engine = Pairwise(dense, Metric(metric.name, None, {}, metric.power, numbers))
        return engine, _columns(block, columns)


def _columns(X: Any, columns: np.ndarray) -> np.ndarray:
    """Some of the columns as a dense array; all others are 0."""
    places = np.searchsorted(columns, X.indices)
    shape = (X.shape[0], len(columns))
    values = X.data if X.data.dtype == np.float32 else X.data.astype(np.float64)
    return scipy.sparse.csr_matrix((values, places, X.indptr), shape=shape).toarray()


def model_of(X: np.ndarray, metric: str, image: Any, threads: int | None) -> _core.Model:
    """A model that only searches."""
    labels = np.zeros(len(X), dtype=np.uint32)
    return _core.fit_neighbors(
        X,
        labels,
        (["row"], "text"),
        spec="none",
        metric=metric,
        k=1,
        vote="uniform",
        image=image,
        threads=threads,
    )


class Computed(_Blocks):
    """Rows that are compared by a function."""

    def __init__(self, X: Any, metric: Metric) -> None:
        self.rows, self.metric = X, metric

    def _parts(self, queries: Any) -> Iterator[tuple[slice, list[slice]]]:
        n = self.rows.shape[0]
        for q in _slices(queries.shape[0], max(1, _AT_ONCE // n)):
            yield q, [slice(0, n)]

    def _of(self, queries: Any, q: slice, x: slice) -> Any:
        block = queries[q]
        if scipy.sparse.issparse(self.rows) and not scipy.sparse.issparse(block):
            block = scipy.sparse.csr_matrix(block)
        return Distances(None), self.metric.pairwise(block, self.rows)


class Distances:
    """A matrix of distances from queries to rows.

    Each row of a sparse matrix is sorted by distance, and only its stored entries are neighbours.
    """

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def nearest(self, queries: Any, k: int, threads: int | None, image: Any = None) -> Table:
        distances = self.rows if queries is None else queries
        if scipy.sparse.issparse(distances):
            return _first_entries(distances, k)
        order = np.argsort(distances, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(distances, order, axis=1), order

    def within(self, queries: Any, radius: float, threads: int | None, image: Any = None) -> Lists:
        distances = self.rows if queries is None else queries
        if scipy.sparse.issparse(distances):
            inside = distances.data <= radius
            starts = np.append(0, np.cumsum(inside))[distances.indptr]
            return starts, distances.data[inside], distances.indices[inside].astype(np.int64)
        inside = distances <= radius
        return np.append(0, np.cumsum(inside.sum(axis=1))), distances[inside], np.nonzero(inside)[1]


def _first_entries(graph: Any, k: int) -> Table:
    """The first k entries of each row."""
    fewest = int(np.diff(graph.indptr).min())
    if fewest < k:
        raise ValueError(
            f"{k} neighbors per samples are required, but some samples have only {fewest} neighbors in "
            "precomputed graph matrix. Decrease number of neighbors used or recompute the graph with more "
            "neighbors."
        )
    places = graph.indptr[:-1, None] + np.arange(k)
    return graph.data[places], graph.indices[places].astype(np.int64)
