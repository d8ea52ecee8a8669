"""Cost of a shard of nearest neighbours: memory, time to fit, time per query. See `docs/src/scale.md`.

    python shards.py [--rows N] [--width D] [--queries Q] [-k K] [--threads N]

Rows are float32 in 200 clusters, like embeddings. With `--noise` they are normal noise, for which sketches
cannot prune anything.
"""

import argparse
import functools
import os
import resource
import tempfile
import time

import numpy as np
import tercet


def rows(count, width, noise, seed):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((count, width), dtype=np.float32)
    if not noise:
        # Clusters about as wide as their distance, with a decaying spectrum.
        scale = (1 / np.sqrt(1 + np.arange(width) / 16)).astype(np.float32)
        centres = np.random.default_rng(0).standard_normal((200, width), dtype=np.float32) * 2
        values = (values + centres[rng.integers(0, 200, count)]) * scale
    return values


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("-k", type=int, default=10)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--noise", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "rows.npy")
        np.save(path, rows(arguments.rows, arguments.width, arguments.noise, 1))
        queries = rows(arguments.queries, arguments.width, arguments.noise, 2)

        def timed(what, work):
            start = time.perf_counter()
            result = work()
            seconds = time.perf_counter() - start
            print(f"{what:36} {seconds:8.3f} s")
            return result

        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        base = timed("read from the disk", lambda: np.load(path))
        search = tercet.NearestNeighbors(n_neighbors=arguments.k, metric="cosine", n_jobs=arguments.threads)
        timed("fit", functools.partial(search.fit, base))
        del base
        timed("1 query", lambda: search.kneighbors(queries[:1]))
        timed(f"{arguments.queries} queries", lambda: search.kneighbors(queries))
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        kind = "noise" if arguments.noise else "clusters"
        data = arguments.rows * arguments.width * 4 / 1e6
        print(
            f"{arguments.rows} rows of {arguments.width}, {kind}: {data:.0f} MB of rows; "
            f"at most {after / 1e3:.0f} MB ({before / 1e3:.0f} before)"
        )


main()
