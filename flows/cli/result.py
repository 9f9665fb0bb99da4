"""How a run ended, for a person or a program."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from training.evaluation.names import PARTS, STRATEGIES, Earned, earned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from training.run import TrainingResult, TrainingRun

_PARTS = (("", "train"), ("val_", "validation"), ("test_", "test"))
_HEADS = [f"{title}, after costs" for title in PARTS.values()]
_MAIN = (
    "total_return",
    "annual_return",
    "sharpe",
    "max_drawdown",
    "exposure",
    "turnover",
    "hit_rate",
    "profit_factor",
)
_NUMBER, _GAP = 10, 2


def print_result(result: TrainingResult, *, as_json: bool) -> None:
    """One JSON object, or a page."""
    if as_json:
        typer.echo(json.dumps(result.to_json()))
        return
    for name, value in _facts(result):
        typer.echo(f"{name:<12}{value}".rstrip())
    for line in [*_measured(result.metrics), *_earned(result.metrics)]:
        typer.echo(line)


def print_unfinished(run: TrainingRun, status: str, reason: str) -> None:
    """One JSON object about a run that failed or was interrupted: what is known of it."""
    newest = next(iter(run.checkpoints.refs()), None)
    known = {
        "run_id": run.run_id,
        "status": status,
        "epochs_completed": newest.epoch if newest else 0,
        "metrics": newest.metrics if newest else {},
        "checkpoint": {"uri": f"{run.store.url}/{newest.uri}", "digest": newest.digest}
        if newest
        else None,
        "model": None,
        "reason": reason,
    }
    typer.echo(json.dumps(known))


def _facts(result: TrainingResult) -> Iterator[tuple[str, str]]:
    yield "run", f"{result.run_id}  {result.status}"
    yield "", result.reason
    best = f", the best was {result.best_epoch}" if result.best_epoch else ""
    yield "epochs", f"{result.epochs_completed}{best}"
    if result.stop_reason:
        yield "", result.stop_reason
    yield "checkpoint", result.checkpoint["uri"]
    yield "model", f"{result.model['name']}:{result.model['version']}"
    yield "digest", result.model["digest"]


def _measured(metrics: Mapping[str, float]) -> Iterator[str]:
    """Loss and the like: a row a metric, a column a part."""
    plain = {name: value for name, value in metrics.items() if earned(name) is None}
    names = sorted({name.removeprefix("val_").removeprefix("test_") for name in plain})
    if names:
        rows = {name: [plain.get(f"{part}{name}") for part, _ in _PARTS] for name in names}
        yield from _table("metric", [title for _, title in _PARTS], rows)


def _earned(metrics: Mapping[str, float]) -> Iterator[str]:
    """The backtest: the model beside the baselines, a table for each part; of measures the main."""
    for part, title in PARTS.items():
        own = {name: value for name, value in metrics.items() if name.startswith(f"{part}_")}
        of_part = {found: own[name] for name in own if (found := earned(name))}
        columns = [one for one in STRATEGIES if any(one == found.strategy for found in of_part)]
        rows = {
            measure: [of_part.get(Earned(part, one, measure)) for one in columns]
            for measure in _MAIN
        }
        if columns:
            titles = [STRATEGIES[one] for one in columns]
            yield from _table(f"{title}, after costs", titles, rows)


def _table(
    head: str, titles: Iterable[str], rows: Mapping[str, Iterable[float | None]]
) -> Iterator[str]:
    """Without the rows that have no value."""
    known = {name: list(cells) for name, cells in rows.items()}
    width = max(map(len, (*_HEADS, *known)))
    columns = [(title, max(len(title), _NUMBER) + _GAP) for title in titles]
    yield ""
    yield f"{head:<{width}}" + "".join(f"{title:>{room}}" for title, room in columns)
    for name, cells in known.items():
        shown = ["" if value is None else f"{value:.4g}" for value in cells]
        if any(shown):
            placed = zip(shown, columns, strict=True)
            line = f"{name:<{width}}" + "".join(f"{cell:>{room}}" for cell, (_, room) in placed)
            yield line.rstrip()
