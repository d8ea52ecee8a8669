"""The functions of the lecture, computed by the core, to check your own implementation against.

``params`` is a dictionary of arrays: ``W1`` (D, H), ``b1`` (H), ``W2`` (H, C) and ``b2`` (C). Deeper networks
have ``W3``, ``b3`` and so on. The computation is in float32; results have the dtype of ``params["W1"]``.

>>> import numpy as np
>>> params = {"W1": np.eye(2), "b1": np.zeros(2), "W2": np.eye(2), "b2": np.array([0.0, 0.5])}
>>> scores, hidden = nn_forward(params, np.array([[1.0, -1.0]]))
>>> scores, hidden
(array([[1. , 0.5]]), array([[1., 0.]]))
>>> loss, grads = nn_svm_loss(params, np.array([[1.0, -1.0]]), [0])
>>> loss, grads["b2"]
(0.5, array([-1.,  1.]))
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import _core

Params = dict[str, np.ndarray]


def _layers(params: Mapping[str, Any]) -> list[tuple[np.ndarray, np.ndarray]]:
    count = sum(1 for name in params if name.startswith("W"))
    wanted = {f"{letter}{i}" for i in range(1, count + 1) for letter in "Wb"}
    if not wanted or set(params) != wanted:
        raise ValueError(f"params has {sorted(params)}; expected W1, b1, W2, b2 and so on")
    layers = []
    for i in range(1, count + 1):
        w = np.ascontiguousarray(params[f"W{i}"], dtype=np.float32)
        b = np.ascontiguousarray(params[f"b{i}"], dtype=np.float32).ravel()
        if w.ndim != 2:
            raise ValueError(f"W{i} has {w.ndim} dimensions; expected 2, (inputs, outputs)")
        layers.append((w, b))
    return layers


def _examples(X: Any) -> np.ndarray:
    X = np.ascontiguousarray(X, dtype=np.float32)
    if X.ndim != 2:
        raise ValueError(f"X has {X.ndim} dimensions; expected 2, one example per row")
    return X


def _type(params: Mapping[str, Any]) -> np.dtype[Any]:
    found = np.asarray(params["W1"]).dtype
    return found if np.issubdtype(found, np.floating) else np.dtype(float)


def nn_forward(params: Mapping[str, Any], X: Any) -> tuple[np.ndarray, np.ndarray]:
    """Compute the forward pass.

    Parameters
    ----------
    params : mapping of str to array
    X : array-like of shape (N, D)

    Returns
    -------
    scores : ndarray of shape (N, C)
    hidden : ndarray of shape (N, H)
        The last hidden layer after the ReLU.
    """
    outputs = _core.scores(_layers(params), _examples(X))
    if len(outputs) == 1:
        raise ValueError("params has one layer, W1 and b1, and no hidden units; expected W2 and b2 as well")
    return outputs[-1].astype(_type(params)), outputs[-2].astype(_type(params))


def nn_svm_loss(params: Mapping[str, Any], X: Any, y: Any, reg: float = 0.0) -> tuple[float, Params]:
    """Compute the SVM loss, the mean over the examples plus ``reg`` · Σ W², and its gradients.

    Parameters
    ----------
    params : mapping of str to array
    X : array-like of shape (N, D)
    y : array-like of shape (N,)
        Class indices from 0.
    reg : float, default=0.0

    Returns
    -------
    loss : float
    grads : dict of str to ndarray
        One gradient for each array of ``params``.
    """
    labels = np.asarray(y)
    if labels.size and (labels.min() < 0 or (labels != labels.astype(np.int64)).any()):
        raise ValueError("y: expected class indices, integers from 0")
    loss, gradients = _core.loss_and_gradients(
        _layers(params), _examples(X), np.ascontiguousarray(labels, dtype=np.uint32), float(reg)
    )
    grads = {}
    for i, (dw, db) in enumerate(gradients, start=1):
        grads[f"W{i}"], grads[f"b{i}"] = dw.astype(_type(params)), db.astype(_type(params))
    return loss, grads


def nn_svm_grad(
    params: Mapping[str, Any], X: Any, y: Any, scores: Any = None, hidden: Any = None, reg: float = 0.0
) -> Params:
    """Compute the gradients alone.

    The scores and the hidden layer are computed again. If ``scores`` or ``hidden`` are given, they must equal
    these: the result of another forward pass is rejected.

    Returns
    -------
    grads : dict of str to ndarray
    """
    given_outputs = {"scores": scores, "hidden": hidden}
    computed = nn_forward(params, X) if scores is not None or hidden is not None else ()
    for (name, given), expected in zip(given_outputs.items(), computed):
        if given is None:
            continue
        if np.shape(given) != expected.shape:
            raise ValueError(f"{name} has the shape {np.shape(given)}; expected {expected.shape}")
        if not np.allclose(given, expected, rtol=1e-3, atol=1e-3):
            raise ValueError(f"{name} is not what nn_forward returns for this params and X: compute it again")
    return nn_svm_loss(params, X, y, reg)[1]


def train_nn(
    params: Mapping[str, Any],
    X: Any,
    y: Any,
    num_classes: int,
    lr: float = 0.01,
    reg: float = 1e-3,
    batch: int = 20,
    num_iters: int = 100,
    print_freq: int = 100,
    *,
    seed: int = 0,
) -> tuple[np.ndarray, Params]:
    """Train by gradient descent on random batches.

    Parameters
    ----------
    params : mapping of str to array
        Initial parameters.
    X : array-like of shape (N, D)
    y : array-like of shape (N,)
        Class indices from 0.
    num_classes : int
    lr : float, default=0.01
        Learning rate.
    reg : float, default=1e-3
    batch : int, default=20
        Batch size.
    num_iters : int, default=100
    print_freq : int, default=100
        Print the average loss every ``print_freq`` iterations; 0 prints nothing.
    seed : int, default=0

    Returns
    -------
    losses : ndarray of shape (num_iters,)
    trained : dict of str to ndarray
    """
    layers, X = _layers(params), _examples(X)
    if layers[-1][0].shape[1] != num_classes:
        raise ValueError(f"params gives {layers[-1][0].shape[1]} scores; expected num_classes={num_classes}")
    settings = {
        "loss": {"svm": {"margin": 1.0}},
        "reg": reg,
        "batch": min(batch, len(X)),
        "length": {"iterations": num_iters},
        "learning_rate": lr,
        "schedule": "constant",
        "optimizer": {"sgd": {}},
        "validate_every": print_freq or num_iters,
    }
    total = 0.0

    def report(progress: dict[str, Any]) -> None:
        nonlocal total
        total += progress["loss"] * print_freq
        at = progress["epoch"] * print_freq
        print(f"Iteration {at}: average loss = {total / at:.6g}")

    hidden = " ".join(f"dense{w.shape[1]} relu" for w, _ in layers[:-1])
    request = {"layers": hidden or None, "init": "he", "settings": settings, "seed": seed}
    start = _core.network(layers)
    model, history, _, interrupted = _core.train(
        X,
        np.ascontiguousarray(y, dtype=np.uint32),
        start.classes,
        json.dumps(request),
        start.preprocessing,
        start=start,
        on_epoch=report if print_freq else None,
    )
    if interrupted:
        raise KeyboardInterrupt
    trained: Params = {}
    for i, (w, b) in enumerate(model.weights(), start=1):
        trained[f"W{i}"], trained[f"b{i}"] = w.astype(_type(params)), b.astype(_type(params))
    return history["losses"], trained
