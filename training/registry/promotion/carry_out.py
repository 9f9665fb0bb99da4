"""Carrying a decision out: exactly one move of the alias, however often it is begun."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.errors import ConflictError
from training.registry.promotion.decision import Decision, DecisionLog
from training.registry.registry import this_user

if TYPE_CHECKING:
    from training.artifacts import Move
    from training.registry.promotion.decision import Verdict
    from training.registry.registry import ModelRegistry
    from training.registry.version import ModelVersion


def carry_out(registry: ModelRegistry, version: ModelVersion, decision: Decision) -> Move | None:
    """Move the alias as it was decided; again: the move that was made.

    Args:
        registry: where the version is.
        version: that was decided about.
        decision: the one that counts.

    Returns:
        The move; None: the decision asks for none.

    Raises:
        ConflictError: the champion is another one than was looked at; decide again.
    """
    if decision.verdict != "promote":
        return None
    made = move_of(registry, version, decision)
    if made is not None:
        return made
    return registry.set_alias(
        version.name,
        decision.alias,
        version.version,
        expect=decision.champion,
        why=decision.reason,
        who=decision.who,
    )


def move_of(registry: ModelRegistry, version: ModelVersion, decision: Decision) -> Move | None:
    """The move that carried a decision out, if it was made; whatever came after it."""
    for move in registry.alias_history(version.name, decision.alias):
        if move.to == str(version.version) and move.who == decision.who:
            return move
    return None


def approve(
    registry: ModelRegistry, version: ModelVersion, *, why: str = "", who: str | None = None
) -> Decision:
    """A person approves a version that awaits it, and it gets the alias; again: nothing more.

    Raises:
        ConflictError: it does not await approval.
    """
    decision = _answer(registry, version, "promote", why, who)
    carry_out(registry, version, decision)
    return decision


def turn_down(
    registry: ModelRegistry, version: ModelVersion, *, why: str = "", who: str | None = None
) -> Decision:
    """A person turns down a version that awaits approval.

    Raises:
        ConflictError: it does not await approval.
    """
    return _answer(registry, version, "reject", why, who)


def _answer(
    registry: ModelRegistry, version: ModelVersion, verdict: Verdict, why: str, who: str | None
) -> Decision:
    """What a person decided, written down; an attempt before that died is completed."""
    log = DecisionLog(registry, version)
    count, last, me = len(log), log.last(), who or this_user()
    if last is not None and (last.verdict, last.who) == (verdict, me):
        return last
    if last is None or last.verdict != "await-approval":
        raise ConflictError(
            f"{version} does not await approval: "
            f"{'nothing was decided about it' if last is None else last.verdict}"
        )
    said = "approved" if verdict == "promote" else "turned down"
    known = last.to_json() | {
        "verdict": verdict,
        "reason": f"{said} by {me}{f': {why}' if why else ''}; {last.reason}",
        "champion": registry.alias(version.name, last.alias),
        "judgements": last.judgements,
        "who": me,
    }
    return log.add(Decision(**known), count)
