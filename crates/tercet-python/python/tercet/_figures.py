"""Figures for notebooks that do not need matplotlib."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

_WIDTH, _HEIGHT, _LEFT, _BELOW = 420, 180, 48, 24
_COLOURS = ("#1f77b4", "#d95f02")


def curves(named: dict[str, Sequence[float]]) -> str:
    """Draw one curve per name over the epochs as SVG; an empty string with fewer than two epochs."""
    lines = {name: [float(v) for v in values] for name, values in named.items() if len(values) > 1}
    finite = [v for values in lines.values() for v in values if math.isfinite(v)]
    if not finite:
        return ""
    low, high = min(0.0, *finite), max(finite)
    high = high if high > low else low + 1.0
    longest = max(len(values) for values in lines.values())

    def x(epoch: int) -> float:
        return _LEFT + (_WIDTH - _LEFT - 8) * epoch / (longest - 1)

    def y(value: float) -> float:
        return 8 + (_HEIGHT - _BELOW - 8) * (high - value) / (high - low)

    parts = []
    for share in (0.0, 0.5, 1.0):
        value = low + share * (high - low)
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - 8}" y1="{y(value):.1f}" y2="{y(value):.1f}" '
            f'stroke="currentColor" opacity=".2"/>'
            f'<text x="{_LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.3g}</text>'
        )
    parts.append(f'<text x="{_LEFT}" y="{_HEIGHT - 6}">epoch 1</text>')
    parts.append(f'<text x="{_WIDTH - 8}" y="{_HEIGHT - 6}" text-anchor="end">{longest}</text>')
    for at, (name, values) in enumerate(lines.items()):
        points = " ".join(f"{x(i):.1f},{y(v):.1f}" for i, v in enumerate(values) if math.isfinite(v))
        colour = _COLOURS[at % len(_COLOURS)]
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
        parts.append(
            f'<text x="{_WIDTH - 12}" y="{22 + 15 * at}" text-anchor="end" '
            f'style="fill:{colour}">{html.escape(name)}</text>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" height="{_HEIGHT}" '
        f'role="img" style="font:11px sans-serif;fill:currentColor">{"".join(parts)}</svg>'
    )
