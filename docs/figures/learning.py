"""Figures of the chapters on initial weights, training, overfitting, backpropagation and convolution."""

import numpy as np
from svg import Axes, Figure


def signal(_mnist) -> Figure:
    """The size of the outputs of twelve ReLU layers for three scales of the initial weights."""
    figure = Figure(
        640, 340, "The root mean square of the outputs of twelve layers for three scales of weights"
    )
    axes = Axes(figure, (76, 20, 530, 262), (0, 12), (-15, 8))
    axes.frame(range(0, 13, 2), [(e, f"10{_power(e)}") for e in range(-12, 9, 4)], "layer", "")
    random = np.random.default_rng(1)
    he = np.sqrt(2 / 100)
    kinds = ((0.01, "0.01 · randn: vanishes", "blue"), (he, "He, √(2/100) · randn", "green"))
    for scale, name, colour in (*kinds, (0.5, "0.5 · randn: explodes", "red")):
        x = random.standard_normal((200, 100))
        sizes = [np.log10(np.sqrt((x**2).mean()))]
        for _ in range(12):
            x = np.maximum(0, x @ (scale * random.standard_normal((100, 100))))
            sizes.append(np.log10(np.sqrt((x**2).mean())))
        axes.curve(range(13), sizes, colour, 2.6)
        axes.dots(list(zip(range(13), sizes)), colour, 3.5)
        px, py = axes.at(6, sizes[6])
        lift, anchor = (-34, "middle") if scale > 0.3 else (26, "middle") if scale > 0.02 else (22, "end")
        figure.text(px - (16 if anchor == "end" else 0), py + lift, name, 14, anchor, colour)
    return figure


def _power(exponent: int) -> str:
    return "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(c)] if c != "-" else "⁻" for c in str(exponent))


def training_loss(mnist) -> Figure:
    """The loss of every step of the lecture's training, and the mean of all losses so far."""
    figure = Figure(
        640, 350, "The loss of each step of the lecture's training, and the mean of all losses so far"
    )
    axes = Axes(figure, (62, 20, 550, 274), (0, 1500), (0, 10))
    axes.frame(range(0, 1501, 250), range(0, 11, 2), "step", "loss")
    random = np.random.default_rng(0)
    x = mnist["x_train"].reshape(60000, 784)[:55000] / 255.0
    y = mnist["y_train"][:55000]
    w1, b1 = 1e-4 * random.standard_normal((784, 36)), np.zeros((1, 36))
    w2, b2 = 1e-4 * random.standard_normal((36, 10)), np.zeros((1, 10))
    losses = []
    rows = np.arange(20)
    for _ in range(1500):
        chosen = random.integers(len(x), size=20)
        xb, yb = x[chosen], y[chosen]
        h = np.maximum(0, xb @ w1 + b1)
        s = h @ w2 + b2
        margins = np.maximum(0, s - s[rows, yb][:, None] + 1)
        margins[rows, yb] = 0
        losses.append(margins.sum() / 20)
        ds = (margins > 0) / 20
        ds[rows, yb] = -ds.sum(1)
        dz = ds @ w2.T * (h > 0)
        w2 -= 0.1 * (h.T @ ds + 2e-5 * w2)
        b2 -= 0.1 * ds.sum(0)
        w1 -= 0.1 * (xb.T @ dz + 2e-5 * w1)
        b1 -= 0.1 * dz.sum(0)
    steps = np.arange(1, 1501)
    axes.curve(steps, losses, "axis", 0.8)
    smooth = np.convolve(losses, np.ones(50) / 50, "valid")
    axes.curve(steps[49:], smooth, "blue", 2.6)
    axes.curve(steps, np.cumsum(losses) / steps, "red", 2.2, "7 4")
    for i, (colour, dash, text) in enumerate(
        (
            ("axis", "", "the loss of each batch of 20"),
            ("blue", "", "mean of the last 50"),
            ("red", "7 4", "mean of all so far: what the lecture prints"),
        )
    ):
        figure.line(290, 44 + 22 * i, 322, 44 + 22 * i, colour, 2.4, dash)
        figure.text(330, 49 + 22 * i, text, 13, "start")
    return figure


def overfitting(_mnist) -> Figure:
    """Polynomials of degree 1, 3 and 11 through twelve noisy points."""
    figure = Figure(720, 280, "Polynomials of three degrees fitted to twelve noisy points")
    random = np.random.default_rng(5)
    truth = lambda x: np.sin(2.2 * x)  # noqa: E731
    x = np.linspace(-1.45, 1.45, 12) + 0.05 * random.standard_normal(12)
    y = truth(x) + 0.25 * random.standard_normal(12)
    new = random.uniform(-1.5, 1.5, 500)
    target = truth(new) + 0.25 * random.standard_normal(500)
    fine = np.linspace(-1.6, 1.6, 1500)
    for panel, (degree, name) in enumerate(((1, "underfits"), (3, "generalises"), (11, "overfits"))):
        axes = Axes(figure, (12 + 236 * panel, 34, 224, 170), (-1.6, 1.6), (-2.6, 2.6))
        axes.frame()
        fit = np.polynomial.Polynomial.fit(x, y, degree)
        axes.curve(fine, truth(fine), "axis", 2, "5 5")
        axes.curve(fine, fit(fine), "blue", 2.4)
        axes.dots(list(zip(x, y)), "red", 4.5)
        figure.text(124 + 236 * panel, 22, f"degree {degree}: {name}", 14, bold=True)
        own, other = np.mean((fit(x) - y) ** 2), np.mean((fit(new) - target) ** 2)
        shown = f"{own:.2f}"
        figure.text(124 + 236 * panel, 228, f"mean squared error here: {shown}", 13, colour="muted")
        figure.text(124 + 236 * panel, 248, f"on 500 new points: {other:.2f}", 13, colour="muted")
    figure.text(360, 272, "dashed: the curve that the points come from", 12, colour="muted")
    return figure


def gates(_mnist) -> Figure:
    """How addition, maximum and multiplication pass the gradient back."""
    figure = Figure(720, 270, "Backward through an addition, a maximum and a multiplication")
    kinds = (
        ("add distributes", "+", (3, 5), 8, (2, 2), "each input gets the same gradient"),
        ("max routes", "max", (3, 5), 5, (0, 2), "only the larger input gets it"),
        ("multiply swaps", "×", (3, 5), 15, (10, 6), "each input gets 2 · the other one"),
    )
    for panel, (name, sign, inputs, output, gradients, words) in enumerate(kinds):
        left = 20 + 236 * panel
        figure.text(left + 100, 22, name, 16, bold=True)
        figure.circle(left + 110, 125, 26, "soft-gold", "gold")
        figure.text(left + 110, 131, sign, 17)
        for y, value, gradient, letter in zip((70, 180), inputs, gradients, "xy"):
            figure.line(left + 22, y, left + 90, 125 + (y - 125) * 0.3, "axis", 1.5, arrow=True)
            figure.text(left + 8, y + 5, letter, 15, italic=True)
            figure.text(left + 40, y - 12 if y < 125 else y - 26, value, 16, "middle", "green", bold=True)
            place = y + 28 if y < 125 else y + 20
            figure.text(left + 40, place, gradient, 16, "middle", "red", bold=True)
        figure.line(left + 136, 125, left + 204, 125, "axis", 1.5, arrow=True)
        figure.text(left + 168, 114, output, 16, "middle", "green", bold=True)
        figure.text(left + 168, 147, 2, 16, "middle", "red", bold=True)
        figure.text(left + 104, 226, words, 13, colour="muted")
    figure.text(250, 258, "green: values, forward", 13, "middle", "green")
    figure.text(470, 258, "red: gradients, backward", 13, "middle", "red")
    return figure


IMAGE = [[0, 0, 3, 3, 0], [0, 0, 3, 3, 0], [0, 0, 3, 3, 0], [0, 0, 3, 3, 0], [0, 0, 3, 3, 0]]
KERNEL = [[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]]


def kernel(_mnist) -> Figure:
    """A kernel slides over an image: two of its nine positions."""
    figure = Figure(720, 420, "A kernel of 3 × 3 slides over an image of 5 × 5")
    image, weights = np.array(IMAGE), np.array(KERNEL)
    output = [[int((image[i : i + 3, j : j + 3] * weights).sum()) for j in range(3)] for i in range(3)]
    cell = 30
    for row, (i, j) in enumerate(((0, 0), (1, 2))):
        top = 44 + 190 * row
        inside = [
            ["soft-blue" if i <= r < i + 3 and j <= c < j + 3 else "" for c in range(5)] for r in range(5)
        ]
        figure.grid_of_numbers(30, top, cell, IMAGE, 14, inside)
        figure.rect(30 + j * cell, top + i * cell, 3 * cell, 3 * cell, "none", "blue", 3)
        figure.text(208, top + 82, "∗", 24)
        shown = [[str(v).replace("-", "−") for v in line] for line in KERNEL]
        figure.grid_of_numbers(238, top + 30, cell, shown, 14, [["soft-blue"] * 3] * 3)
        figure.text(356, top + 82, "=", 24)
        marked = [["soft-green" if (r, c) == (i, j) else "" for c in range(3)] for r in range(3)]
        shown = [[str(v).replace("-", "−") for v in line] for line in output]
        figure.grid_of_numbers(386, top + 30, cell, shown, 14, marked)
        figure.text(500, top + 50, "right column − left column", 13, "start", "muted")
        first, last = image[i : i + 3, j], image[i : i + 3, j + 2]
        sums = f"({' + '.join(map(str, last))}) − ({' + '.join(map(str, first))})"
        figure.text(500, top + 76, sums, 15, "start")
        figure.text(500, top + 102, f"= {output[i][j]}".replace("-", "−"), 16, "start", "green", bold=True)
    figure.text(105, 28, "image, 5 × 5", 14, colour="muted")
    figure.text(283, 28, "kernel, 3 × 3", 14, colour="muted")
    figure.text(431, 28, "output, 3 × 3", 14, colour="muted")
    return figure


def edges(mnist) -> Figure:
    """A digit, and what two kernels make of it."""
    figure = Figure(720, 236, "A digit and the outputs of two kernels after ReLU and after a pool")
    image = mnist["x_train"][0].astype(float) / 255
    upright = np.array(KERNEL, float)
    for panel, (name, w) in enumerate(
        (("the digit", None), ("left edges", upright), ("upper edges", upright.T))
    ):
        if w is None:
            shown = image
        else:
            sums = np.array([[(image[i : i + 3, j : j + 3] * w).sum() for j in range(26)] for i in range(26)])
            shown = np.maximum(0, sums) / 3
        left = 12 + 142 * panel
        figure.image(left, 34, 130, (255 * shown).astype(np.uint8))
        figure.text(left + 65, 22, name, 14, bold=True)
        size = shown.shape[0]
        figure.text(left + 65, 186, f"{size} × {size}", 13, colour="muted")
        if w is not None:
            pooled = shown.reshape(13, 2, 13, 2).max((1, 3))
            where = 152 + 142 * (panel + 1)
            figure.image(where, 34, 130, (255 * pooled).astype(np.uint8))
            figure.text(where + 65, 22, f"{name.split()[0]}, pooled", 14, bold=True)
            figure.text(where + 65, 186, "13 × 13", 13, colour="muted")
    figure.text(360, 220, "bright: the kernel has a large positive sum there", 13, colour="muted")
    return figure


FIGURES = {
    "signal": signal,
    "training-loss": training_loss,
    "overfitting": overfitting,
    "gates": gates,
    "kernel": kernel,
    "edges": edges,
}
