"""Whether a model is too old to be used."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from training.errors import DataError

if TYPE_CHECKING:
    from training.registry import ModelVersion

SECONDS_A_DAY = 86400


def refuse_expired(version: ModelVersion, now: datetime | None = None) -> None:
    """Refuse a version whose newest row is older than `retraining.expire_after_days`.

    Args:
        version: to be used.
        now: with a time zone, or in UTC; default: the clock.

    Raises:
        DataError: it is too old.
    """
    limit = version.card["config"].get("retraining", {}).get("expire_after_days")
    last = version.card.get("data", {}).get("last")
    if limit is None or last is None:
        return
    age = (_utc(now or datetime.now(UTC)) - _utc(datetime.fromisoformat(last))).total_seconds()
    days = age / SECONDS_A_DAY
    if days > limit:
        raise DataError(
            f"{version} has expired: its newest row is of {last}, {days:.1f} days ago, and "
            f"retraining.expire_after_days = {limit:g}; retrain it, or use it all the same "
            "(--allow-expired)"
        )


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
