"""The section `retraining`: what `retrain update` does besides training."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from training.config.base import Positive, PositiveFloat, Section


class RetrainingConfig(Section):
    """Which rows a retraining takes, from what it starts, and when it is left out."""

    window_days: Positive | None = None
    """Rows of so many days up to `as_of`; null: all rows up to it."""
    max_age_days: PositiveFloat | None = None
    """Data whose newest row is older than this at `as_of` are stale: an error; null: never."""
    start: Literal["fresh", "champion"] = "fresh"
    """`fresh`: from new weights; `champion`: from the champion's, where there is one."""
    skip_unchanged: bool = True
    """Do nothing when a version of this configuration on these very data is there."""
    keep_last: Positive | None = Field(default=None)
    """After a retraining only so many versions stay, and those that aliases need; null: all."""
    expire_after_days: PositiveFloat | None = None
    """Scoring refuses a version whose newest row is older than this; null: never."""
