"""When a checkpoint is saved: rules that look at where the training is, and say why."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from training.config import SaveAnyOf, SaveCustomSteps, SaveEveryNEpochs, SaveEveryNSteps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.config import SaveRule


class Place(NamedTuple):
    """Where the training is.

    Attributes:
        step: optimization steps done in all.
        epoch: the epoch that was just done; None inside an epoch.
        seconds: since the last checkpoint that these rules asked for.
    """

    step: int
    epoch: int | None
    seconds: float


def reason_to_save(rules: Sequence[SaveRule], place: Place) -> str | None:
    """What the first rule says that asks for a checkpoint here; None: none does."""
    reasons = (_reason(rule, place) for rule in rules)
    return next((reason for reason in reasons if reason is not None), None)


def look_inside_epochs(rules: Sequence[SaveRule]) -> bool:
    """Whether any of them may ask for a checkpoint before an epoch is done."""
    return any(
        look_inside_epochs(rule.rules)
        if isinstance(rule, SaveAnyOf)
        else not isinstance(rule, SaveEveryNEpochs)
        for rule in rules
    )


def _reason(rule: SaveRule, place: Place) -> str | None:
    if isinstance(rule, SaveAnyOf):
        return reason_to_save(rule.rules, place)
    if isinstance(rule, SaveEveryNEpochs):
        due = place.epoch is not None and place.epoch % rule.n == 0
        return f"every {rule.n} epochs" if due else None
    if isinstance(rule, SaveEveryNSteps):
        return f"every {rule.n} steps" if place.step % rule.n == 0 else None
    if isinstance(rule, SaveCustomSteps):
        return f"step {place.step}" if place.step in rule.steps else None
    return f"every {rule.seconds:g} seconds" if place.seconds >= rule.seconds else None
