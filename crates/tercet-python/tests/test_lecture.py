"""The lecture's functions against an implementation in NumPy."""

import numpy as np
import pytest
from tercet.lecture import nn_forward, nn_svm_grad, nn_svm_loss, train_nn


@pytest.fixture
def task():
    random = np.random.default_rng(0)
    params = {
        "W1": random.normal(size=(7, 5)),
        "b1": random.normal(size=5),
        "W2": random.normal(size=(5, 3)),
        "b2": random.normal(size=3),
    }
    return params, random.normal(size=(11, 7)), random.integers(0, 3, size=11)


def by_hand(params, X, y, reg):
    hidden = np.maximum(X @ params["W1"] + params["b1"], 0)
    scores = hidden @ params["W2"] + params["b2"]
    margins = np.maximum(scores - scores[np.arange(len(y)), y][:, None] + 1, 0)
    margins[np.arange(len(y)), y] = 0
    loss = margins.sum(1).mean() + reg * ((params["W1"] ** 2).sum() + (params["W2"] ** 2).sum())
    return scores, hidden, loss


def test_forward_and_loss(task):
    params, X, y = task
    scores, hidden, loss = by_hand(params, X, y, 0.1)
    found = nn_forward(params, X)
    np.testing.assert_allclose(found[0], scores, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found[1], hidden, rtol=1e-4, atol=1e-5)
    assert nn_svm_loss(params, X, y, 0.1)[0] == pytest.approx(loss, rel=1e-5)
    assert (
        found[0].dtype == np.float64
        and nn_forward({k: v.astype(np.float32) for k, v in params.items()}, X)[0].dtype == np.float32
    )


def test_gradients_equal_central_differences(task):
    params, X, y = task
    grads = nn_svm_grad(params, X, y, None, None, 0.1)
    assert set(grads) == {"W1", "b1", "W2", "b2"}
    for name, values in params.items():
        for place in np.ndindex(values.shape):
            there = [dict(params, **{name: values.copy()}) for _ in range(2)]
            there[0][name][place] += 1e-6
            there[1][name][place] -= 1e-6
            slope = (by_hand(there[0], X, y, 0.1)[2] - by_hand(there[1], X, y, 0.1)[2]) / 2e-6
            assert grads[name][place] == pytest.approx(slope, abs=1e-4), (name, place)


def test_gradients_reject_the_outputs_of_another_forward_pass(task):
    params, X, y = task
    scores, hidden = nn_forward(params, X)
    assert set(nn_svm_grad(params, X, y, scores, hidden)) == set(params)
    with pytest.raises(ValueError, match="scores is not what nn_forward returns"):
        nn_svm_grad(params, X, y, scores + 1, hidden)
    with pytest.raises(ValueError, match="hidden has the shape"):
        nn_svm_grad(params, X, y, scores, scores)


def test_training(task, capsys):
    params, X, y = task
    before = {name: values.copy() for name, values in params.items()}
    losses, trained = train_nn(params, X, y, 3, lr=0.05, reg=1e-3, batch=11, num_iters=300, print_freq=100)
    said = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in said] == ["Iteration 100", "Iteration 200", "Iteration 300"]
    assert float(said[-1].split("=")[1]) == pytest.approx(losses.mean(), rel=1e-4)
    assert len(losses) == 300 and losses[-50:].mean() < losses[:50].mean() / 2
    assert set(trained) == set(params) and (trained["W1"] != params["W1"]).any()
    for name, values in before.items():
        np.testing.assert_array_equal(params[name], values)
    train_nn(params, X, y, 3, num_iters=10, print_freq=0)
    assert capsys.readouterr().out == ""


def test_invalid_arguments_are_rejected(task):
    params, X, y = task
    for arguments, words in [
        (({"W1": params["W1"]}, X, y), "expected W1, b1"),
        ((params, X[:, :3], y), "X has dimensions \\(11, 3\\); expected \\(N, 7\\)"),
        ((params, X, y[:4]), "y has 4 labels; expected 11"),
        ((params, X, y + 3), "expected classes from 0 to 2"),
        ((params, X, y - 5), "expected class indices, integers from 0"),
    ]:
        with pytest.raises(ValueError, match=words):
            nn_svm_loss(*arguments)
