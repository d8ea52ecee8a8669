"""Training by L-BFGS, which needs the gradient of all examples in every step."""

from __future__ import annotations

import contextlib
import math
import warnings
from typing import Any

import numpy as np
import scipy.optimize
from sklearn.exceptions import ConvergenceWarning

from . import _core
from ._interrupts import interrupted
from ._validation import Data


def minimize(estimator: Any, data: Data, start: Any, preprocessing: _core.Preprocessing) -> None:
    """Train with SciPy's L-BFGS-B, as scikit-learn does, and set the fitted attributes."""
    for name in ("dropout", "input_dropout"):
        if getattr(estimator, name):
            raise ValueError(f"{name} is {getattr(estimator, name)!r}; expected 0.0 with solver='lbfgs'")
    settings = estimator._settings(len(data.X), epochs=1)
    settings |= {"batch": len(data.X), "reg": estimator._reg(data.total)}
    full = _core.FullBatch(
        data.X,
        data.labels,
        estimator._class_list(),
        estimator._request(data.X, data.image, settings, estimator._seed()),
        preprocessing,
        weights=data.weights,
        start=start,
    )
    threads, losses = estimator._threads(), []
    last = {"loss": math.nan, "parameters": full.parameters()}

    def evaluate(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        loss, gradient = full.loss_and_gradient(parameters, threads)
        last["loss"] = loss
        return loss, gradient

    def after_iteration(parameters: np.ndarray) -> None:
        last["parameters"] = parameters.copy()
        losses.append(last["loss"])
        if estimator.verbose:
            print(f"Iteration {len(losses)}, loss = {losses[-1]:.8f}")

    options = {"maxfun": int(estimator.max_fun), "maxiter": int(estimator.max_iter), "gtol": estimator.tol}
    result = None
    with contextlib.suppress(KeyboardInterrupt):
        result = scipy.optimize.minimize(
            evaluate,
            full.parameters(),
            method="L-BFGS-B",
            jac=True,
            options=options,
            callback=after_iteration,
        )
    parameters = last["parameters"] if result is None else result.x
    if not np.isfinite(parameters).all():
        raise ValueError(
            "Solver produced non-finite parameter weights. The input data may contain large values and need "
            "to be preprocessed."
        )
    estimator._keep(full.model(parameters), losses, None)
    estimator.n_iter_ = max(1, len(losses) if result is None else min(result.nit, int(estimator.max_iter)))
    estimator.validation_scores_ = estimator.best_validation_score_ = None
    estimator.t_ = estimator.n_iter_ * len(data.X)
    if result is None:
        interrupted("that of the last iteration")
        return
    estimator.loss_ = float(result.fun)
    estimator._metrics = {"training loss": estimator.loss_}
    if result.status != 0:
        warnings.warn(
            f"lbfgs failed to converge after {result.nit} iteration(s) (status={result.status}): "
            f"{result.message}. Raise max_iter or max_fun.",
            ConvergenceWarning,
            stacklevel=5,
        )
