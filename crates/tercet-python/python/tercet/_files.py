"""Models from files."""

from __future__ import annotations

import inspect
import json
import os
from typing import Any

from . import _core
from .linear import LinearClassifier
from .neighbors import KNeighborsClassifier
from .network import CNNClassifier, MLPClassifier

_ESTIMATORS: dict[str, Any] = {
    kind.__name__: kind for kind in (KNeighborsClassifier, LinearClassifier, MLPClassifier, CNNClassifier)
}


def load(path: str | os.PathLike[str]) -> Any:
    """The model in a file of Tercet's as an estimator that predicts, whichever door wrote it.

    The estimator that saved it comes back with its parameters. Others are the estimator of their kind, whose
    parameters may not say how they were trained.
    """
    model = _core.Model.load(os.fspath(path))
    card = json.loads(model.card)
    settings = card.get("settings")
    said = settings if isinstance(settings, dict) and settings.get("estimator") in _ESTIMATORS else {}
    if said:
        kind = _ESTIMATORS[said["estimator"]]
    elif model.kind == "neighbors":
        kind = KNeighborsClassifier
    elif model.kind == "linear":
        kind = LinearClassifier
    else:
        kind = CNNClassifier if any(word in model.layers for word in ("conv", "pool")) else MLPClassifier
    known = inspect.signature(kind).parameters
    params = {name: value for name, value in said.get("params", {}).items() if name in known}
    params = {name: tuple(value) if isinstance(value, list) else value for name, value in params.items()}
    estimator = kind(**params)
    estimator._adopt(model)
    return estimator
