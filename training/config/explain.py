"""What pydantic found wrong, in one line a finding: file, key, value, expected, suggestion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from training.config.base import UNKNOWN_KEY
from training.config.choice import UNKNOWN_KIND
from training.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

SHOWN = 5


def explain(error: ValidationError, tree: Mapping[str, Any], origin: str) -> str:
    """One line for each finding, the first few of them.

    Args:
        error: what pydantic raised.
        tree: what was checked.
        origin: the file's name.
    """
    findings = [_line(item, tree, origin) for item in error.errors(include_url=False)]
    more = len(findings) - SHOWN
    return "\n".join([*findings[:SHOWN], *([f"… and {more} more"] if more > 0 else [])])


def _line(item: ErrorDetails, tree: Mapping[str, Any], origin: str) -> str:
    path = _path(item["loc"], tree)
    value, reason, context = item["input"], item["msg"], item.get("ctx", {})
    if item["type"] == UNKNOWN_KEY:
        path, value = [*path, context["key"]], value[context["key"]]
        reason = f"unknown key; {context['hint']}"
    elif item["type"] == UNKNOWN_KIND:
        kind = value.get("type") if isinstance(value, dict) else value
        if kind is not None:
            path, value = [*path, "type"], kind
            reason = did_you_mean(str(kind), context["known"].split(", "))
    elif item["type"] == "missing":
        return f"{origin}: {_dotted(path)}: is missing"
    reason = reason.removeprefix("Value error, ").replace("Input should be", "expected")
    return f"{origin}: {_dotted(path)} = {_short(value)}: {reason}"


def _path(location: tuple[int | str, ...], tree: Any) -> list[str]:  # noqa: ANN401 - any YAML value
    """The location without the names of kinds that pydantic puts behind a choice."""
    path: list[str] = []
    at = tree
    for number, part in enumerate(location):
        if isinstance(at, dict) and part not in at and number < len(location) - 1:
            continue
        if isinstance(at, dict) and part not in at and at.get("type") == part:
            continue
        path.append(str(part))
        inside = isinstance(at, dict) and part in at
        inside = inside or (isinstance(at, list | tuple) and isinstance(part, int))
        at = at[part] if inside else None
    return path


def _dotted(path: list[str]) -> str:
    return ".".join(path) or "the whole"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"  # noqa: PLR2004 - fits on a line
