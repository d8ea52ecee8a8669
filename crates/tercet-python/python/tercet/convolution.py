"""The convolutional network."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .network import NetworkClassifier


class CNNClassifier(NetworkClassifier):
    """A convolutional network.

    X holds images, (n_samples, height, width) or (n_samples, height, width, channels), or rows of pixels.
    If ``image_shape`` is None, rows are square images if the number of features is a square; otherwise they
    are images of one row. Images of uint8 are scaled to value / 255, and images of floats are standardised by
    channel, unless ``preprocessing`` says otherwise.

    Parameters
    ----------
    layers : str, default=None
        Architecture string such as ``"conv5-24 relu pool conv3-32 relu pool dense256 relu"``; the output
        layer may be left out. By default two convolutional layers of 16 and 32 filters, each followed by a
        pool if the images are large enough, and 64 hidden units.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels) of the images.
    activation : str, default="relu"
        Activation of the default layers: "relu", "logistic", "tanh", "identity", "gelu", "gelu_tanh" or
        "leaky_relu".
    solver : {"adam", "adamw", "sgd"}, default="adam"
        Optimizer.
    alpha : float, default=0.0001
        L2 regularisation as in scikit-learn: α / 2 · Σ W² / B is added to the loss. Weight decay of "adamw".
    batch_size : int or "auto", default="auto"
        Batch size; "auto" is min(200, n_samples).
    learning_rate : str, default="one_cycle"
        Learning-rate schedule: "constant", "adaptive", "invscaling", "linear", "cosine", "exponential" or
        "one_cycle".
    learning_rate_init : float, default=0.01
        Initial learning rate.
    power_t : float, default=0.5
        Exponent of the schedule "invscaling".
    max_iter : int, default=None
        Maximum number of epochs; by default 10, or as many as have 100 steps in total.
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
        Number of epochs without improvement after which training stops.
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
    preprocessing : str or None, default="auto"
        What is done to each row before the model sees it; fitted on the training rows, applied to all others
        and saved with the model. "auto" standardises features by channel, and scales uint8 images to value /
        255. None uses the numbers as they are. Other specifications change the defaults, such as
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
    MLPClassifier : Fully connected network.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from tercet import CNNClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> model = CNNClassifier(max_iter=10, random_state=0).fit(X[:1500] / 16, y[:1500])
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
        max_iter: int | None = None,
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
        preprocessing: str | None = "auto",
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
        self.preprocessing = preprocessing
        self.n_jobs = n_jobs

    def _image(self, X: Any, rows: np.ndarray) -> tuple[int, int, int]:
        known = super()._image(X, rows)
        if known is not None:
            return known
        width = rows.shape[1]
        side = math.isqrt(width)
        return (side, side, 1) if side * side == width else (1, width, 1)

    def _describe_model(self) -> None:
        super()._describe_model()
        self.layers = self.model_.layers

    def _epochs(self, n: int, batch: int) -> int:
        if self.max_iter is None:
            return max(10, math.ceil(100 / math.ceil(n / batch)))
        return super()._epochs(n, batch)

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
