"""Neural networks: what all of them share, and the fully connected classifier."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ._classification import GradientDescentClassifier
from ._gradient_descent import GradientDescent, number

_ACTIVATIONS = {
    "relu": "relu",
    "logistic": "sigmoid",
    "tanh": "tanh",
    "identity": "",
    "gelu": "gelu",
    "gelu_tanh": "gelu-tanh",
    "leaky_relu": "leaky0.01",
}
_SOLVERS = ("adam", "adamw", "sgd")


def _has_steps(estimator: Any) -> bool:
    if estimator.solver == "lbfgs":
        raise AttributeError("solver is 'lbfgs', which needs all examples at once; use 'adam' or 'sgd'")
    return True


class Network(GradientDescent):
    """Base class of all networks."""

    def _activation(self) -> str:
        if self.activation not in _ACTIVATIONS:
            raise ValueError(f"activation is {self.activation!r}; expected one of {', '.join(_ACTIVATIONS)}")
        return _ACTIVATIONS[self.activation]

    def _optimizer(self) -> dict[str, Any]:
        if self.solver == "sgd":
            number("momentum", self.momentum, 0, 1)
            nesterov = self.nesterovs_momentum and self.momentum > 0
            return {"nesterov" if nesterov else "sgd": {"momentum": float(self.momentum)}}
        solvers = [*_SOLVERS, "lbfgs"] if hasattr(self, "max_fun") else _SOLVERS
        if self.solver not in solvers:
            raise ValueError(f"solver is {self.solver!r}; expected one of {', '.join(solvers)}")
        if self.solver == "lbfgs":
            # SciPy takes the steps: these are settings that no step uses.
            return {"sgd": {"momentum": 0.0}}
        constants = {"beta1": float(self.beta_1), "beta2": float(self.beta_2), "epsilon": float(self.epsilon)}
        if self.solver == "adamw":
            # alpha is the weight decay of AdamW; nothing is added to the loss.
            return {"adamw": {**constants, "weight_decay": float(self.alpha)}}
        return {"adam": constants}

    def _reg(self, batch: float) -> float:
        number("alpha", self.alpha, 0)
        return 0.0 if self.solver == "adamw" else float(self.alpha) / (2 * batch)

    @property
    def coefs_(self) -> list[np.ndarray]:
        """W of each layer with weights, (inputs, outputs).

        Those of a dense first layer are for the features as given, those of a convolutional one for the
        features after preprocessing.
        """
        return [w for w, _ in self._shown_layers()]

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """b of each layer with weights, (outputs); see ``coefs_``."""
        return [b for _, b in self._shown_layers()]

    def _is_binary(self) -> bool:
        """Whether two classes are presented as the probability of the second, as in scikit-learn."""
        return False

    def _shown_layers(self) -> list[tuple[np.ndarray, np.ndarray]]:
        layers = self._unfolded()
        if self._is_binary():
            # softmax(f)₁ = σ(f₁ − f₀)
            w, b = layers[-1]
            layers[-1] = (w[:, 1:] - w[:, :1], b[1:] - b[:1])
        return layers

    @property
    def n_layers_(self) -> int:
        """The number of layers with weights, and the input."""
        check_is_fitted(self, "model_")
        return len(self.model_.weights()) + 1

    @property
    def layers_(self) -> str:
        """The architecture string."""
        check_is_fitted(self, "model_")
        return self.model_.layers


class NetworkClassifier(Network, GradientDescentClassifier):
    """Base class of networks that predict classes."""

    def _is_binary(self) -> bool:
        return len(self.classes_) == 2 and self._loss() == "softmax" and not self._multilabel

    @available_if(_has_steps)
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Any:
        """Train for one epoch on the rows of X, continuing from the previous call.

        The state of the optimizer is kept between calls, and in pickles. After ``fit`` or loading, the fitted
        preprocessing is applied. Otherwise the features are used as they are (images of uint8 as value /
        255): the statistics of a first batch are not those of the data.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        classes : array-like of shape (n_classes,), default=None
            All classes; required in the first call.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : object
        """
        return self._partial_fit(X, y, classes, sample_weight)

    @property
    def n_outputs_(self) -> int:
        """The number of outputs: 1 for two classes, as in scikit-learn, otherwise the number of classes."""
        check_is_fitted(self, "model_")
        return 1 if self._is_binary() else len(self.classes_)

    @property
    def out_activation_(self) -> str:
        """Activation of the outputs: "softmax", "logistic" (two classes or several labels), "identity"."""
        check_is_fitted(self, "model_")
        if self._multilabel or self._is_binary():
            return "logistic"
        return "softmax" if self._loss() == "softmax" else "identity"


class FullyConnected(Network):
    """Base class of fully connected networks."""

    def _layers(self, width: int, image: tuple[int, int, int] | None) -> str | None:
        sizes = np.atleast_1d(np.asarray(self.hidden_layer_sizes, dtype=object)).tolist()
        for size in sizes:
            number("hidden_layer_sizes", size, 1, whole=True)
        words = [f"dense{size} {self._activation()}".strip() for size in sizes]
        return " ".join([*words, f"dense{self._outputs()}"])


class MLPClassifier(FullyConnected, NetworkClassifier):
    """A fully connected network with the interface of ``sklearn.neural_network.MLPClassifier``.

    By default, ``preprocessing="auto"``, features are standardised: the units of the columns then do not
    matter, and the defaults learn on data of any scale. scikit-learn uses the features as given, which
    ``preprocessing=None`` does here too. In both cases, ``coefs_`` and ``intercepts_`` refer to the features
    as given. Training computes in float32; the same seed gives other weights than in scikit-learn.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(100,)
        Number of units of each hidden layer.
    activation : str, default="relu"
        "relu", "logistic", "tanh", "identity", "gelu", "gelu_tanh" or
        "leaky_relu".
    solver : {"adam", "adamw", "sgd", "lbfgs"}, default="adam"
        Optimizer. "lbfgs" uses all examples in each step, in which SciPy minimises the loss; early stopping
        and the settings of batches and learning rates have no effect on it.
    alpha : float, default=0.0001
        L2 regularisation as in scikit-learn: α / 2 · Σ W² / B is added to the loss. Weight decay of "adamw".
    batch_size : int or "auto", default="auto"
        Batch size; "auto" is min(200, n_samples).
    learning_rate : str, default="constant"
        Learning-rate schedule: "constant", "adaptive", "invscaling", "linear", "cosine", "exponential" or
        "one_cycle".
    learning_rate_init : float, default=0.001
        Initial learning rate.
    power_t : float, default=0.5
        Exponent of the schedule "invscaling".
    max_iter : int, default=200
        Maximum number of epochs; of iterations with "lbfgs".
    shuffle : bool, default=True
        Whether every epoch goes through the examples in a new random order.
    random_state : int, RandomState or None, default=None
        Seed. The same seed gives the same bits for any number of threads.
    tol : float, default=1e-4
        Improvement of the loss or score below which an epoch counts as without improvement.
    verbose : bool, default=False
        Whether to print the progress of each epoch.
    warm_start : bool, default=False
        Whether ``fit`` continues from the weights of the previous call.
    momentum : float, default=0.9
        Momentum of the solver "sgd".
    nesterovs_momentum : bool, default=True
        Whether "sgd" uses Nesterov's momentum.
    early_stopping : bool, default=False
        Whether to stop when the validation score no longer improves, and to restore the best weights.
    validation_fraction : float, default=0.1
        Fraction of X that early stopping holds out.
    beta_1, beta_2, epsilon : float, default=0.9, 0.999, 1e-8
        Constants of "adam" and "adamw".
    n_iter_no_change : int, default=10
        Maximum number of epochs without improvement.
    max_fun : int, default=15000
        Maximum number of evaluations of the loss with "lbfgs".
    loss : {"softmax", "svm"}, default="softmax"
        Softmax ("log_loss"), or the lecture's multi-class SVM loss ("hinge").
    dropout, input_dropout : float, default=0.0
        Dropout rate of the hidden layers and of the input.
    label_smoothing : float, default=0.0
        Label smoothing of the softmax loss.
    clip : float, default=None
        Maximum norm of the gradient; larger gradients are clipped.
    ema : float, default=None
        Decay of an exponential moving average of the weights, which is used for predictions.
    class_weight : dict or "balanced", default=None
        Weights of the classes in the loss.
    scoring : str or callable, default=None
        Score for early stopping: "accuracy" (default), "loss", or a scorer of scikit-learn.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels), if the features are pixels. Without it, rows of uint8
        are images if their number of features is the square of 8 or more and their values look like pixels.
    preprocessing : str or None, default="auto"
        What is done to each row before the model sees it; fitted on the training rows, applied to all others
        and saved with the model. "auto" standardises features, and scales uint8 images to value / 255. None
        uses the numbers as they are, as in scikit-learn. Other specifications change the defaults, such as
        "auto, -standardize" or "auto, deskew, blur 0.7". ``partial_fit`` without a previous ``fit`` does not
        standardise, because the statistics of a first batch are not those of the data.
    n_jobs : int, default=None
        Number of threads; all processors by default.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    preprocessing_ : Preprocessing
        The fitted preprocessing.
    coefs_ : list of ndarray of shape (inputs, outputs)
        Weights of each layer.
    intercepts_ : list of ndarray of shape (outputs,)
        Biases of each layer.
    layers_ : str
        Architecture string.
    n_iter_ : int
        Number of epochs.
    loss_ : float
        Mean loss of the last epoch.
    loss_curve_ : list of float
        Mean loss of each epoch.
    validation_loss_curve_, validation_accuracy_curve_ : list of float or None
        Validation loss and accuracy of each epoch, with a validation set.
    validation_scores_, best_validation_score_ : list of float and float, or None
        Scores of early stopping.
    best_epoch_ : int
        The epoch whose weights early stopping restored.

    See Also
    --------
    CNNClassifier : Convolutional network.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from tercet import MLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> model = MLPClassifier((32,), max_iter=30, random_state=0, early_stopping=True).fit(
    ...     X[:1500] / 16, y[:1500]
    ... )
    >>> bool(model.score(X[1500:] / 16, y[1500:]) > 0.8)
    True
    """

    _takes_multilabel = True

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
        shuffle: bool = True,
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
        max_fun: int = 15000,
        loss: str = "softmax",
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        label_smoothing: float = 0.0,
        clip: float | None = None,
        ema: float | None = None,
        class_weight: Any = None,
        scoring: Any = None,
        image_shape: tuple[int, ...] | None = None,
        preprocessing: str | None = "auto",
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
        self.shuffle = shuffle
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
        self.max_fun = max_fun
        self.loss = loss
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.label_smoothing = label_smoothing
        self.clip = clip
        self.ema = ema
        self.class_weight = class_weight
        self.scoring = scoring
        self.image_shape = image_shape
        self.preprocessing = preprocessing
        self.n_jobs = n_jobs
