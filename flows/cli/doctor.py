"""`retrain doctor`: a line for each thing that was looked at."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import typer

from flows.doctor import examine


def print_checks(storage: str, *, as_json: bool) -> None:
    """Look at all of it; ends with 1 where there is a problem."""
    found = []
    for check in examine(storage):
        found.append(check)
        if not as_json:
            typer.echo(f"{check.status:8} {check.name}: {check.found}")
            if check.mend:
                typer.echo(f"         -> {check.mend}")
    if as_json:
        typer.echo(json.dumps([asdict(check) for check in found]))
    if any(check.status == "problem" for check in found):
        sys.exit(1)
