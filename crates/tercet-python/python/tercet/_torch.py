"""Weights that PyTorch has learned."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import _core
from ._base import names_of
from .linear import LinearClassifier
from .network import CNNClassifier, MLPClassifier

#: How many batches a batch norm has seen, which says nothing of its answers.
_COUNT = "num_batches_tracked"


def from_state_dict(
    state: Mapping[str, Any],
    layers: str,
    *,
    classes: Sequence[Any] | None = None,
    image_shape: tuple[int, ...] | None = None,
    pixels: bool = False,
    mean: Sequence[float] | float | None = None,
    std: Sequence[float] | float | None = None,
) -> Any:
    """A fitted estimator with the weights of a ``torch.nn.Sequential``.

    ``state`` is ``model.state_dict()``, of tensors or of arrays. ``layers`` says in words what the modules
    are, such as ``"conv5-8 relu pool flatten dense10"``. Modules with weights are taken in the order of the
    numbers in their names, or, where they have other names, in that of the dictionary. ``classes`` are the
    labels, in order; 0, 1, … where nothing is said. ``image_shape`` is (height, width) or (height, width,
    channels), where the model takes images. With ``pixels`` the model saw value / 255 of rows of uint8, as
    ``ToTensor`` gives them; ``mean`` and ``std`` are those of ``Normalize``.

    >>> import numpy as np
    >>> import tercet
    >>> state = {"0.weight": np.eye(3), "0.bias": np.array([0.0, 0.5, 0.0])}
    >>> model = tercet.from_state_dict(state, "dense3", classes=["a", "b", "c"])
    >>> model.predict([[0.0, 0.0, 0.2], [0.9, 0.0, 0.0]]).tolist()
    ['b', 'a']
    """
    arrays = {name: _array(name, value) for name, value in state.items() if name.split(".")[-1] != _COUNT}
    if not arrays:
        raise ValueError("state has no tensors; expected those of model.state_dict()")
    tensors = list(_numbered(arrays).items())
    image: tuple[int, int, int] | None = None
    if image_shape is not None:
        sides = tuple(int(side) for side in image_shape)
        if len(sides) not in (2, 3):
            raise ValueError(
                f"image_shape is {image_shape!r}; expected height and width, and channels where they are many"
            )
        image = (sides[0], sides[1], sides[2] if len(sides) == 3 else 1)
    features = math.prod(image) if image else int(_first(tensors).shape[-1])
    if classes is None:
        last = [array for name, array in _in_order(tensors) if name.endswith("weight") and array.ndim > 1]
        classes = range(len(last[-1]) if last else 0)
    labels = np.asarray(list(classes))
    normalization = None
    if mean is not None or std is not None:
        if mean is None or std is None:
            raise ValueError("mean and std belong together; one of them is None")
        numbers = [np.atleast_1d(np.asarray(values, dtype=np.float32)).tolist() for values in (mean, std)]
        normalization = (numbers[0], numbers[1])
    model = _core.from_state(
        tensors, layers, names_of(labels), features, pixels=pixels, image=image, normalization=normalization
    )
    estimator: Any
    if model.kind == "linear":
        estimator = LinearClassifier(loss="softmax")
    elif any(word in model.layers for word in ("conv", "pool")):
        estimator = CNNClassifier(layers=layers, image_shape=image_shape)
    else:
        estimator = MLPClassifier(image_shape=image_shape)
    estimator._adopt(model)
    estimator.classes_ = labels
    estimator._fitted_on_bytes = pixels
    if not pixels:
        estimator._range = None
    return estimator


def _array(name: str, value: Any) -> np.ndarray:
    """A tensor of PyTorch's, wherever it is and whatever its precision, or an array."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().float().numpy()
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} is of {array.dtype}; expected numbers")
    # (ascontiguousarray gives a number one dimension.)
    return np.array(array, dtype=np.float32, order="C")


def _numbered(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same with modules that have numbers: those that they have, or their places in the dictionary."""
    modules = list(dict.fromkeys(name.rpartition(".")[0] for name in arrays))
    words = [module.split(".") for module in modules]
    common = 0
    while all(len(w) > common and w[common] == words[0][common] and not w[common].isdigit() for w in words):
        common += 1
    if all(w[common:] and all(word.isdigit() for word in w[common:]) for w in words):
        return {".".join(name.split(".")[common:]): array for name, array in arrays.items()}
    place = {module: number for number, module in enumerate(modules)}
    return {
        f"{place[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}": array for name, array in arrays.items()
    }


def _in_order(tensors: list[tuple[str, np.ndarray]]) -> list[tuple[str, np.ndarray]]:
    return sorted(tensors, key=lambda tensor: [int(word) for word in tensor[0].split(".")[:-1]])


def _first(tensors: list[tuple[str, np.ndarray]]) -> np.ndarray:
    """The weight of the first module."""
    weights = [array for name, array in _in_order(tensors) if name.endswith("weight") and array.ndim]
    if not weights:
        raise ValueError("state has no weights; expected those of model.state_dict()")
    return weights[0]
