"""Weights from PyTorch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import _core
from ._base import list_of
from .convolution import CNNClassifier
from .linear import LinearClassifier
from .network import MLPClassifier

#: The number of batches that a batch norm has seen; it does not influence predictions.
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
    """Create a fitted estimator from the weights of a ``torch.nn.Sequential``.

    Parameters
    ----------
    state : mapping of str to tensor or array
        ``model.state_dict()``. Modules with weights are taken in the order of the numbers in their names or,
        if they have other names, in the order of the mapping.
    layers : str
        Architecture string of the modules, such as ``"conv5-8 relu pool flatten dense10"``.
    classes : sequence, default=None
        The class labels, in order; 0, 1, … by default.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels), if the model takes images.
    pixels : bool, default=False
        Whether the model was trained on value / 255 of uint8 pixels, as ``ToTensor`` returns them.
    mean, std : float or sequence of float, default=None
        The parameters of torchvision's ``Normalize``, if the model was trained with it.

    Returns
    -------
    estimator : LinearClassifier, MLPClassifier or CNNClassifier

    Examples
    --------
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
                f"image_shape is {image_shape!r}; expected (height, width) or (height, width, channels)"
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
            raise ValueError("mean and std must be given together; one of them is None")
        numbers = [np.atleast_1d(np.asarray(values, dtype=np.float64)).tolist() for values in (mean, std)]
        normalization = (numbers[0], numbers[1])
    model = _core.from_state(
        tensors, layers, list_of(labels), features, pixels=pixels, image=image, normalization=normalization
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
    return estimator


def _array(name: str, value: Any) -> np.ndarray:
    """Convert a tensor of any device and precision, or an array, to float32."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().float().numpy()
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} is of {array.dtype}; expected numbers")
    # np.ascontiguousarray would turn a scalar into an array of one dimension.
    return np.array(array, dtype=np.float32, order="C")


def _numbered(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Rename the modules to numbers: those in their names, or their positions in the mapping."""
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
