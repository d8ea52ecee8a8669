"""Neural networks: fully connected and convolutional."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ._descent import Descent, number

_ACTIVATIONS = {
    "relu": "relu",
    "logistic": "sigmoid",
    "tanh": "tanh",
    "identity": "",
    "gelu": "gelu",
    "leaky_relu": "leaky0.01",
}
_SOLVERS = ("adam", "adamw", "sgd")


class _Network(Descent):
    """What both kinds of networks have in common."""

    def _activation(self) -> str:
        if self.activation not in _ACTIVATIONS:
            raise ValueError(f"activation is {self.activation!r}; expected one of {', '.join(_ACTIVATIONS)}")
        return _ACTIVATIONS[self.activation]

    def _optimizer(self) -> dict[str, Any]:
        if self.solver == "sgd":
            number("momentum", self.momentum, 0, 1)
            nesterov = self.nesterovs_momentum and self.momentum > 0
            return {"nesterov" if nesterov else "sgd": {"momentum": float(self.momentum)}}
        if self.solver not in _SOLVERS:
            raise ValueError(f"solver is {self.solver!r}; expected one of {', '.join(_SOLVERS)}")
        constants = {"beta1": float(self.beta_1), "beta2": float(self.beta_2), "epsilon": float(self.epsilon)}
        if self.solver == "adamw":
            # The decay of AdamW is alpha, and nothing is added to the loss.
            return {"adamw": {**constants, "weight_decay": float(self.alpha)}}
        return {"adam": constants}

    def _reg(self, batch: float) -> float:
        number("alpha", self.alpha, 0)
        return 0.0 if self.solver == "adamw" else float(self.alpha) / (2 * batch)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Any:
        """One epoch on the rows of X, from where the last left off. The first call names all ``classes``."""
        return self._partial_fit(X, y, classes, sample_weight)

    @property
    def coefs_(self) -> list[np.ndarray]:
        """W of every layer that has weights, (inputs, outputs)."""
        return [w for w, _ in self.model_.weights()]

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """b of every layer that has weights, (outputs)."""
        return [b for _, b in self.model_.weights()]

    @property
    def layers_(self) -> str:
        """The layers as a line of words."""
        return self.model_.layers

    @property
    def n_outputs_(self) -> int:
        """C."""
        return len(self.classes_)


class MLPClassifier(_Network):
    """A fully connected network, on the parameters of ``sklearn.neural_network.MLPClassifier``.

    Beside scikit-learn's there are ``loss`` ("softmax", or the lecture's "svm"), ``dropout`` and
    ``input_dropout``, ``label_smoothing``, ``clip`` (the largest norm of a gradient), ``ema`` (a moving
    average of the weights), ``class_weight``, ``scoring`` (what early stopping goes by: "accuracy", "loss",
    or any scorer of scikit-learn), the activations "gelu" and "leaky_relu", the solver "adamw", and the
    learning rates "linear", "cosine", "exponential" and "one_cycle". Missing is the solver "lbfgs". ``alpha``
    has scikit-learn's meaning: α / 2 · Σ W² / B is added to the loss.

    Rows of uint8 are pixels and enter as value / 255. Ctrl-C ends the training and keeps the model.

    >>> from sklearn.datasets import load_digits
    >>> from tercet import MLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> model = MLPClassifier((32,), max_iter=30, random_state=0, early_stopping=True).fit(
    ...     X[:1500] / 16, y[:1500]
    ... )
    >>> bool(model.score(X[1500:] / 16, y[1500:]) > 0.85)
    True
    """

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
        loss: str = "softmax",
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        label_smoothing: float = 0.0,
        clip: float | None = None,
        ema: float | None = None,
        class_weight: Any = None,
        scoring: Any = None,
        image_shape: tuple[int, ...] | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.loss = loss
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.label_smoothing = label_smoothing
        self.clip = clip
        self.ema = ema
        self.class_weight = class_weight
        self.scoring = scoring
        self.image_shape = image_shape
        self.n_jobs = n_jobs

    def _layers(self, width: int, image: tuple[int, int, int] | None) -> str | None:
        sizes = np.atleast_1d(np.asarray(self.hidden_layer_sizes, dtype=object)).tolist()
        for size in sizes:
            number("hidden_layer_sizes", size, 1, whole=True)
        words = [f"dense{size} {self._activation()}".strip() for size in sizes]
        return " ".join([*words, f"dense{len(self.classes_)}"])

    @property
    def n_layers_(self) -> int:
        """How many layers there are, the input among them, as scikit-learn counts."""
        return len(self.model_.weights()) + 1

    @property
    def out_activation_(self) -> str:
        """What makes probabilities of scores."""
        return "softmax" if self._loss() == "softmax" else "identity"


class CNNClassifier(_Network):
    """A convolutional network.

    ``layers`` is a line of words, ``"conv5-24 relu pool conv3-32 relu pool dense256 relu"``, as the book's
    chapter on networks explains them; the layer of the scores need not be there. None is two convolutions of
    16 and 32 filters, each with a pool where the images are large enough, and 64 units.

    X holds images: (N, height, width), (N, height, width, channels), or rows of pixels whose shape
    ``image_shape`` says. Rows of a square number of features are square images where nothing is said; others
    are one row of pixels. Rows of uint8 enter as value / 255. The other parameters are those of
    :class:`MLPClassifier`.

    >>> from sklearn.datasets import load_digits
    >>> from tercet import CNNClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> model = CNNClassifier(max_iter=5, random_state=0).fit(X[:1500] / 16, y[:1500])
    >>> bool(model.score(X[1500:] / 16, y[1500:]) > 0.85)
    True
    """

    def __init__(
        self,
        layers: str | None = None,
        *,
        image_shape: tuple[int, ...] | None = None,
        activation: str = "relu",
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "one_cycle",
        learning_rate_init: float = 0.01,
        power_t: float = 0.5,
        max_iter: int = 10,
        random_state: Any = None,
        tol: float | None = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
        loss: str = "softmax",
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        label_smoothing: float = 0.0,
        clip: float | None = None,
        ema: float | None = None,
        class_weight: Any = None,
        scoring: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.layers = layers
        self.image_shape = image_shape
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.loss = loss
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.label_smoothing = label_smoothing
        self.clip = clip
        self.ema = ema
        self.class_weight = class_weight
        self.scoring = scoring
        self.n_jobs = n_jobs

    def _image(self, X: Any, rows: np.ndarray) -> tuple[int, int, int]:
        said = super()._image(X, rows)
        if said is not None:
            return said
        width = rows.shape[1]
        side = math.isqrt(width)
        return (side, side, 1) if side * side == width else (1, width, 1)

    def _epochs(self, n: int, batch: int) -> int:
        # A few hundred examples are a few steps each epoch: at least 100 of them.
        return max(super()._epochs(n, batch), math.ceil(100 / math.ceil(n / batch)))

    def _layers(self, width: int, image: tuple[int, int, int] | None) -> str:
        if self.layers is not None:
            return self.layers
        act, words = self._activation(), []
        height, width, _ = image or (1, width, 1)
        for filters in (16, 32):
            words.append(f"conv3-{filters}+same {act}".strip())
            if min(height, width) >= 4:
                words.append("pool")
                height, width = height // 2, width // 2
        return " ".join([*words, "flatten dense64", act, f"dense{len(self.classes_)}"])
