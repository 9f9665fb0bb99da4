"""Curves as pictures that stand in Markdown by themselves.

An SVG in a data URI: both user interfaces of Prefect show it, where Mermaid is text in the older
one; and it needs no library for plots.
"""

from __future__ import annotations

import base64
import math
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Row = Mapping[str, Any]
    Points = list[tuple[float, float]]

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 40, 34, 34
SERIES = ("loss", "val_loss")
OF_AGENTS = ("reward", "total_return")
"""What an agent is judged by: its loss says little of how well it acts."""
COLOURS = ("#2563eb", "#ea580c", "#64748b", "#16a34a")
HALF_A_LETTER = 3.5
MOST_POINTS = 400
MOST_PICTURES = 6
LARGEST = 1e100  # a loss that has left the world; the distance of two of them is still a number


def loss_curve(history: Sequence[Row]) -> str:
    """Loss and validation loss over the epochs, as a picture in Markdown.

    Args:
        history: a row an epoch: `epoch`, `metrics`; what was not measured, or is too large to
            draw, is left out of its line.
    """
    lines = {name: points_of(history, name) for name in SERIES}
    if not any(lines.values()):
        return "No finite loss was measured." if history else "No epoch was trained."
    return line_chart(lines, "epoch", "loss by epoch")


def agent_curves(history: Sequence[Row]) -> dict[str, str]:
    """Mean reward, and what the portfolio earned, by epoch; empty where there is none.

    Args:
        history: as `loss_curve` takes it.

    Returns:
        Pictures in Markdown, by the metric's name.
    """
    found = learning_curves(history)
    return {
        name: line_chart(found[name], "epoch", f"{name} by epoch")
        for name in OF_AGENTS
        if name in found
    }


def line_chart(
    lines: Mapping[str, Points], unit: str, title: str, moments: Sequence[str] = ()
) -> str:
    """Lines in a picture in Markdown; nothing where no line has a point.

    Args:
        lines: at most four, by name; each point finite.
        unit: of the horizontal axis.
        title: for who cannot see it.
        moments: words for 0, 1, 2, … on the horizontal axis, in the place of unit and number.
    """
    drawn = svg_chart(lines, unit, moments)
    data = base64.b64encode(drawn.encode()).decode()
    return f"![{title}](data:image/svg+xml;base64,{data})" if drawn else ""


def svg_chart(lines: Mapping[str, Points], unit: str, moments: Sequence[str] = ()) -> str:
    """Lines as an SVG element that stands by itself; nothing where no line has a point."""
    known = [point for points in lines.values() for point in points]
    named = {float(x): words for x, words in enumerate(moments)}
    return _svg(lines, known, lambda x: named.get(x, f"{unit} {x:g}")) if known else ""


def learning_curves(history: Sequence[Row]) -> dict[str, dict[str, Points]]:
    """What is to be drawn of a history: each metric with its value on the validation part.

    Args:
        history: a row an epoch: `epoch`, `metrics`.

    Returns:
        The lines of each picture by the metric's name, an agent's reward and return first, then
        the loss; at most `MOST_PICTURES`.
    """
    names = dict.fromkeys(name.removeprefix("val_") for row in history for name in row["metrics"])
    pictures: dict[str, dict[str, Points]] = {}
    first = (*OF_AGENTS, "loss")
    for name in sorted(names, key=lambda name: first.index(name) if name in first else len(first)):
        lines = {one: points_of(history, one) for one in (name, f"val_{name}")}
        shown = {one: points for one, points in lines.items() if points}
        if shown and len(pictures) < MOST_PICTURES:
            pictures[name] = shown
    return pictures


def points_of(history: Sequence[Row], name: str) -> Points:
    """A metric by epoch, where it was measured; at most so many, with the first and the last."""
    found = ((float(row["epoch"]), row["metrics"].get(name, math.nan)) for row in history)
    points = [(epoch, value) for epoch, value in found if abs(value) <= LARGEST]
    step = max(1, math.ceil(len(points) / MOST_POINTS))
    return [*points[:-1:step], *points[-1:]]


def _svg(lines: Mapping[str, Points], known: Points, words: Callable[[float], str]) -> str:
    first, last = min(x for x, _ in known), max(x for x, _ in known)
    low, high = min(y for _, y in known), max(y for _, y in known)
    margin = 0.05 * (high - low) or abs(high) * 0.05 or 1.0
    low, high = low - margin, high + margin

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - first) / (last - first) if last > first else 0.5
        up = (y - low) / (high - low)
        return (
            LEFT + across * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM),
        )

    box = f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box}>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="6" fill="#ffffff"/>',
    ]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        value = low + share * (high - low)
        _, y = place(first, value)
        parts += [_rule(y), _text(LEFT - 8, y + 4, f"{value:.4g}", "end")]
    for x in dict.fromkeys((first, (first + last) // 2, last)):
        across = place(x, low)[0]
        half = HALF_A_LETTER * len(words(x))  # long words at an end are moved into the picture
        across = min(max(across, half), WIDTH - half)
        parts += [_text(across, HEIGHT - 12, words(x), "middle")]
    for number, (name, colour) in enumerate(zip(lines, COLOURS, strict=False)):
        if lines[name]:
            parts += _line([place(x, y) for x, y in lines[name]], colour)
            parts.append(_text(LEFT + 160 * number, 20, f"● {name}", "start", colour))
    return "".join([*parts, "</svg>"])


def _line(points: Points, colour: str) -> list[str]:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    drawn = [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>']
    x, y = points[-1]
    return [*drawn, f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>']


def _rule(y: float) -> str:
    ends = f'x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"'
    return f'<line {ends} stroke="#e2e8f0"/>'


def _text(x: float, y: float, text: str, anchor: str, colour: str = "#475569") -> str:
    shown = escape(text)  # a metric may have any name
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{shown}</text>'
