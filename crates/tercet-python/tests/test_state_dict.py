"""Weights to PyTorch and back, compared with its layers in NumPy, and with PyTorch if it is installed."""

import math

import numpy as np
import pytest
import tercet

LAYERS = "conv3-4+1 batchnorm relu pool conv2-3/2 leaky0.1 flatten dense8 batchnorm gelu dense3"


def images(count=40, channels=2):
    rng = np.random.default_rng(3)
    return rng.random((count, 9, 8, channels), dtype=np.float32), np.arange(count) % 3


def conv2d(x, w, b, stride=1, padding=0):
    """As torch.nn.Conv2d: x is (N, channels, height, width), w is (filters, channels, height, width)."""
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
    return np.einsum("nchwyx,fcyx->nfhw", windows, w) + b[:, None, None]


def batch_norm(x, state, n):
    weight, bias, mean, var = (
        state[f"{n}.{name}"].reshape(-1, *[1] * (x.ndim - 2))
        for name in ("weight", "bias", "running_mean", "running_var")
    )
    return (x - mean) / np.sqrt(var + 1e-5) * weight + bias


def forward(state, images):
    """The forward pass of the nn.Sequential of LAYERS."""
    x = images.transpose(0, 3, 1, 2).astype(np.float64)
    x = np.maximum(batch_norm(conv2d(x, state["0.weight"], state["0.bias"], padding=1), state, 1), 0)
    n, c, h, w = x.shape
    x = x[:, :, : h // 2 * 2, : w // 2 * 2].reshape(n, c, h // 2, 2, w // 2, 2).max(axis=(3, 5))
    x = conv2d(x, state["4.weight"], state["4.bias"], stride=2)
    x = np.where(x > 0, x, 0.1 * x).reshape(n, -1)
    x = batch_norm(x @ state["7.weight"].T + state["7.bias"], state, 8)
    x = 0.5 * x * (1 + np.vectorize(math.erf)(x / np.sqrt(2)))
    return x @ state["10.weight"].T + state["10.bias"]


def fitted():
    X, y = images()
    return tercet.CNNClassifier(LAYERS, max_iter=3, random_state=0, preprocessing=None).fit(X, y), X


def test_state_dicts_have_the_names_and_layout_of_pytorch():
    model, X = fitted()
    state = model.to_state_dict()
    assert [name for name in state if name.startswith("0.")] == ["0.weight", "0.bias"]
    assert state["0.weight"].shape == (4, 2, 3, 3) and state["7.weight"].shape[0] == 8
    assert state["1.num_batches_tracked"].shape == ()
    np.testing.assert_allclose(model.decision_function(X), forward(state, X), atol=1e-5)


def test_weights_survive_the_round_trip_bit_by_bit():
    model, X = fitted()
    back = tercet.from_state_dict(model.to_state_dict(), LAYERS, image_shape=(9, 8, 2))
    assert isinstance(back, tercet.CNNClassifier)
    assert back.classes_.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(back.decision_function(X), model.decision_function(X))
    assert back.score(X, model.predict(X)) == 1


def test_a_standardised_model_comes_back_with_its_normalization():
    X, y = images()
    model = tercet.CNNClassifier(LAYERS, max_iter=3, random_state=0).fit(X, y)
    fitted = model.preprocessing_
    np.testing.assert_allclose(fitted.mean, X.mean(axis=(0, 1, 2), dtype=float), rtol=1e-12)
    back = tercet.from_state_dict(
        model.to_state_dict(), LAYERS, image_shape=(9, 8, 2), mean=fitted.mean, std=fitted.std
    )
    np.testing.assert_array_equal(back.decision_function(X), model.decision_function(X))
    standardised = (X - fitted.mean) / fitted.std
    np.testing.assert_allclose(
        model.decision_function(X), forward(model.to_state_dict(), standardised), atol=1e-5
    )


def test_pixels_normalization_names_and_missing_biases():
    rng = np.random.default_rng(0)
    w1, w2 = rng.normal(size=(5, 12)), rng.normal(size=(2, 5))
    pixels = rng.integers(0, 256, (7, 12), dtype=np.uint8)
    hidden = np.maximum((pixels / 255 - 0.25) / 0.5 @ w1.T, 0)
    for names in (["0", "2"], ["net.2", "net.10"], ["fc", "another"]):
        state = {f"{names[0]}.weight": w1, f"{names[1]}.weight": w2}
        model = tercet.from_state_dict(
            state, "dense5 relu", classes=["no", "yes"], image_shape=(3, 4), pixels=True, mean=0.25, std=0.5
        )
        assert isinstance(model, tercet.MLPClassifier)
        scores = hidden @ w2.T
        np.testing.assert_allclose(model.decision_function(pixels), scores[:, 1] - scores[:, 0], atol=1e-4)
        assert set(model.predict(pixels)) <= {"no", "yes"}
    # Numbers in the names take precedence over the order of the dictionary.
    reordered = tercet.from_state_dict({"10.weight": w2, "2.weight": w1}, "dense5 relu")
    assert reordered.n_features_in_ == 12 and reordered.classes_.tolist() == [0, 1]


def test_invalid_states_are_rejected():
    state = {"0.weight": np.ones((4, 3)), "2.weight": np.ones((2, 4))}
    for words, wrong, layers in [
        ("expected 3, for the layers", state, "dense4 relu dense4 relu"),
        (r"dimensions of 0.weight: found \[4, 3\]; expected \[5, 3\]", state, "dense5 relu"),
        ("no tensors", {}, "dense2"),
        ("expected numbers", {"0.weight": np.array(["a"])}, "dense2"),
    ]:
        with pytest.raises((ValueError, TypeError), match=words):
            tercet.from_state_dict(wrong, layers)
    with pytest.raises(ValueError, match="must be given together"):
        tercet.from_state_dict(state, "dense4 relu", mean=0.5)


def test_pytorch_gives_the_same_scores():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed here")
    nn = torch.nn
    modules = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 3, 2, stride=2),
        nn.LeakyReLU(0.1),
        nn.Flatten(),
        nn.Linear(12, 8),
        nn.BatchNorm1d(8),
        nn.GELU(),
        nn.Linear(8, 3),
    )
    model, X = fitted()
    there = torch.from_numpy(X.transpose(0, 3, 1, 2).copy())
    modules.load_state_dict({name: torch.from_numpy(array) for name, array in model.to_state_dict().items()})
    with torch.no_grad():
        np.testing.assert_allclose(modules.eval()(there).numpy(), model.decision_function(X), atol=1e-5)
        # And with weights that PyTorch initialised.
        torch.manual_seed(1)
        for module in modules:
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
        modules.train()(there)
        back = tercet.from_state_dict(modules.state_dict(), LAYERS, image_shape=(9, 8, 2))
        np.testing.assert_allclose(back.decision_function(X), modules.eval()(there).numpy(), atol=1e-5)
