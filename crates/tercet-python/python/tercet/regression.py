"""The fully connected network for regression."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import check_array
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, column_or_1d

from . import _core
from .network import FullyConnected, _has_steps

_LOSSES = {"squared_error": "squared", "poisson": "poisson"}


class MLPRegressor(RegressorMixin, FullyConnected):
    """A fully connected network with the interface of ``sklearn.neural_network.MLPRegressor``.

    By default, ``preprocessing="auto"``, features are standardised; scikit-learn uses them as given, which
    ``preprocessing=None`` does here too. In both cases, ``coefs_`` and ``intercepts_`` refer to the features
    as given. y is used as given, as in scikit-learn: ``TransformedTargetRegressor`` standardises targets
    whose values are far from 1. Training computes in float32.

    Parameters
    ----------
    loss : {"squared_error", "poisson"}, default="squared_error"
        Half the squared error, summed over the outputs; or the negative log-likelihood of counts, whose mean
        is the exponential of the network's output.
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
    dropout, input_dropout : float, default=0.0
        Dropout rate of the hidden layers and of the input.
    clip : float, default=None
        Maximum norm of the gradient; larger gradients are clipped.
    ema : float, default=None
        Decay of an exponential moving average of the weights, which is used for predictions.
    scoring : str or callable, default=None
        Score for early stopping: R² (default), "loss", or a scorer of scikit-learn.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels), if the features are pixels.
    preprocessing : str or None, default="auto"
        What is done to each row before the model sees it; see :class:`MLPClassifier`.
    n_jobs : int, default=None
        Number of threads; all processors by default.

    Attributes
    ----------
    preprocessing_ : Preprocessing
        The fitted preprocessing.
    coefs_ : list of ndarray of shape (inputs, outputs)
        Weights of each layer.
    intercepts_ : list of ndarray of shape (outputs,)
        Biases of each layer.
    n_outputs_ : int
        Number of outputs.
    n_iter_ : int
        Number of epochs.
    loss_ : float
        Mean loss of the last epoch.
    loss_curve_ : list of float
        Mean loss of each epoch.
    validation_scores_, best_validation_score_ : list of float and float, or None
        Scores of early stopping.

    See Also
    --------
    MLPClassifier : Network for classification.

    Examples
    --------
    >>> import numpy as np
    >>> from tercet import MLPRegressor
    >>> x = np.linspace(-3, 3, 200)[:, None]
    >>> model = MLPRegressor(hidden_layer_sizes=(32,), solver="lbfgs", random_state=0).fit(x, np.sin(x[:, 0]))
    >>> bool(model.score(x, np.sin(x[:, 0])) > 0.99)
    True
    """

    _kept = (*FullyConnected._kept, "_one_column")

    def __init__(
        self,
        loss: str = "squared_error",
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
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        clip: float | None = None,
        ema: float | None = None,
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
        self.clip = clip
        self.ema = ema
        self.scoring = scoring
        self.image_shape = image_shape
        self.preprocessing = preprocessing
        self.n_jobs = n_jobs

    def _target_loss(self) -> str:
        if not isinstance(self.loss, str) or self.loss not in _LOSSES:
            raise ValueError(f"loss is {self.loss!r}; expected one of {', '.join(_LOSSES)}")
        return _LOSSES[self.loss]

    def _encode(self, y: Any, reset: bool, classes: Any) -> np.ndarray:
        self._require(y)
        y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y", estimator=self)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        outputs = 1 if y.ndim == 1 else y.shape[1]
        if reset:
            self._one_column = y.ndim == 1
            self.n_outputs_ = outputs
        elif outputs != self.n_outputs_:
            raise ValueError(f"y has {outputs} columns; expected {self.n_outputs_}, as in the first call")
        return np.ascontiguousarray(y.reshape(len(y), outputs), dtype=np.float32)

    def _decode(self, labels: np.ndarray) -> np.ndarray:
        return labels[:, 0] if self._one_column else labels

    def _outputs(self) -> int:
        return self.n_outputs_

    def _class_list(self) -> tuple[list[str], str]:
        return [f"output {i}" for i in range(self.n_outputs_)], "text"

    def _adopt_classes(self, model: _core.Model, dtype: str | None) -> None:
        self.n_outputs_ = len(model.classes[0])
        self._one_column = self.n_outputs_ == 1

    @property
    def out_activation_(self) -> str:
        """The activation of the outputs: "identity", or "exp" for the Poisson loss."""
        check_is_fitted(self, "model_")
        return "exp" if self._target_loss() == "poisson" else "identity"

    @available_if(_has_steps)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train for one epoch on the rows of X, continuing from the previous call.

        The state of the optimizer is kept between calls, and in pickles. After ``fit`` or loading, the fitted
        preprocessing is applied. Otherwise the features are used as they are: the statistics of a first batch
        are not those of the data.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : object
        """
        return self._partial_fit(X, y, None, sample_weight)

    def predict(self, X: Any) -> np.ndarray:
        """Predict the target values of each row of X.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        check_is_fitted(self, "model_")
        values = self._scores(X)
        if self._target_loss() == "poisson":
            values = np.exp(values)
        return values[:, 0] if self.n_outputs_ == 1 else values
