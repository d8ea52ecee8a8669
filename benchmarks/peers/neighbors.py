"""A peer of Tercet's nearest neighbours. The process runs for the whole benchmark.

    python neighbors.py ENGINE THREADS

The commands and their answers, in the format of `protocol.py`:

    {"do": "load", "rows": ARRAY, "queries": ARRAY}      {}
    {"do": "fit", "measure": "l2", "rows": 60000}        {"seconds": …}
    {"do": "search", "queries": 10000, "k": 3,
     "indices": FILE}                                    {"seconds": …}
    {"do": "search one by one", "queries": 1000, "k": 3,
     "indices": FILE}                                    {"seconds": [ … ]}, one number for each query

A command may use only the first rows of an array. The indices are written to FILE as little-endian int64,
(queries, k), nearest first.

The timer runs in this process and covers only the calls that a user of the engine would make: arrays are read
and converted to the preferred type of the engine before it starts.
"""

import importlib.metadata
import time

import numpy as np
from protocol import load, serve


class Faiss:
    """IndexFlat compares a query with all rows, without codes or cells: exact up to rounding."""

    def __init__(self, threads):
        import faiss

        faiss.omp_set_num_threads(threads)
        self.faiss = faiss
        self.version = faiss.__version__

    def fit(self, rows, measure):
        faiss = self.faiss
        self.normalized = measure == "cosine"
        if measure == "l2":
            index = faiss.IndexFlatL2(rows.shape[1])
        elif measure in ("cosine", "dot"):
            index = faiss.IndexFlatIP(rows.shape[1])
        elif measure == "l1":
            index = faiss.IndexFlat(rows.shape[1], faiss.METRIC_L1)
        else:
            index = faiss.IndexFlat(rows.shape[1], faiss.METRIC_Lp)
            index.metric_arg = 3
        index.add(self.directions(rows))
        self.index = index

    def search(self, queries, k):
        return self.index.search(self.directions(queries), k)[1]

    def directions(self, rows):
        if self.normalized:
            rows = rows.copy()
            self.faiss.normalize_L2(rows)
        return rows


class ScikitLearn:
    """NearestNeighbors by brute force, its fastest algorithm for this many features."""

    def __init__(self, threads):
        import sklearn
        import sklearn.neighbors

        self.neighbors = sklearn.neighbors.NearestNeighbors
        self.version = sklearn.__version__
        self.threads = threads

    def fit(self, rows, measure):
        metrics = {"l1": "manhattan", "l2": "euclidean", "l3": "minkowski", "cosine": "cosine"}
        if measure == "dot":
            # scikit-learn has no search by dot product; this is the usual replacement.
            self.index = LargestProducts(rows)
            return
        more = {"p": 3} if measure == "l3" else {}
        index = self.neighbors(algorithm="brute", metric=metrics[measure], n_jobs=self.threads, **more)
        self.index = index.fit(rows)

    def search(self, queries, k):
        return self.index.kneighbors(queries, n_neighbors=k)[1]


class LargestProducts:
    """The rows with the largest dot products, by scikit-learn's linear_kernel in chunks that fit memory."""

    def __init__(self, rows):
        from sklearn.metrics.pairwise import linear_kernel

        self.linear_kernel = linear_kernel
        self.rows = rows

    def kneighbors(self, queries, n_neighbors):
        found = []
        step = max(1, (256 << 20) // (4 * len(self.rows)))
        for first in range(0, len(queries), step):
            products = self.linear_kernel(queries[first : first + step], self.rows)
            best = np.argpartition(-products, n_neighbors - 1, axis=1)[:, :n_neighbors]
            values = np.take_along_axis(products, best, axis=1)
            found.append(np.take_along_axis(best, np.argsort(-values, axis=1, kind="stable"), axis=1))
        return None, np.concatenate(found)


class Intel(ScikitLearn):
    """The same estimator with Intel's extension (oneDAL), for the metrics that it supports."""

    def __init__(self, threads):
        super().__init__(threads)
        import daal4py
        import sklearnex.neighbors

        daal4py.daalinit(threads)
        self.neighbors = sklearnex.neighbors.NearestNeighbors
        self.version = importlib.metadata.version("scikit-learn-intelex")


class Usearch:
    """usearch's exact search, which needs no index."""

    def __init__(self, threads):
        import usearch
        import usearch.index

        self.module = usearch.index
        self.version = usearch.__version__
        self.threads = threads

    def fit(self, rows, measure):
        kinds = self.module.MetricKind
        self.metric = {"l2": kinds.L2sq, "cosine": kinds.Cos, "dot": kinds.IP}[measure]
        self.rows = rows

    def search(self, queries, k):
        found = self.module.search(self.rows, queries, k, self.metric, exact=True, threads=self.threads)
        return found.keys.reshape(len(queries), k)


ENGINES = {
    "faiss": Faiss,
    "scikit-learn": ScikitLearn,
    "scikit-learn-intelex": Intel,
    "usearch": Usearch,
}


def rows_of(array):
    """The array in the preferred type of the engines: row-major float32."""
    return np.ascontiguousarray(load(array), dtype=np.float32)


class Worker:
    def __init__(self, engine):
        self.engine = engine

    def answer(self, command):
        engine, do = self.engine, command["do"]
        if do == "load":
            # Free the previous data set first, so that there are never two in memory.
            self.rows = self.queries = engine.index = None
            self.rows, self.queries = rows_of(command["rows"]), rows_of(command["queries"])
            return {}
        if do == "fit":
            rows = self.rows[: command["rows"]]
            engine.index = None
            start = time.perf_counter()
            engine.fit(rows, command["measure"])
            return {"seconds": time.perf_counter() - start}
        queries, k = self.queries[: command["queries"]], command["k"]
        if do == "search":
            start = time.perf_counter()
            indices = engine.search(queries, k)
            seconds = time.perf_counter() - start
        elif do == "search one by one":
            seconds, indices = [], []
            for i in range(len(queries)):
                query = queries[i : i + 1]
                start = time.perf_counter()
                found = engine.search(query, k)
                seconds.append(time.perf_counter() - start)
                indices.append(found)
            indices = np.concatenate(indices)
        else:
            raise ValueError(f"unknown command {do!r}")
        np.asarray(indices).astype("<i8").tofile(command["indices"])
        return {"seconds": seconds}


if __name__ == "__main__":
    serve(ENGINES, Worker)
