"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warning", "problem", "skipped"]


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report.

    Attributes:
        name: of what was looked at.
        status: `problem`: it will fail, or lose something; `warning`: it may; `skipped`: it could
            not be looked at.
        found: what is so.
        mend: what to do about it; empty where there is nothing to do.
    """

    name: str
    status: Status
    found: str
    mend: str = ""


def ok(name: str, found: str) -> Check:
    """All is well."""
    return Check(name, "ok", found)


def warning(name: str, found: str, mend: str) -> Check:
    """It may go wrong."""
    return Check(name, "warning", found, mend)


def problem(name: str, found: str, mend: str) -> Check:
    """It will go wrong."""
    return Check(name, "problem", found, mend)
