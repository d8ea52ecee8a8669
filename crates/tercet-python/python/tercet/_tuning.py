"""Settings, searched by cross-validation; over a cluster where joblib has a backend for it."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from sklearn.model_selection import GridSearchCV, RandomizedSearchCV


class Tuned:
    """What a search of settings found: ``best_params``, ``best_score``, and ``best_estimator``, which has
    learned from all examples with them. ``frame()`` has a row for each setting that was tried, the best
    first; a notebook shows it.
    """

    def __init__(self, search: Any) -> None:
        self.search = search
        self.best_params: dict[str, Any] = search.best_params_
        self.best_score: float = float(search.best_score_)
        self.best_estimator: Any = search.best_estimator_

    def frame(self) -> Any:
        """Every setting that was tried, as a pandas frame: its mean score, how far its folds are apart, how
        long it took.
        """
        import pandas

        found = self.search.cv_results_
        columns: dict[str, Any] = {
            name: [params[name] for params in found["params"]] for name in self._names()
        }
        columns |= {"score": found["mean_test_score"], "deviation": found["std_test_score"]}
        columns["seconds"] = found["mean_fit_time"] + found["mean_score_time"]
        frame = pandas.DataFrame(columns)
        return frame.sort_values("score", ascending=False, kind="stable").reset_index(drop=True)

    def _names(self) -> list[str]:
        return sorted({name for params in self.search.cv_results_["params"] for name in params})

    def __repr__(self) -> str:
        words = ", ".join(f"{name}={value!r}" for name, value in self.best_params.items())
        return f"best of {len(self.search.cv_results_['params'])}: {words}, score {self.best_score:.4f}"

    def _repr_html_(self) -> str:
        table = self.frame().to_html(index=False, max_rows=20, float_format="%.4f")
        return f"<div><p>{html.escape(repr(self))}</p>{table}</div>"


def tune(
    estimator: Any,
    params: Mapping[str, Any],
    X: Any,
    y: Any,
    *,
    n_iter: int | None = None,
    cv: Any = 5,
    scoring: Any = None,
    random_state: Any = None,
    n_jobs: int | None = None,
    **fit_params: Any,
) -> Tuned:
    """Tries settings on held-out parts of the rows of X, and fits the best to all of them.

    ``params`` has for each parameter the values to try: all combinations, or with ``n_iter`` so many drawn at
    random, from distributions too. ``cv`` and ``scoring`` are scikit-learn's. The search runs through joblib:
    ``n_jobs`` processes on this machine, or a cluster where a backend of joblib's is chosen, ``with
    joblib.parallel_config("ray"):`` or ``"dask"``. The results are the same. A test set has no part in it.

    >>> from sklearn.datasets import load_iris
    >>> import tercet
    >>> X, y = load_iris(return_X_y=True)
    >>> tuned = tercet.tune(tercet.KNeighborsClassifier(), {"n_neighbors": [1, 15, 75]}, X, y)
    >>> tuned.best_params
    {'n_neighbors': 15}
    """
    shared = {"cv": cv, "scoring": scoring, "n_jobs": n_jobs, "refit": True}
    if n_iter is None:
        search = GridSearchCV(estimator, dict(params), **shared)
    else:
        search = RandomizedSearchCV(
            estimator, dict(params), n_iter=n_iter, random_state=random_state, **shared
        )
    return Tuned(search.fit(X, y, **fit_params))
