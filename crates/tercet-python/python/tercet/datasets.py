"""Data sets as arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from . import _core


class Part(NamedTuple):
    """Examples: X is (N, D), of uint8 or float32; y is (N), of the classes' numbers."""

    X: np.ndarray
    y: np.ndarray


class Collection(NamedTuple):
    """A data set as it is published."""

    train: Part
    test: Part | None
    #: The names of the classes.
    classes: list[str]
    #: Height, width and channels, where the examples are images.
    image_shape: tuple[int, int, int] | None


def load_data(name: str) -> Collection:
    """A data source by the name that ``tercet --data`` knows: ``mnist``, or a path."""
    train, test, classes, image = _core.load(name)
    return Collection(Part(*train), None if test is None else Part(*test), classes, image)


def load_mnist() -> Collection:
    """MNIST, which is part of this package: 60,000 and 10,000 images of 28 × 28 pixels."""
    return load_data("mnist")
