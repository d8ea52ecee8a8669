"""Figures of the chapters on the perceptron, layers, shapes, activations, approximation and the exercise."""

from itertools import pairwise
from math import erf, exp, sqrt, tanh

import numpy as np
from svg import Axes, Figure


def neuron(_mnist) -> Figure:
    """A perceptron: inputs, weights, sum and step."""
    figure = Figure(640, 280, "A perceptron: weighted inputs are summed with a bias, and a step gives 0 or 1")
    for i, y in enumerate((60, 130, 200)):
        figure.circle(60, y, 22, "soft-blue", "blue")
        figure.text(60, y + 5, f"x{'₁₂₃'[i]}", 16)
        figure.line(82, y, 226, 130 + (y - 130) * 0.22, "axis", 1.5, arrow=True)
        figure.text(142, 52 + 60 * i + (20 if i == 2 else 14), f"w{'₁₂₃'[i]}", 15, colour="red")
    figure.text(60, 244, "inputs", 13, colour="muted")
    figure.circle(262, 130, 36, "soft-gold", "gold")
    figure.text(262, 137, "Σ", 24)
    figure.line(262, 228, 262, 168, "axis", 1.5, arrow=True)
    figure.text(262, 244, "bias b", 14, colour="red")
    figure.text(268, 80, "z = w₁x₁ + w₂x₂ + w₃x₃ + b", 14, "middle")
    figure.line(298, 130, 400, 130, "axis", 1.5, arrow=True)
    figure.text(348, 122, "z", 15, italic=True)
    figure.rect(402, 88, 90, 84, "soft-green", "green", round_=10)
    figure.line(412, 130, 482, 130, "axis", 1)
    figure.line(447, 98, 447, 162, "axis", 1)
    figure.path([(414, 150), (447, 150), (447, 108), (480, 108)], "green", 3)
    figure.text(447, 192, "step", 13, colour="muted")
    figure.line(492, 130, 580, 130, "axis", 1.5, arrow=True)
    figure.text(610, 136, "0 or 1", 15)
    return figure


def perceptron_line(_mnist) -> Figure:
    """The perceptron learns OR: the line after every pass."""
    figure = Figure(720, 250, "The line of a perceptron after each of four passes over OR")
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    t = np.array([0, 1, 1, 1])
    w, b = np.zeros(2), 0.0
    for number in range(4):
        mistakes = 0
        for xi, ti in zip(x, t):
            change = ti - (1 if xi @ w + b >= 0 else 0)
            mistakes += change != 0
            w, b = w + change * xi, b + change
        axes = Axes(figure, (14 + 177 * number, 34, 160, 160), (-0.55, 1.55), (-0.55, 1.55))
        grid = np.linspace(-0.55, 1.55, 84)
        side = np.array([[1 if gx * w[0] + gy * w[1] + b >= 0 else 0 for gx in grid] for gy in grid[::-1]])
        axes.regions(side, ["soft-red", "soft-blue"])
        for xi, ti in zip(x, t):
            axes.dots([xi], "blue" if ti else "red", 8)
        axes.frame()
        middle = 94 + 177 * number
        figure.text(middle, 22, f"after pass {number + 1}", 14, bold=True)
        figure.text(middle, 216, f"w = ({w[0]:g}, {w[1]:g}), b = {b:g}".replace("-", "−"), 13)
        figure.text(middle, 236, ("no mistake", "1 mistake", "2 mistakes")[mistakes], 13, colour="muted")
    return figure


def drawn_network(figure, left, top, width, height, sizes, names, colours, letters=None) -> list:
    """Units in columns, every one connected to all of the column before it; returns their places."""
    places = []
    for layer, count in enumerate(sizes):
        x = left + width * layer / (len(sizes) - 1)
        gap = height / max(sizes)
        first = top + height / 2 - gap * (count - 1) / 2
        places.append([(x, first + gap * i) for i in range(count)])
    for before, after in pairwise(places):
        for x1, y1 in before:
            for x2, y2 in after:
                figure.line(x1, y1, x2, y2, "axis", 0.9)
    for layer, column in enumerate(places):
        for i, (x, y) in enumerate(column):
            figure.circle(x, y, 15, f"soft-{colours[layer]}", colours[layer])
            if letters:
                figure.text(x, y + 5, letters[layer](i), 13)
        for row, text in enumerate(names[layer]):
            figure.text(
                column[0][0], top + height + 26 + 18 * row, text, 13, colour="muted" if row else "ink"
            )
    return places


def _letters(*symbols):
    low = "₁₂₃₄₅₆"
    return [lambda i, s=symbol: f"{s}{low[i]}" for symbol in symbols]


def one_layer(_mnist) -> Figure:
    """Three perceptrons on the same inputs are the columns of one matrix."""
    figure = Figure(720, 310, "Three perceptrons that share their inputs are one matrix")
    places = drawn_network(
        figure, 60, 20, 230, 210, [4, 3], [["x: 4 inputs"], ["3 scores"]], ["blue", "red"], _letters("x", "s")
    )
    for x, y in places[0]:
        figure.line(x + 15, y, places[1][1][0] - 15, places[1][1][1], "red", 2)
    figure.text(200, 290, "red: the four weights of the second perceptron", 13, "middle", "red")
    rows = [[f"w{'₁₂₃₄'[i]}{'₁₂₃'[j]}" for j in range(3)] for i in range(4)]
    figure.grid_of_numbers(470, 48, 54, rows, 15, [["", "soft-red", ""]] * 4, tall=40)
    figure.text(551, 32, "W: (4, 3)", 15, bold=True)
    figure.text(551, 238, "column 2 = second perceptron", 13, colour="red")
    figure.text(400, 134, "=", 30)
    figure.text(551, 268, "s₂ = x₁w₁₂ + x₂w₂₂ + x₃w₃₂ + x₄w₄₂ + b₂", 14)
    return figure


def two_layers(_mnist) -> Figure:
    """A fully connected network of two layers."""
    figure = Figure(640, 330, "A fully connected two-layer network")
    names = [["input x", "4 numbers"], ["hidden layer h", "5 units with ReLU"], ["scores s", "3 classes"]]
    drawn_network(
        figure, 80, 10, 480, 250, [4, 5, 3], names, ["blue", "gold", "red"], _letters("x", "h", "s")
    )
    figure.text(200, 30, "W1 (4, 5), b1 (5)", 14, colour="muted")
    figure.text(440, 30, "W2 (5, 3), b2 (3)", 14, colour="muted")
    return figure


def three_layers(_mnist) -> Figure:
    """A fully connected network of three layers."""
    figure = Figure(720, 330, "A fully connected three-layer network")
    names = [["input x"], ["hidden layer 1", "ReLU"], ["hidden layer 2", "ReLU"], ["scores s"]]
    colours = ["blue", "gold", "gold", "red"]
    drawn_network(figure, 70, 10, 580, 250, [4, 5, 4, 3], names, colours)
    for x, text in ((166, "W1 (4, 5), b1"), (360, "W2 (5, 4), b2"), (553, "W3 (4, 3), b3")):
        figure.text(x, 18, text, 13, colour="muted")
    return figure


def shapes(_mnist) -> Figure:
    """The lecture's products: (4, 3) × (3, 2), and (4, 3) × (2, 3), which does not exist."""
    figure = Figure(720, 370, "A product of matrices whose inner dimensions match, and one whose do not")
    a = [[1, 2, 3], [4, 5, 6], [7, 8, 9], [10, 11, 12]]
    b, c = [[3, 3], [2, 2], [1, 1]], [[1, 1, 1], [2, 2, 2]]
    product = (np.array(a) @ b).tolist()
    cell = 36
    row = [["soft-blue"] * 3 if i == 1 else [""] * 3 for i in range(4)]
    column = [["soft-red", ""] for _ in range(3)]
    result = [["soft-green" if (i, j) == (1, 0) else "" for j in range(2)] for i in range(4)]
    figure.grid_of_numbers(40, 40, cell, a, 14, row)
    figure.text(176, 118, "×", 24)
    figure.grid_of_numbers(204, 58, cell, b, 14, column)
    figure.text(306, 118, "=", 24)
    figure.grid_of_numbers(336, 40, cell, product, 14, result)
    figure.text(94, 28, "A (4, 3)", 14)
    figure.text(240, 46, "B (3, 2)", 14)
    figure.text(372, 28, "A × B (4, 2)", 14)
    figure.text(440, 86, "row 2 of A with column 1 of B:", 14, "start", "muted")
    figure.text(440, 110, "4 · 3 + 5 · 2 + 6 · 1 = 28", 15, "start", "green", bold=True)
    figure.text(440, 140, "(4, 3) × (3, 2) → (4, 2)", 14, "start")
    figure.grid_of_numbers(40, 214, cell, a, 14, [["soft-blue"] * 3] + [[""] * 3] * 3)
    figure.text(176, 292, "×", 24)
    figure.grid_of_numbers(204, 250, cell, c, 14, [["soft-red", "", ""]] * 2)
    figure.text(258, 238, "C (2, 3)", 14)
    figure.text(340, 284, "a row of A has 3 numbers, a column of C has 2:", 14, "start", "muted")
    figure.text(340, 308, "1 · 1 + 2 · 2 + 3 · ?", 15, "start", "red", bold=True)
    figure.text(340, 338, "(4, 3) × (2, 3) fails: 3 ≠ 2", 14, "start")
    return figure


def activations(_mnist) -> Figure:
    """Six activations, each with its derivative."""
    figure = Figure(720, 440, "Six activation functions and their derivatives")
    logistic = lambda z: 1 / (1 + exp(-z))  # noqa: E731
    normal = lambda z: exp(-z * z / 2) / sqrt(2 * np.pi)  # noqa: E731
    cdf = lambda z: (1 + erf(z / sqrt(2))) / 2  # noqa: E731
    kinds = (
        ("step", lambda z: float(z >= 0), lambda z: 0.0),
        ("sigmoid", logistic, lambda z: logistic(z) * (1 - logistic(z))),
        ("tanh", tanh, lambda z: 1 - tanh(z) ** 2),
        ("ReLU", lambda z: max(0.0, z), lambda z: float(z > 0)),
        ("leaky ReLU, 0.1", lambda z: z if z > 0 else 0.1 * z, lambda z: 1.0 if z > 0 else 0.1),
        ("GELU", lambda z: z * cdf(z), lambda z: cdf(z) + z * normal(z)),
    )
    for i, (name, f, slope) in enumerate(kinds):
        left, top = 36 + 236 * (i % 3), 32 + 205 * (i // 3)
        axes = Axes(figure, (left, top, 196, 140), (-3, 3), (-1.25, 2.25))
        axes.frame((-2, 0, 2), (-1, 0, 1, 2))
        zs = np.arange(-3, 3.0001, 0.02).tolist()
        halves = ([z for z in zs if z < -1e-9], [z for z in zs if z > 1e-9])
        for half in halves:
            axes.curve(half, [slope(z) for z in half], "red", 1.8, "5 4")
        if name == "step":
            axes.curve([-3, 0, 0, 3], [0, 0, 1, 1], "blue", 2.6)
        else:
            axes.curve(zs, [f(z) for z in zs], "blue", 2.6)
        figure.text(left + 98, top - 9, name, 14, bold=True)
    figure.line(250, 424, 280, 424, "blue", 2.6)
    figure.text(288, 429, "activation", 13, "start")
    figure.line(390, 424, 420, 424, "red", 1.8, "5 4")
    figure.text(428, 429, "its derivative", 13, "start")
    return figure


def fold(_mnist) -> Figure:
    """XOR in the plane of the inputs and in the plane of the two hidden units."""
    figure = Figure(720, 330, "Two hidden units move the points of XOR so that a line separates them")
    left = Axes(figure, (50, 34, 270, 236), (-0.5, 1.8), (-0.5, 1.51))
    right = Axes(figure, (436, 34, 270, 236), (-0.3, 2.4), (-0.4, 1.96))
    left.frame((0, 1), (0, 1), "x₁", "x₂")
    right.frame((0, 1, 2), (0, 1), "h₁ = max(0, x₁ + x₂)", "h₂ = max(0, x₁ + x₂ − 1)")
    figure.text(185, 22, "the inputs: no line separates them", 14, bold=True)
    figure.text(571, 22, "the hidden units: one line does", 14, bold=True)
    for x in ((0, 0), (0, 1), (1, 0), (1, 1)):
        colour = "blue" if sum(x) == 1 else "red"
        left.dots([x], colour, 9)
        px, py = left.at(*x)
        figure.text(px + 14, py - 10, f"({x[0]}, {x[1]})", 13, "start")
    for h, colour, text in (
        ((0, 0), "red", "(0, 0)"),
        ((1, 0), "blue", "(0, 1) and (1, 0)"),
        ((2, 1), "red", "(1, 1)"),
    ):
        right.dots([h], colour, 9)
        px, py = right.at(*h)
        if h == (2, 1):
            figure.text(px - 14, py - 8, text, 13, "end")
        else:
            figure.text(px + 4, py - 15, text, 13, "start")
    ys = np.array([-0.4, 0.94])
    right.curve(2 * ys + 0.5, ys, "ink", 2)
    figure.text(*right.at(1.42, 0.62), "h₁ − 2 h₂ = ½", 13, "end")
    figure.line(334, 150, 374, 150, "axis", 2, arrow=True)
    return figure


def bumps(_mnist) -> Figure:
    """A bump of three ReLUs, and a curve approximated by 4, 8 and 16 bumps."""
    figure = Figure(720, 470, "A bump made of three ReLUs, and a curve approximated by sums of bumps")
    top = Axes(figure, (50, 32, 290, 150), (0, 2), (-1.2, 1.7))
    top.frame((0, 0.5, 1, 1.5, 2), (-1, 0, 1), "x")
    xs = np.linspace(0, 2, 201)
    relu = lambda z: np.maximum(0, z)  # noqa: E731
    parts = ((2, 0.5, "blue"), (-4, 1.0, "red"), (2, 1.5, "green"))
    for weight, start, colour in parts:
        top.curve(xs, weight * relu(xs - start), colour, 2)
    figure.text(195, 22, "three hidden units …", 14, bold=True)
    figure.text(*top.at(0.74, 1.15), "2 max(0, x − ½)", 12, "end", "blue")
    figure.text(*top.at(1.08, -0.95), "−4 max(0, x − 1)", 12, "end", "red")
    figure.text(*top.at(1.97, 1.2), "2 max(0, x − 1½)", 12, "end", "green")
    second = Axes(figure, (410, 32, 290, 150), (0, 2), (-1.2, 1.7))
    second.frame((0, 0.5, 1, 1.5, 2), (-1, 0, 1), "x")
    second.curve(xs, sum(weight * relu(xs - start) for weight, start, _ in parts), "purple", 3)
    figure.text(555, 22, "… and their sum: a bump", 14, bold=True)
    target = lambda x: np.sin(2 * np.pi * x) + 0.5 * np.sin(6 * np.pi * x)  # noqa: E731
    fine = np.linspace(0, 1, 401)
    for panel, count in enumerate((4, 8, 16)):
        axes = Axes(figure, (50 + 228 * panel, 264, 194, 150), (0, 1), (-1.5, 1.5))
        axes.frame((0, 0.5, 1), (-1, 0, 1))
        knots = np.linspace(0, 1, count + 1)
        near = np.interp(fine, knots, target(knots))
        axes.curve(fine, target(fine), "axis", 4)
        axes.curve(fine, near, "purple", 2)
        figure.text(147 + 228 * panel, 252, f"spacing 1/{count}", 14, bold=True)
        error = np.abs(near - target(fine)).max()
        figure.text(147 + 228 * panel, 450, f"largest error {error:.2f}", 13, colour="muted")
    return figure


def exercise(_mnist) -> Figure:
    """The network of the lecture's exercise, with the weights of the first hidden unit."""
    figure = Figure(720, 370, "The network of the exercise: four pixels, four hidden units, three classes")
    letters = [
        lambda i: str((56, 231, 24, 2)[i]),
        lambda i: "h" + "₁₂₃₄"[i],
        lambda i: "?",
    ]
    names = [["pixels", "x"], ["hidden units", "h = max(0, W1 x + b1)"], ["scores", "s = W2 h + b2"]]
    places = drawn_network(figure, 90, 30, 500, 260, [4, 4, 3], names, ["blue", "gold", "red"], letters)
    hx, hy = places[1][0]
    for (x, y), w in zip(places[0], ("0.2", "−0.5", "0.1", "2.0")):
        figure.line(x + 15, y, hx - 15, hy, "blue", 2)
        figure.circle(x, y, 19, "soft-blue", "blue")
        figure.text(x, y + 5, letters[0](places[0].index((x, y))), 13)
        share = 0.24
        figure.text(x + 15 + (hx - x) * share, y - 7 + (hy - y) * share, w, 13, colour="blue", bold=True)
    figure.text(hx, hy - 22, "bias 9.1", 13, colour="blue", bold=True)
    for (x, y), name in zip(places[2], ("cat", "dog", "bird")):
        figure.text(x + 26, y + 5, name, 15, "start", bold=True)
    return figure


FIGURES = {
    "neuron": neuron,
    "perceptron-line": perceptron_line,
    "one-layer": one_layer,
    "two-layers": two_layers,
    "three-layers": three_layers,
    "matrix-shapes": shapes,
    "activations": activations,
    "fold": fold,
    "bumps": bumps,
    "exercise": exercise,
}
