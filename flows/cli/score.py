"""`retrain score`: the flow `score`, in this process."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import Any

import typer
from rich.console import Console

from flows.cli.server import server
from flows.settings import prepare
from training.artifacts import ArtifactStore
from training.registry import open_registry
from training.scoring import refuse_expired


def score_file(job: dict[str, Any], *, as_json: bool) -> None:
    """Score, and say what made the predictions.

    Args:
        job: the parameters of the flow.
        as_json: print one JSON object.
    """
    version = open_registry(ArtifactStore(job["storage"])).get(job["model"])
    if not job["allow_expired"]:
        refuse_expired(version)
    console = Console(stderr=True, highlight=False)
    with ExitStack() as stack:
        prepare()
        stack.enter_context(server(_Waiting(console)))
        from flows.score import score
        from flows.train import deliver

        try:
            # An alias may move while it works: what is scored with is what was looked at here.
            result: dict[str, Any] = score(**job | {"model": str(version)})
        finally:
            deliver()
    if as_json:
        typer.echo(json.dumps(result))
        return
    model = result["model"]
    typer.echo(f"model       {model['name']}:{model['version']}  {model['digest']}")
    typer.echo(f"rows        {result['rows']}, {result['predictions']} of them with a prediction")
    typer.echo(f"output      {result['output']}")


class _Waiting:
    """What is said while the server starts."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, line: str) -> None:
        """A line."""
        self._console.print(line, markup=False)

    def waiting(self, seconds: float) -> None:
        """Nothing moves."""
