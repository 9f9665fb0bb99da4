"""`retrain prove`: does a configuration resume exactly?"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from training.prove import prove_resume

if TYPE_CHECKING:
    from training.config import RunConfig


def print_proof(config: RunConfig, epochs: int, kills: int, seed: int, *, as_json: bool) -> None:
    """Try it out; exit code 1 where something does not resume exactly."""
    proof = prove_resume(
        config,
        epochs=epochs,
        kills=kills,
        seed=seed,
        watch=lambda line: typer.echo(f"{line} …", err=True),
    )
    if as_json:
        typer.echo(json.dumps({"exact": proof.is_exact, **asdict(proof)}))
    else:
        where = ", ".join(map(str, proof.kills)) or "none"
        typer.echo(f"epochs       {proof.epochs}, each trained twice")
        typer.echo(f"killed       after the steps {where}")
        if proof.is_exact:
            typer.echo(f"exact        all values of {proof.compared} checkpoints are the same")
        else:
            typer.echo(f"NOT EXACT    first seen after {proof.where}:")
            for line in proof.differences:
                typer.echo(f"             {line}")
            typer.echo(f"             {proof.advice}")
    if not proof.is_exact:
        sys.exit(1)
