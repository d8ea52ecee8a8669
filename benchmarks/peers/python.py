"""Benchmark of Tercet's Python package against scikit-learn and FAISS, all called from Python in one run.

    python python.py RECORD.csv COMMIT CPU [--runs N] [--threads N] [--quick] [--no-record]

`cargo xtask bench python` installs the peers and runs this script. Every engine receives the data in its
preferred type before its timer starts; engines take turns; results are checked before they are timed.
"""

import argparse
import csv
import datetime
import os
import pathlib
import statistics
import sys
import time
import warnings

import faiss
import numpy as np
import sklearn
import sklearn.neighbors
import sklearn.neural_network
import tercet
import threadpoolctl
from tercet import _core

COLUMNS = [
    "date",
    "commit",
    "cpu",
    "threads",
    "work",
    "engine",
    "version",
    "runs",
    "seconds, least",
    "seconds, median",
    "engine / tercet",
    "accuracy",
    "outside the core",
]


class Work:
    """A workload: for each engine, a function that runs it and returns the result."""

    def __init__(self, name, engines, check):
        self.name, self.engines, self.check = name, engines, check

    def measure(self, runs):
        answers = {name: work() for name, work in self.engines.items()}
        accuracies = self.check(answers)
        seconds = {name: [] for name in self.engines}
        outside = []
        for _ in range(runs):
            for name, work in self.engines.items():
                # Let the spinning worker threads of the previous engine go to sleep first.
                time.sleep(0.3)
                core, start = _core.clock(), time.perf_counter()
                work()
                spent = time.perf_counter() - start
                seconds[name].append(spent)
                if name == "tercet":
                    outside.append((spent - (_core.clock() - core)) / spent)
        return seconds, accuracies, outside


def works(quick, threads):
    mnist = tercet.load_mnist()
    n, q, epochs = (6_000, 200, 1) if quick else (60_000, 1_000, 2)
    X, y, T, labels = mnist.train.X[:n], mnist.train.y[:n], mnist.test.X[:q], mnist.test.y[:q]
    floats, queries = X.astype(np.float32), T.astype(np.float32)

    def ours():
        return tercet.NearestNeighbors(n_neighbors=3, n_jobs=threads).fit(X).kneighbors(T)[1]

    def theirs():
        search = sklearn.neighbors.NearestNeighbors(n_neighbors=3, algorithm="brute", n_jobs=threads)
        return search.fit(floats).kneighbors(queries)[1]

    def flat():
        index = faiss.IndexFlatL2(784)
        index.add(floats)
        return index.search(queries, 3)[1]

    def equally_near(answers):
        def distances(indices):
            return ((T[:, None].astype(np.int64) - X[indices].astype(np.int64)) ** 2).sum(2)

        own = distances(answers["tercet"])
        for name, indices in answers.items():
            others = distances(indices)
            assert (own <= others).all(), f"{name} found a nearer row"
            assert (own == others).mean() > 0.999, f"{name} found other rows"
        return {}

    yield Work(
        f"kneighbors, {q} queries, {n} rows",
        {"tercet": ours, "scikit-learn": theirs, "faiss": flat},
        equally_near,
    )

    def classify(kind, X, T, **more):
        return lambda: kind(3, n_jobs=threads, **more).fit(X, y).predict(T)

    yield Work(
        f"KNeighborsClassifier fit and predict, {q} queries, {n} rows",
        {
            "tercet": classify(tercet.KNeighborsClassifier, X, T),
            "scikit-learn": classify(
                sklearn.neighbors.KNeighborsClassifier, floats, queries, algorithm="brute"
            ),
        },
        agree(labels, 0.001),
    )

    inputs, test = floats / 255, mnist.test.X.astype(np.float32) / 255
    settings = dict(
        hidden_layer_sizes=(128,), max_iter=epochs, n_iter_no_change=1000, tol=0.0, random_state=0
    )
    kinds = {
        "tercet": (tercet.MLPClassifier, {"n_jobs": threads}),
        "scikit-learn": (sklearn.neural_network.MLPClassifier, {}),
    }
    made = {}

    def train(name):
        kind, more = kinds[name]

        def work():
            made[name] = kind(**settings, **more).fit(inputs, y)
            return made[name]

        return work

    def evaluate(models):
        accuracies = {name: float((m.predict(test) == mnist.test.y).mean()) for name, m in models.items()}
        assert max(accuracies.values()) - min(accuracies.values()) < 0.03, accuracies
        return accuracies

    yield Work(
        f"MLPClassifier fit, 784-128-10, {epochs} epochs of {n}",
        {name: train(name) for name in kinds},
        evaluate,
    )
    yield Work(
        "MLPClassifier predict, 784-128-10, 10000 rows",
        {name: (lambda name=name: made[name].predict(test)) for name in kinds},
        agree(mnist.test.y, 0.03),
    )


def agree(labels, most):
    def check(answers):
        accuracies = {name: float((found == labels).mean()) for name, found in answers.items()}
        assert max(accuracies.values()) - min(accuracies.values()) <= most, accuracies
        return accuracies

    return check


def main():
    parser = argparse.ArgumentParser(prog="cargo xtask bench python", description=__doc__.split("\n")[0])
    parser.add_argument("record", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("commit", help=argparse.SUPPRESS)
    parser.add_argument("cpu", help=argparse.SUPPRESS)
    parser.add_argument("--runs", type=int, default=3, help="how many times each engine is timed")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="how many threads each may use")
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows: does it work here?")
    parser.add_argument("--no-record", action="store_true", help="adds nothing to the record")
    arguments = parser.parse_args()
    versions = {"tercet": tercet.__version__, "scikit-learn": sklearn.__version__, "faiss": faiss.__version__}
    date = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    rows = []
    warnings.simplefilter("ignore")
    faiss.omp_set_num_threads(arguments.threads)
    with threadpoolctl.threadpool_limits(arguments.threads):
        for work in works(arguments.quick, arguments.threads):
            seconds, accuracies, outside = work.measure(arguments.runs)
            print(work.name)
            own = statistics.median(seconds["tercet"])
            for name, each in seconds.items():
                least, median = min(each), statistics.median(each)
                share = f"{statistics.median(outside):.4f}" if name == "tercet" else ""
                accuracy = f"{accuracies[name]:.4f}" if name in accuracies else ""
                told = [f"{median:10.4f} s", f"{median / own:7.2f} x"]
                told += [f"accuracy {accuracy}"] if accuracy else []
                told += [f"outside the core {float(share):.1%}"] if share else []
                print(f"  {name:<13}", "  ".join(told))
                rows.append(
                    [
                        date,
                        arguments.commit,
                        arguments.cpu,
                        arguments.threads,
                        work.name,
                        name,
                        versions[name],
                        arguments.runs,
                        f"{least:.5f}",
                        f"{median:.5f}",
                        f"{median / own:.3f}",
                        accuracy,
                        share,
                    ]
                )
    if arguments.no_record or arguments.quick:
        return
    new = not arguments.record.exists()
    with arguments.record.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(COLUMNS)
        writer.writerows(rows)


if __name__ == "__main__":
    sys.exit(main())
