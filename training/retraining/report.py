"""The morning report in Markdown: verdict, challenger beside champion, data, what changed."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from training.data.findings import in_words
from training.evaluation import earned, line_chart, points_of
from training.evaluation.names import OWN, STRATEGIES
from training.registry.compare import compare

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from training.registry import ModelVersion

    Histories = tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]]

HEADINGS = {
    "promoted": "is the new champion",
    "rejected": "does not replace the champion",
    "awaiting-approval": "awaits approval",
}
EARNED = {
    "total_return": "return",
    "sharpe": "Sharpe",
    "sortino": "Sortino",
    "max_drawdown": "drawdown",
    "turnover": "turnover",
}
_WHO = ("challenger", "champion")
_SPREAD = ("median", "lowest", "highest")
_SHOWN = 20
_LONGEST = 80
BASIS_POINTS = 10_000


def retraining_report(
    outcome: Mapping[str, Any],
    version: ModelVersion,
    champion: ModelVersion | None,
    histories: Histories,
) -> str:
    """One page about a retraining.

    Args:
        outcome: as it is stored.
        version: the challenger.
        champion: what it was compared with, if there was any.
        histories: the challenger's and the champion's, a row an epoch.
    """
    parts = [
        f"# {version} {HEADINGS[outcome['status']]}",
        _verdict(outcome),
        _approval(outcome, version),
        "## On the same held-out rows",
        _held_out(outcome["held_out"]),
        _earned(outcome, version),
        _equity(outcome["curves"], moments_of(outcome)),
        _measured(outcome["metrics"], outcome["baselines"]),
        _seeds(outcome["seeds"]),
        "## Learning",
        _learning(histories),
        "## Data",
        _data(outcome["data"], outcome["signs"]),
        *_changes(version, champion),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _verdict(outcome: Mapping[str, Any]) -> str:
    moment = outcome["slot"] or outcome["as_of"] or "now"
    return f"As of **{moment}**, {outcome['start']}. {outcome['reason']}."


def _approval(outcome: Mapping[str, Any], version: ModelVersion) -> str:
    waits = outcome["status"] == "awaiting-approval"
    return f"Approve it with `retrain models promote {version}`." if waits else ""


def _held_out(about: Mapping[str, Any]) -> str:
    span = f", {about['first']} to {about['last']}" if "first" in about else ""
    return f"{about['rows']} rows{span}."


def _earned(outcome: Mapping[str, Any], version: ModelVersion) -> str:
    """Return and risk after costs: challenger, champion, and the baselines."""
    metrics, baselines = outcome["metrics"], outcome["baselines"]
    others = [name for name in STRATEGIES if f"{name}_total_return" in baselines]

    def everyone(name: str) -> list[float | None]:
        own = [metrics.get(who, {}).get(f"test_{OWN}_{name}") for who in _WHO]
        return own + [baselines.get(f"{other}_{name}") for other in others]

    rows = [
        (title, *map(_number, everyone(name)))
        for name, title in EARNED.items()
        if any(value is not None for value in everyone(name)[: len(_WHO)])
    ]
    if not rows:
        return ""
    rule = version.card["config"]["evaluation"]["backtest"]
    if rule is not None:  # an agent pays in its environment
        cost = rule["cost_bps"] / BASIS_POINTS * outcome["held_out"]["rows"]
        paid = (None if one is None else one * cost for one in everyone("turnover"))
        rows.append(("cost", *map(_number, paid)))
    return _table(("after costs", *_WHO, *(STRATEGIES[other] for other in others)), rows)


def moments_of(outcome: Mapping[str, Any]) -> list[str]:
    """Of the curves' points; none: rows have no times, or an older version wrote it."""
    return list(outcome["held_out"].get("moments", ()))


def _equity(curves: Mapping[str, Sequence[float]], moments: Sequence[str]) -> str:
    """What 1 has become."""
    lines = {
        name.replace("_", " "): [(float(at), value) for at, value in enumerate(values)]
        for name, values in curves.items()
    }
    return line_chart(lines, "point", "equity over the held-out rows", moments)


def _measured(metrics: Mapping[str, Mapping[str, float]], baselines: Mapping[str, float]) -> str:
    """Losses and the like: challenger, champion, and what learns nothing."""
    new, old = metrics["challenger"], metrics.get("champion", {})
    rows = []
    for name in dict.fromkeys((*new, *old)):
        if earned(name):
            continue
        plain = name.removeprefix("test_")
        base = baselines.get(f"majority_{plain}", baselines.get(f"last_value_{plain}"))
        rows.append((name, *map(_number, (new.get(name), old.get(name), base))))
    return _table(("metric", *_WHO, "baseline"), rows)


def _seeds(seeds: Mapping[str, Any]) -> str:
    """How much the luck of the seed decides."""
    if not seeds:
        return ""
    rows = [
        (name, *(_number(found[which]) for which in _SPREAD))
        for name, found in seeds["metrics"].items()
        if name.startswith("test_") and not _of_a_baseline(name)
    ]
    title = f"{len(seeds['seeds'])} seeds, of which {seeds['chosen']} is chosen"
    return f"{title}.\n\n" + _table(("of all seeds", *_SPREAD), rows)


def _of_a_baseline(metric: str) -> bool:
    found = earned(metric)
    return found is not None and found.strategy != OWN


def _learning(histories: Histories) -> str:
    """What was watched, of both: an agent's reward, or the loss."""
    for name in ("reward", "loss"):
        lines = {
            who: points_of(history, f"val_{name}") or points_of(history, name)
            for who, history in zip(_WHO, histories, strict=True)
        }
        drawn = line_chart(
            {who: line for who, line in lines.items() if line}, "epoch", f"{name} by epoch"
        )
        if drawn:
            return drawn
    return "No epoch was trained."


def _data(data: Mapping[str, Any], signs: Mapping[str, Any]) -> str:
    span = f", {data['first']} to {data['last']}" if "first" in data else ""
    lines = [f"{data['rows']} rows{span}."]
    lines += [f"- {row['level']}: {in_words(row)}" for row in data.get("findings", [])]
    lines += [f"- {sentence}" for sentence in signs["sentences"]]
    drifted = [one for one in signs["features"] if one["drifted"]]
    lines += [
        f"- {one['feature']} has drifted: {one['distance']:.3g}, and {one['usual']:.3g} is usual"
        for one in drifted
    ]
    return "\n".join(lines)


def _changes(version: ModelVersion, champion: ModelVersion | None) -> list[str]:
    if champion is None:
        return ["There was no champion to compare with."]
    found = compare(champion, version)
    parts = [f"## What changed since {champion}", _age(version, champion)]
    for title, pairs in (("data", found.data), ("configuration", found.config)):
        rows = [
            (name, _text(old), _text(new))
            for name, (old, new) in pairs.items()
            if name not in {"seen", "findings"} and not name.startswith("seen.")
        ][:_SHOWN]
        head = (title, str(champion), str(version))
        parts.append(_table(head, rows) if rows else f"The {title} is the same.")
    return parts


def _age(version: ModelVersion, champion: ModelVersion) -> str:
    """How far the champion's newest row is behind the challenger's."""
    ends = [one.card["data"].get("last") for one in (version, champion)]
    if None in ends:
        return ""
    new, old = (datetime.fromisoformat(str(end)) for end in ends)
    return f"Its newest row is {(new - old).days} days older."


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _text(value: object) -> str:
    text = " ".join(str("" if value is None else value).split()).replace("|", "\\|")
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
