"""The report of a run in Markdown: it stands by itself, and Prefect's UI shows it as it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from training.evaluation.curve import loss_curve
from training.evaluation.names import MEASURES, PARTS, STRATEGIES, earned

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Row = Mapping[str, Any]

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
        f"# {_cell(name)}",
        f"Run `{run_id}`, registered as **{_cell(model)}**.",
        "## Metrics",
        _table(("metric", "value"), list(plain.items())) if plain else "None were measured.",
        *_backtests(metrics),
        "## Loss",
        loss_curve(history),
        _history(history),
        "## Data",
        _table(("what", "value"), list(data.items())),
        "<details><summary>Configuration</summary>",
        _fenced(configuration, "yaml"),
        "</details>",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _backtests(metrics: Mapping[str, float]) -> list[str]:
    """Strategy beside the baselines, a table for each part that has one."""
    tables: dict[str, dict[str, dict[str, float]]] = {}
    for key, value in metrics.items():
        found = earned(key)
        if found is not None:
            rows = tables.setdefault(found.part, {})
            rows.setdefault(found.measure, {})[found.strategy] = value
    blocks: list[str] = []
    for part, rows in tables.items():
        columns = [name for name in STRATEGIES if any(name in row for row in rows.values())]
        cells = [
            (measure, *map(rows[measure].get, columns)) for measure in MEASURES if measure in rows
        ]
        blocks.append(f"## Backtest, {PARTS[part]} part, after costs")
        blocks.append(_table(("measure", *map(STRATEGIES.__getitem__, columns)), cells))
    return blocks


def _history(history: Sequence[Row]) -> str:
    rows = _thinned(history, HISTORY_ROWS)
    names = list(dict.fromkeys(name for row in rows for name in row["metrics"]))
    cells = [(row["epoch"], row["step"], *map(row["metrics"].get, names)) for row in rows]
    return _table(("epoch", "step", *names), cells) if rows else ""


def _thinned(rows: Sequence[Row], most: int) -> list[Row]:
    """At most so many, evenly, with the first and the last."""
    if len(rows) <= most:
        return list(rows)
    return [rows[round(i * (len(rows) - 1) / (most - 1))] for i in range(most)]


def _table(head: Sequence[object], rows: Sequence[Sequence[object]]) -> str:
    lines = [[_cell(value) for value in line] for line in (head, *rows)]
    lines.insert(1, ["---"] * len(head))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object) -> str:
    """Text that stays within its cell, and is shown as it is."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_cell, value))
    if isinstance(value, dict):
        return ", ".join(f"{_cell(key)}: {_cell(item)}" for key, item in value.items())
    text = " ".join(str(value).split())
    return re.sub(r"([\\|`*<\[])", r"\\\1", text)


def _fenced(text: str, language: str) -> str:
    """A block of code, whose fence is longer than any within."""
    longest = max(map(len, re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
