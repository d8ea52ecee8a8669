"""Loading model files."""

from __future__ import annotations

import inspect
import json
import os
from typing import Any

from . import _core
from .convolution import CNNClassifier
from .linear import LinearClassifier
from .neighbors import KNeighborsClassifier
from .network import MLPClassifier
from .regression import MLPRegressor

_ESTIMATORS: dict[str, Any] = {
    kind.__name__: kind
    for kind in (KNeighborsClassifier, LinearClassifier, MLPClassifier, CNNClassifier, MLPRegressor)
}


def load(path: str | os.PathLike[str]) -> Any:
    """Load a model file as a fitted estimator.

    A file saved by an estimator gives the same estimator with the same parameters, classes of the same type,
    preprocessing and attributes. A file written by the program ``tercet`` gives the estimator of its kind;
    its parameters do not describe the training.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    estimator : KNeighborsClassifier, LinearClassifier, MLPClassifier, MLPRegressor or CNNClassifier
    """
    model = _core.Model.load(os.fspath(path))
    card = json.loads(model.card)
    settings = card.get("settings")
    saved = settings if isinstance(settings, dict) and settings.get("estimator") in _ESTIMATORS else {}
    if saved:
        kind = _ESTIMATORS[saved["estimator"]]
    elif model.kind == "neighbors":
        kind = KNeighborsClassifier
    elif model.kind == "linear":
        kind = LinearClassifier
    else:
        kind = CNNClassifier if any(word in model.layers for word in ("conv", "pool")) else MLPClassifier
    known = inspect.signature(kind).parameters
    params = {name: _param(value) for name, value in saved.get("params", {}).items() if name in known}
    estimator = kind(**params)
    estimator._adopt(model, saved.get("fitted"))
    if not saved:
        estimator._describe_model()
    return estimator


def _param(value: Any) -> Any:
    """A parameter as it was before it was written as JSON."""
    if isinstance(value, dict):
        return dict(value["items"])
    return tuple(value) if isinstance(value, list) else value
