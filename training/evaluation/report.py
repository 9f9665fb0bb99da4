"""The report of a run in Markdown: it stands by itself, and Prefect's UI shows it as it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

from training.data.findings import in_words
from training.evaluation.curve import agent_curves, loss_curve
from training.evaluation.names import MEASURES, PARTS, STRATEGIES, earned

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Row = Mapping[str, Any]

T = TypeVar("T")
HISTORY_ROWS = 40


def markdown_report(
    *,
    name: str,
    run_id: str,
    metrics: Mapping[str, float],
    history: Sequence[Row],
    data: Mapping[str, Any],
    configuration: str,
    model: str,
) -> str:
    """One page about a run.

    Args:
        name: of the model.
        run_id: of the run.
        metrics: of the final model.
        history: a row an epoch: `epoch`, `step`, `metrics`.
        data: what the data are, in plain values.
        configuration: the resolved configuration, in YAML.
        model: the registered version.
    """
    plain = {key: value for key, value in metrics.items() if earned(key) is None}
    parts = [
        f"# {markdown_cell(name)}",
        f"Run `{run_id}`, registered as **{markdown_cell(model)}**.",
        "## Metrics",
        _table(("metric", "value"), list(plain.items())) if plain else "None were measured.",
        *(
            part
            for title, head, rows in backtests(metrics)
            for part in (f"## {title}", _table(head, rows))
        ),
        *(
            part
            for title, picture in agent_curves(history).items()
            for part in (f"## {title.replace('_', ' ').capitalize()}", picture)
        ),
        "## Loss",
        loss_curve(history),
        _history(history),
        "## Data",
        _table(("what", "value"), described(data)),
        "\n".join(_finding(row) for row in data.get("findings", [])),
        "<details><summary>Configuration</summary>",
        _fenced(configuration, "yaml"),
        "</details>",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def backtests(
    metrics: Mapping[str, float],
) -> list[tuple[str, Sequence[str], list[Sequence[object]]]]:
    """Strategy beside the baselines: title, head and rows of a table for each part that has one."""
    tables: dict[str, dict[str, dict[str, float]]] = {}
    for key, value in metrics.items():
        found = earned(key)
        if found is not None:
            rows = tables.setdefault(found.part, {})
            rows.setdefault(found.measure, {})[found.strategy] = value
    return [_beside(PARTS[part], rows) for part, rows in tables.items()]


def _beside(
    part: str, rows: Mapping[str, Mapping[str, float]]
) -> tuple[str, Sequence[str], list[Sequence[object]]]:
    columns = [name for name in STRATEGIES if any(name in row for row in rows.values())]
    cells: list[Sequence[object]] = [
        (measure, *map(rows[measure].get, columns)) for measure in MEASURES if measure in rows
    ]
    head = ("measure", *map(STRATEGIES.__getitem__, columns))
    return f"Backtest, {part} part, after costs", head, cells


def _finding(row: Mapping[str, Any]) -> str:
    return f"- {row['level']}: {markdown_cell(in_words(row))}"


def _history(history: Sequence[Row]) -> str:
    rows = thinned(history, HISTORY_ROWS)
    names = list(dict.fromkeys(name for row in rows for name in row["metrics"]))
    cells = [(row["epoch"], row["step"], *map(row["metrics"].get, names)) for row in rows]
    return _table(("epoch", "step", *names), cells) if rows else ""


def thinned(rows: Sequence[T], most: int) -> list[T]:
    """At most so many, evenly, with the first and the last."""
    if len(rows) <= most:
        return list(rows)
    return [rows[round(i * (len(rows) - 1) / (most - 1))] for i in range(most)]


def _table(head: Sequence[object], rows: Sequence[Sequence[object]]) -> str:
    lines = [[markdown_cell(value) for value in line] for line in (head, *rows)]
    lines.insert(1, ["---"] * len(head))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def described(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the data are, in words; without what is kept of them for later runs to compare."""
    return [(key, in_text(value)) for key, value in data.items() if key not in {"seen", "findings"}]


def in_text(value: object) -> str:
    """A plain value in a line of text."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(in_text, value))
    if isinstance(value, dict):
        return ", ".join(f"{key}: {in_text(item)}" for key, item in value.items())
    return " ".join(str(value).split())


def markdown_cell(value: object) -> str:
    """Text that stays within its cell, and is shown as it is."""
    return re.sub(r"([\\|`*<\[])", r"\\\1", in_text(value))


def _fenced(text: str, language: str) -> str:
    """A block of code, whose fence is longer than any within."""
    longest = max(map(len, re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
