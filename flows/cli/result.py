"""How a run ended, for a person or a program."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from training.run import TrainingResult, TrainingRun

_PARTS = (("", "train"), ("val_", "validation"), ("test_", "test"))
_STRATEGIES = ("backtest_", "buy_and_hold_")


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
    plain = {name: value for name, value in metrics.items() if not _is_earned(name)}
    names = sorted({_without_part(name) for name in plain})
    if names:
        yield from _table("metric", [title for _, title in _PARTS], _PARTS, names, plain)


def _earned(metrics: Mapping[str, float]) -> Iterator[str]:
    """The backtest: the strategy beside buy-and-hold, on each part."""
    columns = [
        (f"{part}{strategy}", f"{title}, {'model' if strategy == 'backtest_' else 'holding'}")
        for part, title in _PARTS[1:]
        for strategy in _STRATEGIES
    ]
    prefixes = [prefix for prefix, _ in columns]
    names = sorted({name.removeprefix(prefix) for name in metrics for prefix in prefixes
                    if name.startswith(prefix)})  # fmt: skip
    if names:
        yield from _table("after costs", [title for _, title in columns], columns, names, metrics)


def _table(
    head: str,
    titles: Iterable[str],
    columns: Iterable[tuple[str, str]],
    names: list[str],
    metrics: Mapping[str, float],
) -> Iterator[str]:
    width = max(len(name) for name in [head, *names])
    yield ""
    yield f"{head:<{width}}" + "".join(f"{title:>20}" for title in titles)
    for name in names:
        cells = (metrics.get(f"{prefix}{name}") for prefix, _ in columns)
        shown = ("" if value is None else f"{value:.4g}" for value in cells)
        yield f"{name:<{width}}" + "".join(f"{cell:>20}" for cell in shown)


def _is_earned(name: str) -> bool:
    return any(f"_{strategy}" in name for strategy in _STRATEGIES)


def _without_part(name: str) -> str:
    return name.removeprefix("val_").removeprefix("test_")
