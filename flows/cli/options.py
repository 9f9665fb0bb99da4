"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from training.imports import trusted_by_environment

Storage = Annotated[
    str,
    typer.Option(
        envvar="RETRAIN_STORAGE",
        metavar="URL",
        help="Folder or URL of runs, checkpoints, results and registry.",
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on standard output, nothing else.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key: training.epochs=3."),
]
Trust = Annotated[
    list[str] | None,
    typer.Option(
        "--trust",
        metavar="NAME",
        help="Allow classes of this module, or the value of this variable, that a stored "
        "configuration names.",
    ),
]
DEFAULT_STORAGE = "./artifacts"


class ResumeMode(StrEnum):
    """Whether an interrupted run goes on."""

    AUTO = "auto"
    NEVER = "never"
    MUST = "must"


class Every(StrEnum):
    """Steps of a series of retrainings."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


def trusted_modules(given: list[str] | None) -> frozenset[str]:
    """From `--trust` and RETRAIN_TRUSTED_MODULES (comma-separated)."""
    return trusted_by_environment() | {name.strip() for name in given or [] if name.strip()}
