"""The morning report in Markdown: verdict, challenger beside champion, data, configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from training.evaluation import loss_curve
from training.registry.compare import compare

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from training.registry import ModelVersion

HEADINGS = {
    "promoted": "is the new champion",
    "rejected": "does not replace the champion",
    "awaiting-approval": "awaits approval",
}
_SHOWN = 20


def retraining_report(
    outcome: Mapping[str, Any],
    version: ModelVersion,
    champion: ModelVersion | None,
    history: Sequence[Mapping[str, Any]],
) -> str:
    """One page about a retraining.

    Args:
        outcome: as it is stored.
        version: the challenger.
        champion: what it was compared with, if there was any.
        history: the challenger's, a row an epoch.
    """
    parts = [
        f"# {version} {HEADINGS[outcome['status']]}",
        f"As of **{outcome['slot'] or outcome['as_of'] or 'now'}**. {outcome['reason']}.",
        "## On the same held-out rows",
        _held_out(outcome["held_out"]),
        _side_by_side(outcome["metrics"], outcome["baselines"]),
        "## Loss of the challenger",
        loss_curve(list(history)),
        *_changes(version, champion),
    ]
    if outcome["status"] == "awaiting-approval":
        parts.insert(2, f"Approve it with `retrain models promote {version}`.")
    return "\n\n".join(part for part in parts if part) + "\n"


def _held_out(about: Mapping[str, Any]) -> str:
    span = f", {about['first']} to {about['last']}" if "first" in about else ""
    return f"{about['rows']} rows{span}."


def _side_by_side(
    metrics: Mapping[str, Mapping[str, float]], baselines: Mapping[str, float]
) -> str:
    """Challenger, champion, and what learns nothing."""
    new, old = metrics["challenger"], metrics.get("champion", {})
    names = [name for name in dict.fromkeys((*new, *old)) if "_buy_and_hold_" not in name]
    rows = []
    for name in names:
        plain = name.removeprefix("test_").removeprefix("backtest_")
        base = baselines.get(f"buy_and_hold_{plain}") if "_backtest_" in name else None
        base = baselines.get(f"majority_{plain}", baselines.get(f"last_value_{plain}", base))
        rows.append((name, *map(_number, (new.get(name), old.get(name), base))))
    return _table(("metric", "challenger", "champion", "baseline"), rows)


def _changes(version: ModelVersion, champion: ModelVersion | None) -> list[str]:
    if champion is None:
        return ["There was no champion to compare with."]
    found = compare(champion, version)
    parts = [f"## What changed since {champion}"]
    for title, pairs in (("data", found.data), ("configuration", found.config)):
        rows = [(name, _text(old), _text(new)) for name, (old, new) in pairs.items()][:_SHOWN]
        head = (title, str(champion), str(version))
        parts.append(_table(head, rows) if rows else f"The {title} is the same.")
    return parts


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _text(value: object) -> str:
    text = " ".join(str("" if value is None else value).split()).replace("|", "\\|")
    return text if len(text) <= 80 else f"{text[:79]}…"  # noqa: PLR2004 - fits in a cell
