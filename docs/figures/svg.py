"""Plain SVG for the figures of the book: shapes, text, axes and small images, in light and dark colours."""

import base64
import struct
import zlib
from html import escape
from pathlib import Path

# name: (light, dark). The soft colours fill areas, and the strong ones draw lines and points.
COLOURS = {
    "paper": ("#ffffff", "#14161a"),
    "ink": ("#1f2328", "#e6e8eb"),
    "muted": ("#616975", "#a2a7af"),
    "grid": ("#e4e7eb", "#2a2e36"),
    "axis": ("#98a0aa", "#5d6470"),
    "blue": ("#2f6fd0", "#82b4f2"),
    "red": ("#cc3d50", "#f28b98"),
    "green": ("#228553", "#74d3a2"),
    "purple": ("#7d52c7", "#bca4f0"),
    "gold": ("#a86f00", "#e6b855"),
    "soft-blue": ("#dae7fb", "#1e3252"),
    "soft-red": ("#fbdfe3", "#4a252d"),
    "soft-green": ("#d7f1e2", "#183c2b"),
    "soft-purple": ("#e8defa", "#33274f"),
    "soft-gold": ("#fbeecb", "#42350f"),
}


def _style() -> str:
    def rules(which: int) -> str:
        return "".join(
            f".f-{name}{{fill:{pair[which]}}}.s-{name}{{stroke:{pair[which]}}}"
            for name, pair in COLOURS.items()
        )

    text = "text{font-family:system-ui,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif}"
    return f"<style>{text}{rules(0)}@media screen and (prefers-color-scheme:dark){{{rules(1)}}}</style>"


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if value else "0"


class Figure:
    """A drawing of the given size; y grows downwards."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self.width, self.height, self.title = width, height, title
        self.parts: list[str] = []

    def line(self, x1, y1, x2, y2, colour="ink", width=1.5, dash="", arrow=False) -> None:
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(
            f'<line x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}" class="s-{colour}" '
            f'stroke-width="{width}"{dashes}/>'
        )
        if arrow:
            self.head(x1, y1, x2, y2, colour)

    def head(self, x1, y1, x2, y2, colour="ink", size=8.0) -> None:
        """The head of an arrow from (x1, y1) to (x2, y2)."""
        length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5 or 1.0
        ux, uy = (x2 - x1) / length, (y2 - y1) / length
        wing = size * 0.45
        corners = [
            (x2, y2),
            (x2 - size * ux - wing * uy, y2 - size * uy + wing * ux),
            (x2 - size * ux + wing * uy, y2 - size * uy - wing * ux),
        ]
        self.polygon(corners, colour)

    def polygon(self, points, fill: str) -> None:
        text = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
        self.parts.append(f'<polygon points="{text}" class="f-{fill}"/>')

    def path(self, points, colour="ink", width=2.0, dash="") -> None:
        text = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(
            f'<polyline points="{text}" class="s-{colour}" fill="none" stroke-width="{width}" '
            f'stroke-linejoin="round" stroke-linecap="round"{dashes}/>'
        )

    def circle(self, x, y, r, fill="none", stroke="", width=1.5) -> None:
        filled = f"f-{fill}" if fill != "none" else ""
        attributes = ' fill="none"' if fill == "none" else ""
        if stroke:
            attributes += f' stroke-width="{width}"'
            filled += f" s-{stroke}"
        place = f'cx="{_n(x)}" cy="{_n(y)}" r="{_n(r)}"'
        self.parts.append(f'<circle {place} class="{filled.strip()}"{attributes}/>')

    def rect(self, x, y, w, h, fill="none", stroke="", width=1.0, round_=0.0) -> None:
        names = " ".join(([f"f-{fill}"] if fill != "none" else []) + ([f"s-{stroke}"] if stroke else []))
        attributes = ' fill="none"' if fill == "none" else ""
        attributes += f' stroke-width="{width}"' if stroke else ""
        attributes += f' rx="{round_}"' if round_ else ""
        place = f'x="{_n(x)}" y="{_n(y)}" width="{_n(w)}" height="{_n(h)}"'
        self.parts.append(f'<rect {place} class="{names}"{attributes}/>')

    def text(
        self, x, y, text, size=14, anchor="middle", colour="ink", bold=False, italic=False, turn=0
    ) -> None:
        attributes = ' font-weight="600"' if bold else ""
        attributes += ' font-style="italic"' if italic else ""
        attributes += f' transform="rotate({turn} {_n(x)} {_n(y)})"' if turn else ""
        self.parts.append(
            f'<text x="{_n(x)}" y="{_n(y)}" font-size="{size}" text-anchor="{anchor}" class="f-{colour}"'
            f"{attributes}>{escape(str(text))}</text>"
        )

    def image(self, x, y, size, pixels) -> None:
        """Grey pixels, (height, width) of bytes, as a square of this size."""
        data = base64.b64encode(_png(pixels)).decode()
        self.parts.append(
            f'<image x="{_n(x)}" y="{_n(y)}" width="{_n(size)}" height="{_n(size)}" '
            f'style="image-rendering:pixelated" href="data:image/png;base64,{data}"/>'
        )

    def grid_of_numbers(self, x, y, cell, rows, size=14, fills=None, colour="ink", tall=0.0) -> None:
        """A matrix as boxes with a number in each; `fills` has a colour, or nothing, for each of them."""
        tall = tall or cell
        for i, row in enumerate(rows):
            for j, value in enumerate(row):
                fill = fills[i][j] if fills else "paper"
                self.rect(x + j * cell, y + i * tall, cell, tall, fill or "paper", "axis")
                self.text(
                    x + (j + 0.5) * cell, y + (i + 0.5) * tall + size * 0.36, value, size, colour=colour
                )

    def save(self, folder: Path, name: str) -> None:
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'width="{self.width}" height="{self.height}" role="img">\n<title>{escape(self.title)}</title>\n'
        )
        paper = f'<rect width="{self.width}" height="{self.height}" class="f-paper"/>\n'
        body = "\n".join(self.parts)
        (folder / f"{name}.svg").write_text(f"{head}{_style()}\n{paper}{body}\n</svg>\n", encoding="utf-8")


class Axes:
    """A rectangle of a figure in which points have coordinates of their own; y grows upwards."""

    def __init__(self, figure: Figure, box, x, y) -> None:
        self.figure, self.box, self.x, self.y = figure, box, x, y

    def at(self, x, y):
        left, top, width, height = self.box
        return (
            left + width * (x - self.x[0]) / (self.x[1] - self.x[0]),
            top + height * (self.y[1] - y) / (self.y[1] - self.y[0]),
        )

    def frame(self, xticks=(), yticks=(), xlabel="", ylabel="", grid=True) -> None:
        """The axes with their ticks, each a number or a pair of a number and its text."""
        left, top, width, height = self.box
        figure = self.figure
        for tick in xticks:
            value, text = tick if isinstance(tick, tuple) else (tick, _n(tick).replace("-", "−"))
            px, _ = self.at(value, self.y[0])
            if grid:
                figure.line(px, top, px, top + height, "grid", 1)
            figure.text(px, top + height + 17, text, 12, colour="muted")
        for tick in yticks:
            value, text = tick if isinstance(tick, tuple) else (tick, _n(tick).replace("-", "−"))
            _, py = self.at(self.x[0], value)
            if grid:
                figure.line(left, py, left + width, py, "grid", 1)
            figure.text(left - 7, py + 4, text, 12, "end", "muted")
        figure.rect(left, top, width, height, "none", "axis")
        if xlabel:
            figure.text(left + width / 2, top + height + 36, xlabel, 13, colour="muted")
        if ylabel:
            figure.text(left - 38, top + height / 2, ylabel, 13, colour="muted", turn=-90)

    def curve(self, xs, ys, colour="blue", width=2.2, dash="") -> None:
        """A polyline, clipped to the box: points outside end a piece."""
        piece: list = []
        low, high = self.y
        for x, y in zip(xs, ys):
            if low - 1e-9 <= y <= high + 1e-9:
                piece.append(self.at(x, y))
            else:
                if len(piece) > 1:
                    self.figure.path(piece, colour, width, dash)
                piece = []
        if len(piece) > 1:
            self.figure.path(piece, colour, width, dash)

    def dots(self, points, colour, r=4.5, stroke="paper") -> None:
        for x, y in points:
            self.figure.circle(*self.at(x, y), r, colour, stroke, 1)

    def regions(self, classes, fills) -> None:
        """Fills the box by a matrix of classes, the first row at the top; equal neighbours are merged."""
        left, top, width, height = self.box
        rows, columns = classes.shape
        for i in range(rows):
            start = 0
            for j in range(1, columns + 1):
                if j == columns or classes[i, j] != classes[i, start]:
                    self.figure.rect(
                        left + width * start / columns,
                        top + height * i / rows,
                        width * (j - start) / columns + 0.3,
                        height / rows + 0.3,
                        fills[int(classes[i, start])],
                    )
                    start = j


def _png(pixels) -> bytes:
    height, width = len(pixels), len(pixels[0])
    rows = b"".join(b"\0" + bytes(int(value) for value in row) for row in pixels)

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    compressed = zlib.compress(rows, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", compressed) + chunk(b"IEND", b"")
