"""Figures of the chapters on data, nearest neighbours and the linear classifier."""

import numpy as np
from svg import Axes, Figure

RED = [(1, 2), (3, 4), (2, 1)]
BLUE = [(6, 4), (5, 5), (7, 2)]
QUERY = (4, 3)


def pixels(mnist) -> Figure:
    """A digit as a picture, a corner of it as numbers, and the row that a model reads."""
    figure = Figure(720, 330, "A digit as a picture, as numbers and as a row of a matrix")
    image = mnist["x_train"][0]
    figure.text(130, 22, "the picture: 28 × 28", 14, colour="muted")
    figure.image(20, 34, 220, image)
    top, left, rows, columns = 5, 12, 6, 8
    step = 220 / 28
    figure.rect(20 + left * step, 34 + top * step, columns * step, rows * step, "none", "red", 2)
    figure.text(470, 22, "the same pixels as numbers from 0 to 255", 14, colour="muted")
    patch = image[top : top + rows, left : left + columns]
    x, y, cell = 290, 34, 45
    for i in range(rows):
        for j in range(columns):
            value = int(patch[i, j])
            fill = "soft-red" if value else "paper"
            figure.rect(x + j * cell, y + i * 30, cell, 30, fill, "axis")
            figure.text(x + (j + 0.5) * cell, y + i * 30 + 20, value, 13)
    figure.line(240, 34 + (top + rows / 2) * step, 284, 34 + 90, "red", 1.5, arrow=True)
    figure.text(290, 246, "row 5, column 12 is entry 28 · 5 + 12 = 152 of the example:", 13, "start", "muted")
    flat = image.reshape(-1)
    cells = ["0", "0", "…", *[str(v) for v in flat[152:159]], "…", "0"]
    for j, value in enumerate(cells):
        figure.rect(20 + j * 57, 266, 57, 32, "soft-red" if value not in ("0", "…") else "paper", "axis")
        figure.text(20 + (j + 0.5) * 57, 287, value, 13)
    for j, text in ((0, "0"), (1, "1"), (3, "152"), (4, "153"), (9, "158"), (11, "783")):
        figure.text(20 + (j + 0.5) * 57, 315, text, 11, colour="muted")
    return figure


def neighbors_plane(_mnist) -> Figure:
    """A query among six examples, with the circles of its 1, 3 and 5 nearest neighbours."""
    figure = Figure(560, 420, "A query and the circles around its 1, 3 and 5 nearest neighbours")
    axes = Axes(figure, (50, 20, 490, 350), (0, 8), (0.2, 5.914))
    axes.frame(range(9), range(1, 6), "x₁", "x₂")
    scale = 490 / 8
    for k, square, colour, corner in ((1, 2, "red", 0.71), (3, 5, "blue", 0.71), (5, 8, "red", 0.71)):
        x, y = axes.at(*QUERY)
        radius = square**0.5 * scale
        figure.circle(x, y, radius, "none", colour, 1.5)
        figure.text(x + corner * radius + 6, y + corner * radius + 12, f"k = {k}", 13, "start", colour)
    for point in RED + BLUE:
        figure.line(*axes.at(*QUERY), *axes.at(*point), "axis", 1, "3 4")
    axes.dots(RED, "red", 8)
    for point in BLUE:
        x, y = axes.at(*point)
        figure.rect(x - 7, y - 7, 14, 14, "blue", "paper")
    for i, point in enumerate(RED + BLUE):
        x, y = axes.at(*point)
        square = (point[0] - QUERY[0]) ** 2 + (point[1] - QUERY[1]) ** 2
        side = 14 if point in BLUE else -14
        figure.text(x + side, y - 10, f"√{square}", 13, "end" if side < 0 else "start")
        figure.text(x, y + 24, "abcdef"[i], 13, italic=True, colour="muted")
    x, y = axes.at(*QUERY)
    figure.polygon([(x, y - 11), (x + 10, y + 8), (x - 10, y + 8)], "ink")
    figure.text(x + 4, y + 26, "query", 13)
    return figure


def moons(count: int, noise: float, seed: int):
    """Two interleaved half circles with noise: points and classes."""
    random = np.random.default_rng(seed)
    angle = np.pi * random.random(count)
    label = np.arange(count) % 2
    x = np.where(label == 0, np.cos(angle), 1 - np.cos(angle))
    y = np.where(label == 0, np.sin(angle), 0.5 - np.sin(angle))
    return np.stack([x, y], 1) + noise * random.standard_normal((count, 2)), label


def neighbors_boundaries(_mnist) -> Figure:
    """The decision regions of k = 1 and k = 15 on the same points."""
    figure = Figure(720, 330, "Decision regions of nearest neighbours with k = 1 and k = 15")
    points, labels = moons(120, 0.32, 3)
    unseen, truth = moons(2000, 0.32, 4)
    side = 90
    xs, ys = np.linspace(-2.2, 2.9, side), np.linspace(2.1, -1.67, side * 2 // 3)
    grid = np.stack(np.meshgrid(xs, ys), -1).reshape(-1, 2)

    def predict(queries, k):
        squares = ((queries[:, None] - points[None]) ** 2).sum(-1)
        nearest = np.argsort(squares, axis=1, kind="stable")[:, :k]
        return (labels[nearest].mean(1) > 0.5).astype(int)

    for panel, k in enumerate((1, 15)):
        axes = Axes(figure, (15 + 352 * panel, 34, 338, 250), (-2.2, 2.9), (-1.67, 2.1))
        axes.regions(predict(grid, k).reshape(len(ys), side), ["soft-red", "soft-blue"])
        axes.dots(points[labels == 0], "red", 3.6)
        axes.dots(points[labels == 1], "blue", 3.6)
        axes.frame()
        figure.text(184 + 352 * panel, 22, f"k = {k}", 15, bold=True)
        seen, new = (predict(points, k) == labels).mean(), (predict(unseen, k) == truth).mean()
        words = f"correct: {100 * seen:.0f} % here, {100 * new:.0f} % of 2,000 new points"
        figure.text(184 + 352 * panel, 308, words, 13, colour="muted")
    return figure


def neighbors_digits(mnist) -> Figure:
    """A test digit and its five nearest neighbours, and the same digit moved by three pixels."""
    figure = Figure(720, 330, "A digit and its five nearest neighbours among the training images")
    x = mnist["x_train"].reshape(60000, 784).astype(np.float32)
    query = mnist["x_test"][0]
    moved = np.zeros_like(query)
    moved[:, 4:] = query[:, :-4]
    own = np.sqrt(((query.astype(float) - moved) ** 2).sum())
    for row, (image, text) in enumerate(((query, "the query"), (moved, "moved by 4 pixels"))):
        flat = image.reshape(784).astype(np.float32)
        squares = (x**2).sum(1) - 2 * x @ flat + (flat**2).sum()
        order = np.argsort(squares, kind="stable")[:5]
        top = 20 + 158 * row
        figure.image(20, top, 100, image)
        figure.text(70, top + 119, text, 13, bold=True)
        if row:
            figure.text(70, top + 137, f"distance {own:.0f} to above", 12, colour="muted")
        for i, at in enumerate(order):
            left = 168 + 108 * i
            exact = ((x[at].astype(int) - flat.astype(int)) ** 2).sum() ** 0.5
            figure.image(left, top, 100, mnist["x_train"][at])
            label = mnist["y_train"][at]
            figure.text(left + 50, top + 119, f"a {label}, at {exact:.0f}", 13)
    return figure


TEMPLATES = {"left": [1, -1, 1, -1], "top": [1, 1, -1, -1], "diagonal": [1, -1, -1, 1]}
STROKE = [0.9, 0.1, 0.8, 0.0]


def templates(_mnist) -> Figure:
    """An image of 2 × 2 pixels, three templates, and the products that sum to the scores."""
    figure = Figure(720, 260, "Scores of a picture of four pixels by three templates")
    figure.text(70, 22, "the picture x", 14, colour="muted")
    figure.text(290, 22, "the template of a class", 14, colour="muted")
    figure.text(560, 22, "its score: sum of products + bias", 14, colour="muted")
    shades = [round(255 * (1 - v)) for v in STROKE]
    for i, (value, shade) in enumerate(zip(STROKE, shades)):
        px, py = 30 + 40 * (i % 2), 90 + 40 * (i // 2)
        grey = f"rgb({shade},{shade},{shade})"
        figure.parts.append(f'<rect x="{px}" y="{py}" width="40" height="40" fill="{grey}" class="s-axis"/>')
        ink = "#fff" if value > 0.5 else "#222"
        place = f'x="{px + 20}" y="{py + 25}"'
        figure.parts.append(f'<text {place} font-size="14" text-anchor="middle" fill="{ink}">{value}</text>')
    biases = (0.0, 0.0, 0.1)
    for row, ((name, weights), bias) in enumerate(zip(TEMPLATES.items(), biases)):
        top = 38 + 74 * row
        for i, w in enumerate(weights):
            px, py = 250 + 30 * (i % 2), top + 30 * (i // 2)
            figure.rect(px, py, 30, 30, "soft-red" if w > 0 else "soft-blue", "axis")
            figure.text(px + 15, py + 20, "+1" if w > 0 else "−1", 13)
        figure.text(240, top + 34, name, 14, "end", bold=True)
        figure.line(116, 130, 158, top + 30, "axis", 1, arrow=True)
        terms = " ".join(f"{'+' if w > 0 else '−'} {v:g}" for w, v in zip(weights, STROKE)).removeprefix("+ ")
        total = sum(w * v for w, v in zip(weights, STROKE)) + bias
        end = f" + {bias:g}" if bias else ""
        best = row == 0
        figure.text(340, top + 34, f"{terms}{end}", 14, "start")
        colour = "green" if best else "ink"
        figure.text(560, top + 34, f"= {total:.1f}", 16, "start", colour, bold=best)
        if best:
            figure.text(612, top + 34, "highest", 13, "start", "green")
    return figure


def separable(_mnist) -> Figure:
    """Two data sets: one that a line separates, one that no line separates."""
    figure = Figure(720, 310, "Points that a line separates, and points that no line separates")
    random = np.random.default_rng(5)
    spread = 0.45 * random.standard_normal((2, 30, 2))
    blobs = (spread[0] + (-1, -0.6), spread[1] + (1, 0.7))
    angle = 2 * np.pi * random.random(30)
    ring = np.stack([np.cos(angle), np.sin(angle)], 1) * (1.7 + 0.12 * random.standard_normal((30, 1)))
    middle = 0.4 * random.standard_normal((30, 2))
    sets = ((blobs, "linearly separable"), ((middle, ring), "not linearly separable"))
    for panel, ((first, second), text) in enumerate(sets):
        axes = Axes(figure, (15 + 352 * panel, 34, 338, 240), (-2.9, 2.9), (-2.06, 2.06))
        axes.frame()
        if panel == 0:
            axes.curve([-1.9, 1.9], [2.0, -2.0], "ink", 2)
            figure.text(*axes.at(-1.55, 1.75), "s₁ = s₂", 13, "start", italic=True)
        else:
            axes.curve([-2.9, 2.9], [0.5, -0.3], "axis", 1.5, "5 5")
            axes.curve([0.55, 0.75], [-2.06, 2.06], "axis", 1.5, "5 5")
        axes.dots(first, "red", 4.5)
        axes.dots(second, "blue", 4.5)
        figure.text(184 + 352 * panel, 22, text, 15, bold=True)
    figure.text(184, 298, "one line: every point is on its class's side", 13, colour="muted")
    figure.text(536, 298, "every line leaves points on the wrong side", 13, colour="muted")
    return figure


FIGURES = {
    "pixels": pixels,
    "neighbors-plane": neighbors_plane,
    "neighbors-boundaries": neighbors_boundaries,
    "neighbors-digits": neighbors_digits,
    "templates": templates,
    "separable": separable,
}
