"""A peer of Tercet's training. The process runs for the whole benchmark.

    python training.py ENGINE THREADS

The commands and their answers, in the format of `protocol.py`:

    {"do": "load", "train": ARRAY, "train labels": ARRAY,
     "test": ARRAY, "test labels": ARRAY}                   {}
    {"do": "train", **NETWORK, "order": ARRAY, "batch": 20,
     "loss": "svm" or "softmax", "learning rate": 0.1,
     "reg": 1e-5}                                           {"seconds": …, "accuracy": …}
    {"do": "first losses", …, "steps": 10}                  {"losses": [ … ]}, the first of that training
    {"do": "predict", **NETWORK, "scores": FILE}            {"seconds": …}
    {"do": "predict one by one", **NETWORK,
     "examples": 1000}                                      {"seconds": [ … ]}, one number for each example
    {"do": "crammer-singer", "cost": 0.1}                   {"seconds": …, "accuracy": …, "primal": …}
    {"do": "ninety-nine", "seed": 0}                        {"seconds": …, "accuracy": …}

A NETWORK is "sizes": [784, 36, 10], with ReLU between dense layers, and "parameters": ARRAY, one row: for
each layer W, (inputs, outputs), and b. A convolutional one has "layers" instead of sizes, such as "conv5-8
relu pool flatten dense10", and "image": [height, width, channels]; the inputs of a filter are a patch of
(row, column, channel), and flatten gives the values of an image in that order. "order" is one row of row
indices, which is cut into batches; the last batch may be smaller. The objective is the mean loss of a batch
plus reg · Σ W² without the biases, and it is minimised by plain gradient descent. Accuracies are those of the
trained parameters on the test set. Scores are written to FILE as little-endian float32, (test examples,
classes).

The timer runs in this process and covers only training or prediction: data and initial parameters are in
memory in the preferred layout of the engine, and everything is compiled, before it starts. Of several
implementations, this is the fastest that was found.
"""

import importlib.metadata
import os
import re
import time

import numpy as np
from protocol import load, serve


class Spec:
    """The network and training settings of a command."""

    def __init__(self, command):
        self.sizes = command.get("sizes")
        self.words = command["layers"].split() if "layers" in command else None
        self.image = command.get("image")
        self.parameters = np.array(load(command["parameters"])[0], dtype=np.float32)
        self.batch = command.get("batch")
        self.order = load(command["order"])[0].astype(np.int64) if "order" in command else None
        self.loss = command.get("loss")
        self.rate = command.get("learning rate")
        self.reg = command.get("reg")

    def layers(self):
        """Copies of W and b of each layer."""
        at, layers = 0, []
        for inputs, outputs in zip(self.sizes, self.sizes[1:]):
            w = self.parameters[at : at + inputs * outputs].reshape(inputs, outputs)
            at += inputs * outputs
            layers.append((w.copy(), self.parameters[at : at + outputs].copy()))
            at += outputs
        return layers

    def take(self, count):
        """The parameters of the next layer of a convolutional network."""
        taken, self.parameters = self.parameters[:count], self.parameters[count:]
        return taken

    def batches(self):
        return [self.order[at : at + self.batch] for at in range(0, len(self.order), self.batch)]


class Torch:
    """Autograd on functions with an explicit update step; weights are (inputs, outputs).

    This is faster here than torch.nn with torch.optim.SGD, including its foreach and fused variants.
    """

    def __init__(self, threads):
        import torch

        torch.set_num_threads(threads)
        self.torch = torch
        self.version = torch.__version__

    def load(self, x, y, test):
        self.x, self.y, self.test = (self.torch.from_numpy(array) for array in (x, y, test))

    def tensors(self, spec):
        self.words, self.image = spec.words, spec.image
        if spec.words:
            return [self.torch.from_numpy(array) for array in self.convolutional(spec)]
        return [self.torch.from_numpy(array) for layer in spec.layers() for array in layer]

    def convolutional(self, spec):
        """W and b of each layer in PyTorch's layout: (filters, channels, rows, columns)."""
        height, width, channels = spec.image
        size, image = height * width * channels, (height, width, channels)
        arrays = []
        for word in spec.words:
            name, number, filters = re.fullmatch(r"([a-z]+)(\d*)(?:-(\d+))?", word).groups()
            if name == "conv":
                k, filters = int(number), int(filters)
                h, w, c = image
                weights = spec.take(k * k * c * filters).reshape(k, k, c, filters)
                arrays += [weights.transpose(3, 2, 0, 1).copy(), spec.take(filters).copy()]
                image = (h - k + 1, w - k + 1, filters)
            elif name == "pool":
                image = (image[0] // 2, image[1] // 2, image[2])
            elif name == "flatten":
                size = image[0] * image[1] * image[2]
            elif name == "dense":
                weights = spec.take(size * int(number)).reshape(size, int(number))
                if image is not None:
                    weights = weights.reshape(*image, -1).transpose(2, 0, 1, 3).reshape(size, -1)
                arrays += [weights.copy(), spec.take(int(number)).copy()]
                size, image = int(number), None
        return arrays

    def forward(self, h, parameters):
        if self.words:
            return self.forward_words(h, parameters)
        for i in range(0, len(parameters), 2):
            if i > 0:
                h = self.torch.relu(h)
            h = self.torch.addmm(parameters[i + 1], h, parameters[i])
        return h

    def forward_words(self, h, parameters):
        functional = self.torch.nn.functional
        height, width, channels = self.image
        h = h.view(-1, height, width, channels).permute(0, 3, 1, 2)
        parameters = iter(parameters)
        for word in self.words:
            if word.startswith("conv"):
                h = functional.conv2d(h, next(parameters), next(parameters))
            elif word.startswith("dense"):
                w, b = next(parameters), next(parameters)
                h = self.torch.addmm(b, h, w)
            elif word == "relu":
                h = self.torch.relu(h)
            elif word == "pool":
                h = functional.max_pool2d(h, 2)
            elif word == "flatten":
                h = h.flatten(1)
            else:
                raise ValueError(f"unknown layer {word!r}")
        return h

    def ninety_nine(self, seed):
        """99 % in one epoch, the fastest found with torch: Adam with small betas and a one-cycle schedule."""
        torch = self.torch
        functional, batch = torch.nn.functional, 256
        torch.manual_seed(seed)
        net = torch.nn.Sequential(
            torch.nn.Conv2d(1, 24, 5), torch.nn.MaxPool2d(2), torch.nn.ReLU(),
            torch.nn.Conv2d(24, 32, 3), torch.nn.MaxPool2d(2), torch.nn.ReLU(),
            torch.nn.Flatten(), torch.nn.Linear(800, 256), torch.nn.ReLU(), torch.nn.Linear(256, 10),
        )  # fmt: skip
        x, y = self.x.view(-1, 1, 28, 28), self.y
        start = time.perf_counter()
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-2, betas=(0.7, 0.9))
        rows = torch.randperm(len(y)).split(batch)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=len(rows))
        for chosen in rows:
            loss = functional.cross_entropy(net(x[chosen]), y[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        seconds = time.perf_counter() - start
        self.trained = net
        return seconds

    def train(self, spec, losses):
        torch = self.torch
        x, y, rate, decay = self.x, self.y, spec.rate, 1.0 - 2.0 * spec.rate * spec.reg
        parameters = [parameter.requires_grad_() for parameter in self.tensors(spec)]
        batches = [torch.from_numpy(batch) for batch in spec.batches()]
        if spec.loss == "svm":
            # PyTorch divides the sum over the wrong classes by C; the lecture does not.
            classes = float(spec.sizes[-1])

            def objective(scores, y):
                return torch.nn.functional.multi_margin_loss(scores, y) * classes
        else:
            objective = torch.nn.functional.cross_entropy
        start = time.perf_counter()
        for rows in batches:
            loss = objective(self.forward(x[rows], parameters), y[rows])
            if losses is not None:
                penalty = sum((w.double() ** 2).sum() for w in parameters[::2])
                losses.append(loss.item() + spec.reg * penalty.item())
            gradients = torch.autograd.grad(loss, parameters)
            with torch.no_grad():
                for i, (parameter, gradient) in enumerate(zip(parameters, gradients)):
                    if decay != 1.0 and i % 2 == 0:
                        parameter.mul_(decay)
                    parameter.sub_(gradient, alpha=rate)
        seconds = time.perf_counter() - start
        self.trained = [parameter.detach() for parameter in parameters]
        return seconds

    def test_scores(self):
        if isinstance(self.trained, self.torch.nn.Module):
            with self.torch.inference_mode():
                return self.trained(self.test.view(-1, 1, 28, 28)).numpy()
        return self.forward(self.test, self.trained).numpy()

    def predict(self, spec):
        parameters = self.tensors(spec)
        with self.torch.inference_mode():
            start = time.perf_counter()
            scores = self.forward(self.test, parameters)
            scores.argmax(1)
            seconds = time.perf_counter() - start
        return seconds, scores.numpy()

    def predict_one_by_one(self, spec, examples):
        parameters, seconds = self.tensors(spec), []
        with self.torch.inference_mode():
            for i in range(examples):
                example = self.test[i : i + 1]
                start = time.perf_counter()
                self.forward(example, parameters).argmax(1).item()
                seconds.append(time.perf_counter() - start)
        return seconds


class Jax:
    """All steps in one compiled scan. JAX uses all cores of the process, so its affinity is restricted."""

    def __init__(self, threads):
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
        import jax

        jax.config.update("jax_platforms", "cpu")
        self.jax = jax
        self.version = jax.__version__
        self.compiled = {}

    def load(self, x, y, test):
        numbers = self.jax.numpy
        self.x, self.y, self.test = numbers.asarray(x), numbers.asarray(y), test
        self.compiled = {}

    def forward(self, h, layers):
        for i, (w, b) in enumerate(layers):
            if i > 0:
                h = self.jax.nn.relu(h)
            h = h @ w + b
        return h

    def objective(self, layers, x, y, spec):
        jax, numbers = self.jax, self.jax.numpy
        scores = self.forward(x, layers)
        of_label = numbers.take_along_axis(scores, y[:, None], axis=1)
        if spec.loss == "svm":
            # The sum includes the true class, whose term is 1.
            loss = numbers.maximum(0.0, scores - of_label + 1.0).sum() / len(y) - 1.0
        else:
            loss = (jax.nn.logsumexp(scores, axis=1, keepdims=True) - of_label).mean()
        return loss + spec.reg * sum((w * w).sum() for w, _ in layers) if spec.reg else loss

    def train(self, spec, losses):
        jax, numbers = self.jax, self.jax.numpy
        if len(spec.order) % spec.batch:
            raise ValueError("one scan takes batches of one size")
        order = numbers.asarray(spec.order.reshape(-1, spec.batch).astype(np.int32))
        layers = [(numbers.asarray(w), numbers.asarray(b)) for w, b in spec.layers()]

        def run(layers, order, x, y):
            def step(layers, rows):
                loss, gradients = jax.value_and_grad(self.objective)(layers, x[rows], y[rows], spec)
                return jax.tree.map(lambda p, g: p - spec.rate * g, layers, gradients), loss

            # Without unrolling, a step takes 10 % longer.
            return jax.lax.scan(step, layers, order, unroll=5)

        key = (tuple(spec.sizes), order.shape, spec.loss, spec.rate, spec.reg)
        if key not in self.compiled:
            self.compiled[key] = jax.jit(run).lower(layers, order, self.x, self.y).compile()
        run = self.compiled[key]
        start = time.perf_counter()
        layers, found = jax.block_until_ready(run(layers, order, self.x, self.y))
        seconds = time.perf_counter() - start
        if losses is not None:
            losses.extend(np.asarray(found).tolist())
        self.trained = layers
        return seconds

    def test_scores(self):
        return np.asarray(self.forward(self.test, self.trained))


class NumPy:
    """Explicit forward and backward pass, as in the lecture."""

    def __init__(self, threads):
        self.version = np.__version__

    def load(self, x, y, test):
        self.x, self.y, self.test = x, y, test

    def train(self, spec, losses):
        x, y, rate, reg = self.x, self.y, np.float32(spec.rate), np.float32(spec.reg)
        layers, batches = spec.layers(), spec.batches()
        start = time.perf_counter()
        for rows in batches:
            inputs, labels, each = [x[rows]], y[rows], np.arange(len(rows))
            for w, b in layers[:-1]:
                inputs.append(np.maximum(inputs[-1] @ w + b, 0))
            w, b = layers[-1]
            scores = inputs[-1] @ w + b
            if spec.loss == "svm":
                margins = scores - (scores[each, labels] - 1)[:, None]
                margins[each, labels] = 0
                gradient = (margins > 0).astype(np.float32)
                gradient[each, labels] = -gradient.sum(1)
            else:
                scores -= scores.max(1, keepdims=True)
                gradient = np.exp(scores)
                sums = gradient.sum(1)
                gradient /= sums[:, None]
                gradient[each, labels] -= 1
            if losses is not None:
                of_examples = (
                    np.maximum(margins, 0).sum(1)
                    if spec.loss == "svm"
                    else np.log(sums) - scores[each, labels]
                )
                penalty = sum((w.astype(np.float64) ** 2).sum() for w, _ in layers)
                losses.append(float(of_examples.mean() + spec.reg * penalty))
            gradient /= len(rows)
            for i in range(len(layers) - 1, -1, -1):
                (w, b), h = layers[i], inputs[i]
                dw, db = h.T @ gradient, gradient.sum(0)
                if i > 0:
                    gradient = (gradient @ w.T) * (h > 0)
                if reg:
                    dw += 2 * reg * w
                w -= rate * dw
                b -= rate * db
        seconds = time.perf_counter() - start
        self.trained = layers
        return seconds

    def test_scores(self):
        h = self.test
        for i, (w, b) in enumerate(self.trained):
            h = (np.maximum(h, 0) if i > 0 else h) @ w + b
        return h


class Liblinear:
    """Crammer and Singer's dual solver (-s 4) on sparse rows with a bias feature."""

    def __init__(self, threads):
        import liblinear.liblinearutil
        import scipy.sparse

        self.util, self.sparse = liblinear.liblinearutil, scipy.sparse
        self.version = importlib.metadata.version("liblinear-official")

    def load(self, x, y, test):
        self.x, self.y, self.test = x, y, test
        self.problem = self.util.problem(y.astype(np.float64), self.sparse.csr_matrix(x.astype(np.float64)))

    def crammer_singer(self, cost):
        options = f"-s 4 -c {cost} -B 1 -q"
        start = time.perf_counter()
        model = self.util.train(self.problem, options)
        seconds = time.perf_counter() - start
        classes, columns = model.nr_class, self.x.shape[1] + 1
        w = np.ctypeslib.as_array(model.w, (columns, classes))[:, np.argsort(model.get_labels())]
        scores = self.x @ w[:-1] + w[-1]
        of_labels = scores[np.arange(len(self.y)), self.y]
        margins = scores - of_labels[:, None] + 1.0
        margins[np.arange(len(self.y)), self.y] = 0.0
        primal = 0.5 * (w**2).sum() + cost * np.maximum(margins.max(1), 0.0).sum()
        self.trained = w
        # Tercet's form of the objective: the mean over the examples plus reg · Σ W².
        return seconds, primal / (cost * len(self.y))

    def test_scores(self):
        return self.test @ self.trained[:-1] + self.trained[-1]


ENGINES = {"torch": Torch, "jax": Jax, "numpy": NumPy, "liblinear": Liblinear}


def features(array):
    """Rows as inputs of a model: pixels are scaled to value / 255."""
    values = load(array)
    return (
        values.astype(np.float32) / np.float32(255) if array["type"] == "uint8" else values.astype(np.float32)
    )


class Worker:
    def __init__(self, engine):
        self.engine = engine

    def accuracy(self):
        return float((np.asarray(self.engine.test_scores()).argmax(1) == self.test_labels).mean())

    def answer(self, command):
        engine, do = self.engine, command["do"]
        if do == "load":
            self.test_labels = load(command["test labels"])[0]
            labels = load(command["train labels"])[0].astype(np.int64)
            engine.load(features(command["train"]), labels, features(command["test"]))
            return {}
        if do == "first losses":
            spec, losses = Spec(command), []
            spec.order = spec.order[: command["steps"] * spec.batch]
            engine.train(spec, losses)
            return {"losses": losses}
        if do == "train":
            return {"seconds": engine.train(Spec(command), None), "accuracy": self.accuracy()}
        if do == "predict":
            seconds, scores = engine.predict(Spec(command))
            scores.astype("<f4").tofile(command["scores"])
            return {"seconds": seconds}
        if do == "predict one by one":
            return {"seconds": engine.predict_one_by_one(Spec(command), command["examples"])}
        if do == "ninety-nine":
            return {"seconds": engine.ninety_nine(command["seed"]), "accuracy": self.accuracy()}
        if do == "crammer-singer":
            seconds, primal = engine.crammer_singer(command["cost"])
            return {"seconds": seconds, "accuracy": self.accuracy(), "primal": primal}
        raise ValueError(f"unknown command {do!r}")


if __name__ == "__main__":
    serve(ENGINES, Worker)
