"""The core as Python sees it. Arrays are C-contiguous: X of uint8 or float32, (N, D); labels of uint32, (N)."""

import os
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

VERSION: str

Floats = NDArray[np.float32]
Labels = NDArray[np.uint32]
Layers = list[tuple[Floats, Floats]]
Sides = tuple[int, int, int]

class Model:
    @staticmethod
    def load(path: str | os.PathLike[str]) -> Model: ...
    @staticmethod
    def from_bytes(bytes: bytes) -> Model: ...
    def save(self, path: str | os.PathLike[str]) -> None: ...
    def to_bytes(self) -> bytes: ...
    @property
    def kind(self) -> Literal["neighbors", "linear", "network"]: ...
    @property
    def classes(self) -> list[str]: ...
    @property
    def features(self) -> int: ...
    @property
    def is_pixels(self) -> bool: ...
    @property
    def image(self) -> Sides | None: ...
    @property
    def card(self) -> str: ...
    def with_card(self, card: str) -> Model: ...
    @property
    def layers(self) -> str: ...
    def describe(self) -> str: ...
    def weights(self) -> Layers: ...
    def state(self) -> list[tuple[str, Floats]]: ...
    def scores(self, x: NDArray[Any], threads: int | None = None) -> Floats: ...
    def kneighbors(
        self, x: NDArray[Any], k: int, threads: int | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]: ...
    @property
    def rows(self) -> NDArray[Any]: ...
    @property
    def labels(self) -> Labels: ...
    @property
    def row_weights(self) -> Floats | None: ...
    @property
    def choices(self) -> tuple[str, int, str]: ...
    def asked(self, k: int, vote: str) -> Model: ...

class Memory:
    @staticmethod
    def from_arrays(steps: int, arrays: list[tuple[Floats, Floats]]) -> Memory: ...

def remember(
    x: NDArray[Any],
    labels: Labels,
    classes: list[str],
    *,
    metric: str,
    k: int,
    vote: str,
    weights: Any = None,
    image: Sides | None = None,
    threads: int | None = None,
) -> Model: ...
def evaluate(scores: Floats, labels: Labels, classes: list[str]) -> str: ...
def from_state(
    tensors: list[tuple[str, Floats]],
    layers: str,
    classes: list[str],
    features: int,
    *,
    pixels: bool = False,
    image: Sides | None = None,
    normalization: tuple[list[float], list[float]] | None = None,
) -> Model: ...
def train(
    x: NDArray[Any],
    labels: Labels,
    classes: list[str],
    request: str,
    *,
    weights: Floats | None = None,
    validation: tuple[NDArray[Any], Labels] | None = None,
    start: Model | None = None,
    memory: Memory | None = None,
    image: Sides | None = None,
    on_epoch: Callable[[dict[str, Any]], bool | float | None] | None = None,
    snapshots: bool = False,
    threads: int | None = None,
) -> tuple[Model, dict[str, Any], Memory, bool]: ...
def solve(
    x: NDArray[Any],
    labels: Labels,
    classes: list[str],
    settings: str,
    *,
    weights: Floats | None = None,
    image: Sides | None = None,
    on_look: Callable[[dict[str, Any]], bool | None] | None = None,
    threads: int | None = None,
) -> tuple[Model, dict[str, Any], bool]: ...
def scores(layers: Layers, x: Floats) -> list[Floats]: ...
def loss_and_gradients(layers: Layers, x: Floats, labels: Labels, reg: float) -> tuple[float, Layers]: ...
def network(layers: Layers) -> Model: ...
def statistics(x: NDArray[Any]) -> tuple[float, float, float] | None: ...
def load(
    name: str,
) -> tuple[tuple[NDArray[Any], Labels], tuple[NDArray[Any], Labels] | None, list[str], Sides | None]: ...
def clock() -> float: ...
