"""Hyper-parameter search by cross-validation."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from sklearn.model_selection import GridSearchCV, RandomizedSearchCV


class Tuned:
    """The result of :func:`tune`. A notebook displays it as a table.

    Attributes
    ----------
    best_params : dict
    best_score : float
        Mean cross-validated score of the best parameters.
    best_estimator : object
        The estimator with the best parameters, fitted on all examples.
    search : GridSearchCV or RandomizedSearchCV
        The fitted search of scikit-learn.
    """

    def __init__(self, search: Any) -> None:
        self.search = search
        self.best_params: dict[str, Any] = search.best_params_
        self.best_score: float = float(search.best_score_)
        self.best_estimator: Any = search.best_estimator_

    def frame(self) -> Any:
        """Return all candidates, best first.

        Returns
        -------
        candidates : pandas.DataFrame
            The columns are the parameters, the mean score, its standard deviation over the folds, and the
            time to fit and score.
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
    """Search hyper-parameters by cross-validation and fit the best ones on all examples.

    The search runs in joblib: on this machine, or on a cluster with ``joblib.parallel_config("ray")`` or
    ``"dask"``, with the same results. Keep the test set out of X.

    Parameters
    ----------
    estimator : object
    params : mapping of str to sequence or distribution
        The values of each parameter to try.
    X : array-like or sparse matrix of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
    n_iter : int, default=None
        Number of combinations to draw at random; all combinations by default.
    cv : int or cross-validation generator, default=5
    scoring : str or callable, default=None
        A scorer of scikit-learn; accuracy by default.
    random_state : int or RandomState, default=None
        Seed of the random combinations.
    n_jobs : int, default=None
        Number of processes.
    **fit_params
        Passed to ``fit``.

    Returns
    -------
    tuned : Tuned

    Examples
    --------
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
