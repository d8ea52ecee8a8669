"""Figures of the chapters on the SVM loss, regularisation and gradient descent."""

import numpy as np
from classifiers import moons
from svg import Axes, Figure


def hinge(_mnist) -> Figure:
    """max(0, s + 1) against s = f_i − f_y, with the two wrong classes of the worked example."""
    figure = Figure(640, 360, "The hinge: the loss of one wrong class against its score minus the true score")
    axes = Axes(figure, (60, 24, 550, 276), (-3, 3), (-0.25, 4))
    left, right = axes.at(-3, 0)[0], axes.at(-1, 0)[0]
    figure.rect(left, 24, right - left, 276, "soft-green")
    figure.rect(right, 24, axes.at(0, 0)[0] - right, 276, "soft-gold")
    figure.rect(axes.at(0, 0)[0], 24, axes.at(3, 0)[0] - axes.at(0, 0)[0], 276, "soft-red")
    ticks = [-3, -2, (-1, "−Δ = −1"), 0, 1, 2, 3]
    axes.frame(ticks, range(5), "score of the wrong class minus score of the true class, fᵢ − f_y", "loss")
    axes.curve([-3, -1, 3], [0, 0, 4], "blue", 3)
    for x, text, lift in ((-1.8, "fᵢ − f_y = −1.8: loss 0", -16), (-0.4, "fᵢ − f_y = −0.4: loss 0.6", -14)):
        px, py = axes.at(x, max(0, x + 1))
        figure.circle(px, py, 6, "ink", "paper")
        figure.text(px - 4, py + lift, text, 13, "end" if x > -1 else "middle")
    for x, text in ((-2, "far enough below"), (-0.5, "too close"), (1.5, "higher than the true class")):
        figure.text(axes.at(x, 0)[0], 44, text, 13, colour="muted")
    figure.text(axes.at(1.75, 0)[0] + 10, axes.at(0, 2.35)[1], "slope 1", 13, "start", "blue")
    return figure


def train(points, labels, reg: float, steps=3000, hidden=40, rate=0.5):
    """A two-layer network on points of the plane, trained on the SVM loss: its scores as a function."""
    random = np.random.default_rng(0)
    w1, b1 = random.standard_normal((2, hidden)), random.standard_normal(hidden)
    w2, b2 = random.standard_normal((hidden, 2)) * 0.2, np.zeros(2)
    rows = np.arange(len(points))
    for step in range(steps):
        h = np.maximum(0, points @ w1 + b1)
        scores = h @ w2 + b2
        margin = (scores - scores[rows, labels][:, None] + 1 > 0).astype(float)
        margin[rows, labels] = 0
        margin[rows, labels] = -margin.sum(1)
        dscores = margin / len(points)
        dz = dscores @ w2.T * (h > 0)
        eta = rate * (1 - step / steps)
        w2 -= eta * (h.T @ dscores + 2 * reg * w2)
        b2 -= eta * dscores.sum(0)
        w1 -= eta * (points.T @ dz + 2 * reg * w1)
        b1 -= eta * dz.sum(0)
    weights = float((w1**2).sum() + (w2**2).sum())
    return lambda queries: np.maximum(0, queries @ w1 + b1) @ w2 + b2, weights


def regularization(_mnist) -> Figure:
    """The decision regions of the same network with three values of reg."""
    figure = Figure(720, 300, "Decision regions of a network with reg 0, 0.003 and 0.1")
    points, labels = moons(60, 0.25, 11)
    unseen, truth = moons(4000, 0.25, 12)
    side = 80
    xs, ys = np.linspace(-1.9, 2.9, side), np.linspace(2, -1.6, side * 3 // 4)
    grid = np.stack(np.meshgrid(xs, ys), -1).reshape(-1, 2)
    for panel, (reg, name) in enumerate(((0.0, "reg = 0"), (0.003, "reg = 0.003"), (0.1, "reg = 0.1"))):
        scores, weights = train(points, labels, reg)
        axes = Axes(figure, (12 + 236 * panel, 34, 224, 168), (-1.9, 2.9), (-1.6, 2.0))
        axes.regions(scores(grid).argmax(1).reshape(len(ys), side), ["soft-red", "soft-blue"])
        axes.dots(points[labels == 0], "red", 3)
        axes.dots(points[labels == 1], "blue", 3)
        axes.frame()
        middle = 124 + 236 * panel
        figure.text(middle, 22, name, 15, bold=True)
        seen, new = (scores(points).argmax(1) == labels).mean(), (scores(unseen).argmax(1) == truth).mean()
        figure.text(middle, 226, f"Σ W² = {weights:.1f}", 13)
        figure.text(middle, 248, f"these 60 points: {100 * seen:.0f} % correct", 13, colour="muted")
        figure.text(middle, 268, f"4,000 new points: {100 * new:.1f} %", 13, colour="muted")
    return figure


def valley(_mnist) -> Figure:
    """Gradient descent in the valley f = ½ (w₁² + 10 w₂²) with three learning rates."""
    figure = Figure(720, 270, "Gradient descent in a valley with three learning rates")
    rates = ((0.01, "η = 0.01: too small"), (0.1, "η = 0.1: about right"), (0.205, "η = 0.205: too large"))
    for panel, (rate, name) in enumerate(rates):
        axes = Axes(figure, (12 + 236 * panel, 34, 224, 190), (-4.6, 2.0), (-2.8, 2.8))
        angle = np.linspace(0, 2 * np.pi, 120)
        for level in (0.25, 1, 2.5, 5, 9, 14, 20, 28):
            a, b = (2 * level) ** 0.5, (2 * level / 10) ** 0.5
            clipped = [(x, y) for x, y in zip(a * np.cos(angle), b * np.sin(angle))]
            run: list = []
            for x, y in [*clipped, (99, 99)]:
                if -4.6 <= x <= 2 and -2.8 <= y <= 2.8:
                    run.append(axes.at(x, y))
                elif len(run) > 1:
                    figure.path(run, "axis", 1)
                    run = []
                else:
                    run = []
        axes.frame()
        w = np.array([-4.0, 1.5])
        path = [w]
        for _ in range(20):
            w = w - rate * w * (1, 10)
            path.append(w)
        inside = [p for p in path if abs(p[1]) <= 2.8]
        figure.path([axes.at(*p) for p in inside], "blue", 1.8)
        axes.dots(inside, "blue", 2.6)
        axes.dots([(0, 0)], "green", 5)
        axes.dots([path[0]], "red", 5)
        figure.text(124 + 236 * panel, 22, name, 15, bold=True)
        loss = (w[0] ** 2 + 10 * w[1] ** 2) / 2
        figure.text(124 + 236 * panel, 246, f"f after 20 steps: {loss:.3g}", 13, colour="muted")
    figure.text(360, 264, "start: red, at (−4, 1.5), where f = 19.25; minimum: green", 12, colour="muted")
    return figure


def slope(_mnist) -> Figure:
    """A loss of one weight, its tangent, and three steps against the gradient."""
    figure = Figure(640, 330, "Three steps of gradient descent on a loss of one weight")
    axes = Axes(figure, (60, 20, 550, 256), (-1, 7), (0, 12))
    axes.frame(range(-1, 8), range(0, 13, 2), "w", "L(w)")
    ws = np.linspace(-1, 7, 200)
    axes.curve(ws, (ws - 3) ** 2 + 0.5, "blue", 2.5)
    w, places = 6.0, []
    for _ in range(4):
        places.append(w)
        w -= 0.2 * 2 * (w - 3)
    tangent = np.array([5.3, 6.4])
    axes.curve(tangent, 9.5 + 6 * (tangent - 6), "red", 1.5, "5 4")
    figure.text(*axes.at(5.5, 5.0), "slope 6", 13, "start", "red")
    for i, place in enumerate(places):
        x, y = axes.at(place, (place - 3) ** 2 + 0.5)
        figure.circle(x, y, 6, "ink", "paper")
        figure.text(x + 12, y + 14, f"w = {place:.3g}", 13, "start")
        if i + 1 < len(places):
            nx, ny = axes.at(places[i + 1], (places[i + 1] - 3) ** 2 + 0.5)
            figure.line(x - 7, y, nx + 1, y, "green", 1.6, arrow=True)
            figure.line(nx, y + 4, nx, ny - 7, "axis", 1, "3 3")
    figure.text(*axes.at(2.6, 10.6), "each step: w ← w − 0.2 · dL/dw", 14, colour="green")
    return figure


FIGURES = {"hinge": hinge, "regularization": regularization, "slope": slope, "valley": valley}
