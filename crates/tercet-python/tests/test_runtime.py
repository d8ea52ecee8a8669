"""Threads, the GIL, memory, Ctrl-C, callbacks, and warnings about the range of X."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings

import numpy as np
import pytest
import tercet
from tercet import _core

try:
    from sklearn.callback import ProgressBar, ScoringMonitor  # noqa: F401
except ImportError:
    ProgressBar = None


def test_the_gil_is_released_while_the_core_works(mnist):
    X, y, *_ = mnist
    model = tercet.KNeighborsClassifier(metric="l1").fit(np.tile(X, (4, 1)), np.tile(y, 4))

    def ticks():
        """How often this thread runs while another one is in the core."""
        count, done = 0, threading.Event()

        def work():
            model.kneighbors(X)
            done.set()

        thread = threading.Thread(target=work)
        thread.start()
        while not done.is_set():
            count += 1
            time.sleep(0.001)
        thread.join()
        return count

    # On a busy machine, this thread may not run for a while although the lock is free.
    assert any(ticks() > 5 for _ in range(20))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_arrays_are_not_copied(dtype):
    # Labels of 2,000,000 rows take 8 MB; a copy of X would take 128 MB and more.
    code = f"""
        import json, resource, numpy as np
        from tercet import _core
        n, d = 2_000_000, {64 if dtype is np.uint8 else 16}
        X = np.zeros((n, d), dtype=np.{np.dtype(dtype).name})
        X[:] = 1
        settings = {{"loss": "softmax", "reg": 0.0, "batch": 100, "length": {{"iterations": 20}},
                     "learning_rate": 0.1, "schedule": "constant", "optimizer": {{"sgd": {{}}}}}}
        request = json.dumps({{"layers": None, "init": "he", "settings": settings, "seed": 0}})
        y = (np.arange(n) % 2).astype(np.uint32)
        image = (8, 8, 1) if X.dtype == np.uint8 else None
        given = _core.Preprocessing.unfitted("auto", X[:1], image=image)
        # Threads and their memory are created first.
        model, *_ = _core.train(X[:1000], y[:1000], (["a", "b"], "text"), request, given)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        _core.train(X, y, (["a", "b"], "text"), request, given)
        model.scores(X)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 80_000, done.stdout


def test_the_core_rejects_arrays_that_it_would_have_to_copy():
    with pytest.raises(ValueError, match="not C-contiguous"):
        _core.statistics(np.zeros((4, 4), dtype=np.float32)[:, ::2])
    with pytest.raises(TypeError):
        _core.statistics(np.zeros((4, 4), dtype=np.int64))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("kind", ["plain", "early", "dual"])
def test_ctrl_c_keeps_the_model(kind):
    estimator = {
        "plain": "tercet.MLPClassifier((512, 512), max_iter=100000, n_iter_no_change=10**9, random_state=0)",
        "early": "tercet.MLPClassifier((512, 512), max_iter=100000, n_iter_no_change=10**9, "
        "early_stopping=True, random_state=0)",
        "dual": "tercet.LinearClassifier(solver='dual', reg=1e-9, tol=1e-12, max_iter=10**9, random_state=0)",
    }[kind]
    code = f"""
        import os, signal, sys, threading, time, warnings, tercet
        mnist = tercet.load_mnist()
        threading.Timer(float(sys.argv[1]), lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            model = {estimator}.fit(mnist.train.X, mnist.train.y)
        told = [str(w.message) for w in seen if "interrupted" in str(w.message)]
        print(told, model.score(mnist.test.X, mnist.test.y) > 0.5)
    """
    # On a busy machine, a few seconds may not be enough to learn anything.
    for seconds in ["3", "30", "300"]:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code), seconds],
            capture_output=True,
            text=True,
            check=False,
        )
        if "KeyboardInterrupt" in done.stderr:
            # Training had not begun.
            continue
        assert done.returncode == 0, done.stderr
        assert "interrupted by user" in done.stdout, done.stdout
        if done.stdout.strip().endswith("True"):
            return
    pytest.fail("the interrupted model has learned nothing")


def test_a_forked_process_has_its_own_threads(mnist):
    X, y, *_ = mnist
    model = tercet.KNeighborsClassifier().fit(X, y)
    expected = model.predict(X[:200])
    if not hasattr(os, "fork"):
        pytest.skip("no fork here")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        signal.alarm(120)
        os._exit(0 if (model.predict(X[:200]) == expected).all() else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize(
    ("fitted", "asked", "words"),
    [
        (
            lambda X: X / 255,
            lambda X: X.astype(float),
            "fitted on values from 0 to 1, predicting on values from 0 to 255",
        ),
        (
            lambda X: X.astype(float),
            lambda X: X / 255,
            "fitted on values from 0 to 255, predicting on values from 0 to 1",
        ),
        (lambda X: X / 255, lambda X: 1 - X / 255, "looks inverted.*If so, pass 1 - X"),
        (lambda X: X, lambda X: 255 - X, "looks inverted.*If so, pass 255 - X"),
    ],
)
@pytest.mark.parametrize(
    "estimator", [tercet.MLPClassifier((8,), max_iter=1), tercet.KNeighborsClassifier()], ids=str
)
def test_warnings_about_another_range_appear_once(estimator, fitted, asked, words, mnist):
    X, y, queries, _ = mnist
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = estimator.fit(fitted(X), y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(fitted(queries))
    with pytest.warns(UserWarning, match=words):
        model.predict(asked(queries))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(asked(queries))


def test_predictions_of_a_network_do_not_depend_on_the_dtype(mnist):
    X, y, queries, _ = mnist
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = tercet.MLPClassifier((8,), max_iter=3, random_state=0).fit(X, y)
    expected = model.predict_proba(queries)
    np.testing.assert_allclose(model.predict_proba(queries.astype(float)), expected, atol=1e-6)
    np.testing.assert_allclose(model.predict_proba(queries.astype(np.int32)), expected, atol=1e-6)


@pytest.mark.skipif(ProgressBar is None, reason="this release of scikit-learn has no callbacks")
def test_callbacks_of_scikit_learn(mnist):
    X, y, queries, labels = mnist

    class Recorder:
        def __init__(self):
            self.seen = []

        def setup(self, estimator, context):
            self.seen.append("setup")

        def teardown(self, estimator, context):
            self.seen.append("teardown")

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
            if context.task_name == "epoch":
                score = fitted_estimator.score(metadata["X_val"], metadata["y_val"])
                assert score == metadata["validation_accuracy"]
                self.seen.append((len(X), len(y), metadata["epoch"]))
                return metadata["epoch"] == 3
            return None

    recorder = Recorder()
    model = tercet.MLPClassifier((16,), max_iter=10, random_state=0).set_callbacks(recorder)
    model.fit(X, y, X_val=queries, y_val=labels)
    assert recorder.seen == ["setup", (3000, 3000, 1), (3000, 3000, 2), (3000, 3000, 3), "teardown"]
    assert model.n_iter_ == 3

    class Broken(Recorder):
        def on_fit_task_end(self, estimator, context):
            raise RuntimeError("a callback's own mistake")

    with pytest.raises(RuntimeError, match="own mistake"):
        tercet.MLPClassifier((16,)).set_callbacks(Broken()).fit(X, y)


def test_progress_shows_the_remaining_time(mnist, capsys):
    X, y, *_ = mnist
    tercet.MLPClassifier((8,), max_iter=2, verbose=True, tol=0).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert (
        len(lines) == 2
        and lines[1].startswith("Iteration 2 of 2, loss = ")
        and lines[1].endswith("at most 0.0 s left")
    )
