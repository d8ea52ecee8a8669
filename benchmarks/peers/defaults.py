"""Whether the default settings learn: Tercet's program against scikit-learn on 30 data sets in many units.

    python defaults.py PROGRAM RECORD.csv COMMIT [--only NAME] [--no-record]

`cargo xtask bench defaults` builds the program, installs scikit-learn and runs this script. The reference is
`make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))` or the same with `MLPClassifier`, on the
same splits; each accuracy is the mean over the splits. Then each table is trained once more with its columns
scaled by powers of two, which must not change a prediction, and by other factors with an offset, which may
change the rounding.
"""

import argparse
import csv
import datetime
import json
import pathlib
import subprocess
import tempfile
import warnings

import numpy as np
import sklearn
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

COLUMNS = [
    "date",
    "commit",
    "scikit-learn",
    "data",
    "model",
    "splits",
    "tercet",
    "reference",
    "points",
    "changed by powers of two",
    "changed by units",
    "predictions",
]
REFERENCES = {
    "linear": lambda: LogisticRegression(max_iter=1000),
    "network": lambda: MLPClassifier(random_state=0),
}
# A shortfall of more than this many points fails.
NEAR = 1.0


class Program:
    """The program, called as users call it."""

    def __init__(self, path):
        self.path = path

    def run(self, *arguments):
        command = [self.path, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done

    def predictions(self, kind, X, y, T, t):
        """Trains on (X, y) with the defaults; the accuracy on (T, t) and the predicted labels."""
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            data, model, out = folder / "set.npz", folder / "model", folder / "out.csv"
            np.savez(data, x_train=X, y_train=y, x_test=T, y_test=t)
            self.run("train", kind, "--data", data, "--out", model)
            document = json.loads(self.run("evaluate", model, "--data", data, "--json").stdout)
            evaluation = document["models"][0]["evaluation"]
            if T.ndim > 2:
                return evaluation["correct"] / evaluation["count"], None
            np.save(folder / "rows.npy", T)
            self.run("predict", model, folder / "rows.npy", "--out", out)
            with open(out, newline="") as file:
                rows = list(csv.DictReader(file))
            labels = np.array([row["class"] for row in rows])
            return evaluation["correct"] / evaluation["count"], labels


def mnist(program):
    """6,000 training and 2,000 test images."""
    with tempfile.TemporaryDirectory() as folder:
        program.run("data", "convert", "mnist", pathlib.Path(folder) / "mnist.npz")
        with np.load(pathlib.Path(folder) / "mnist.npz") as arrays:
            X, y, T, t = (arrays[name] for name in ("x_train", "y_train", "x_test", "y_test"))
    return X[:6000], y[:6000], T[:2000], t[:2000]


def of_mnist(program):
    X, y, T, t = mnist(program)

    def each(change):
        return [(change(X), y, change(T), t)]

    def flat(A):
        return A.reshape(len(A), -1)

    yield "mnist, u8", each(lambda A: A)
    yield "mnist, u8 inverted", each(lambda A: 255 - A)
    yield "mnist, f32 to 255", each(lambda A: flat(A).astype(np.float32))
    yield "mnist, f32 to 1", each(lambda A: flat(A).astype(np.float32) / 255)
    yield "mnist, f32 standardised", each(lambda A: ((flat(A) / 255 - 0.1307) / 0.3081).astype(np.float32))
    yield "mnist, f64 times 1e6", each(lambda A: flat(A) * 1e6)


def splits(X, y, count=5):
    return [
        (X[a], y[a], X[b], y[b])
        for seed in range(count)
        for a, b in [train_test_split(np.arange(len(y)), test_size=0.3, random_state=seed, stratify=y)]
    ]


def bundled():
    for name, load in [
        ("iris", datasets.load_iris),
        ("wine", datasets.load_wine),
        ("breast cancer", datasets.load_breast_cancer),
    ]:
        yield name, splits(*load(return_X_y=True))
    X, y = datasets.load_digits(return_X_y=True)
    yield "digits, f64", splits(X, y)
    yield "digits, u8", splits(X.astype(np.uint8), y)


def synthetic():
    def table(rows=1500, features=12, classes=3, seed=0, **more):
        return datasets.make_classification(
            rows,
            features,
            n_informative=min(features, 8),
            n_redundant=0,
            n_classes=classes,
            class_sep=1.5,
            random_state=seed,
            **more,
        )

    X, y = table()
    random = np.random.default_rng(0)
    yield "table", splits(X, y)
    yield "table, offset 1e4", splits(X + 1e4, y)
    yield "table, times 1e6", splits(X * 1e6, y)
    yield "table, times 1e-6", splits(X * 1e-6, y)
    yield "table, mixed scales", splits(X * 10.0 ** random.uniform(-6, 6, 12), y)
    yield "table, mixed scales and offsets", splits(X * 10.0 ** random.uniform(-3, 3, 12) + 1e4, y)
    yield "table, constant columns", splits(np.hstack([X, np.full((len(X), 4), 7.5)]), y)
    yield "table, duplicated columns", splits(np.hstack([X, X, X[:, :3]]), y)
    yield "table, f16", splits(X.astype(np.float16), y)
    indicators = np.greater(X, np.median(X, axis=0)).astype(np.uint8)
    yield "indicators, u8", splits(indicators, y)
    levels = np.clip(np.round(X + 4), 0, 9).astype(np.uint8)
    yield "few distinct values, u8", splits(levels, y)
    yield "counts, i64", splits(random.poisson(np.exp(X / 2)).astype(np.int64), y)
    yield "heavy tails", splits(np.exp(X), y)
    moment = 1_700_000_000 + 600 * y + random.integers(0, 500, len(y))
    yield "seconds since 1970, i64", splits(np.column_stack([moment, random.integers(0, 99, len(y))]), y)
    yield "imbalanced", splits(*table(classes=2, weights=[0.95]))
    yield "20 classes", splits(*table(rows=4000, classes=20, n_clusters_per_class=1))
    yield "few rows", splits(*table(rows=90))
    yield "more columns than rows", splits(*table(rows=150, features=400))
    yield "20,000 rows", splits(*table(rows=20_000, classes=4), count=2)


def reference(kind, data):
    X, y, T, t = data
    X, T = (A.reshape(len(A), -1).astype(np.float64) for A in (X, T))
    return make_pipeline(StandardScaler(), REFERENCES[kind]()).fit(X, y).score(T, t)


def changed(program, kind, data, predicted, change):
    """How many predictions differ after `change` of the columns."""
    X, y, T, t = data
    _, labels = program.predictions(kind, change(X), y, change(T), t)
    return int((labels != predicted).sum())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("record", type=pathlib.Path)
    parser.add_argument("commit")
    parser.add_argument("--only", default="", help="data sets whose name has this word")
    parser.add_argument("--no-record", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    program = Program(arguments.program)
    rows = []
    for name, data in [*of_mnist(program), *bundled(), *synthetic()]:
        if arguments.only not in name:
            continue
        for kind in REFERENCES:
            runs = [program.predictions(kind, *split) for split in data]
            ours = np.mean([accuracy for accuracy, _ in runs])
            theirs = np.mean([reference(kind, split) for split in data])
            twos = units = ""
            X, _, T, _ = data[0]
            if X.ndim == 2 and X.dtype == np.float64:
                factors = 2.0 ** np.resize([-20, 0, 3, 30], X.shape[1])
                twos = changed(program, kind, data[0], runs[0][1], lambda A, f=factors: A * f)
                center, spread = X.mean(axis=0), X.std(axis=0)
                shift = center + 10 * spread
                units = changed(program, kind, data[0], runs[0][1], lambda A, s=shift: (A + s) * 0.3)
            row = [datetime.date.today(), arguments.commit, sklearn.__version__, name, kind, len(data)]
            row += [f"{ours:.4f}", f"{theirs:.4f}", f"{100 * (ours - theirs):+.2f}", twos, units, len(T)]
            rows.append(row)
            print(*row[3:], sep="\t", flush=True)
    if not arguments.no_record:
        new = not arguments.record.exists()
        with open(arguments.record, "a", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerows(([COLUMNS] if new else []) + rows)
    short = [row for row in rows if float(row[8]) < -NEAR or row[9] not in ("", 0)]
    print(f"{len(rows) - len(short)} of {len(rows)} within {NEAR:g} point of the reference")
    for row in short:
        print(f"falls short: {row[3]}, {row[4]}: {row[8]} points, {row[9] or 0} changed by powers of two")
    raise SystemExit(bool(short))


if __name__ == "__main__":
    main()
