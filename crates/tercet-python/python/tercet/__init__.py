"""Nearest neighbours, linear classifiers and neural networks: exact, fast and easy to inspect.

The estimators follow scikit-learn's interface. Their core is written in Rust. ``tercet.lecture`` has the
functions of the lecture under their own names.
"""

from . import lecture
from ._core import VERSION as __version__
from ._evaluation import Evaluation, evaluate
from ._files import load
from ._threads import threads
from ._torch import from_state_dict
from ._tuning import Tuned, tune
from .convolution import CNNClassifier
from .datasets import Collection, Mnist, Part, load_data, load_mnist
from .linear import LinearClassifier
from .neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    NearestNeighbors,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
)
from .network import MLPClassifier
from .regression import MLPRegressor

__all__ = [
    "CNNClassifier",
    "Collection",
    "Evaluation",
    "KNeighborsClassifier",
    "KNeighborsRegressor",
    "LinearClassifier",
    "MLPClassifier",
    "MLPRegressor",
    "Mnist",
    "NearestNeighbors",
    "Part",
    "RadiusNeighborsClassifier",
    "RadiusNeighborsRegressor",
    "Tuned",
    "__version__",
    "evaluate",
    "from_state_dict",
    "lecture",
    "load",
    "load_data",
    "load_mnist",
    "threads",
    "tune",
]
