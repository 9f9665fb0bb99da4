"""The report of a run in Markdown: it stands by itself, and Prefect's UI shows it as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from training.evaluation.curve import loss_curve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Row = Mapping[str, Any]

SHOWN_ROWS = 40
STRATEGIES = ("backtest", "buy_and_hold")


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
    plain = {key: value for key, value in metrics.items() if not _is_strategy(key)}
    parts = [
        f"# {name}",
        f"Run `{run_id}`, registered as **{model}**.",
        "## Metrics",
        _table(("metric", "value"), [(key, _number(value)) for key, value in plain.items()]),
        *_backtests(metrics),
        "## Loss",
        loss_curve(history),
        _history(history),
        "## Data",
        _table(("what", "value"), [(key, _cell(value)) for key, value in data.items()]),
        "<details><summary>Configuration</summary>",
        f"```yaml\n{configuration.rstrip()}\n```",
        "</details>",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _backtests(metrics: Mapping[str, float]) -> list[str]:
    """Strategy beside buy-and-hold, a table for each part that has one."""
    blocks: list[str] = []
    for prefix, title in (("val_", "validation"), ("test_", "test")):
        names = [key.removeprefix(f"{prefix}backtest_") for key in metrics
                 if key.startswith(f"{prefix}backtest_")]  # fmt: skip
        if names:
            rows = [
                (one, *(_number(metrics.get(f"{prefix}{kind}_{one}")) for kind in STRATEGIES))
                for one in names
            ]
            blocks += [f"## Backtest, {title}, after costs",
                       _table(("measure", "model", "buy and hold"), rows)]  # fmt: skip
    return blocks


def _history(history: Sequence[Row]) -> str:
    rows = _thinned(history, SHOWN_ROWS)
    if not rows:
        return ""
    names = list(dict.fromkeys(name for row in rows for name in row["metrics"]))
    cells = [
        (str(row["epoch"]), *(_number(row["metrics"].get(name)) for name in names)) for row in rows
    ]
    return _table(("epoch", *names), cells)


def _thinned(rows: Sequence[Row], most: int) -> list[Row]:
    """At most so many, evenly, with the first and the last."""
    if len(rows) <= most:
        return list(rows)
    picked = sorted({round(i * (len(rows) - 1) / (most - 1)) for i in range(most)})
    return [rows[i] for i in picked]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _cell(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def _is_strategy(key: str) -> bool:
    return any(f"_{kind}_" in key for kind in STRATEGIES)
