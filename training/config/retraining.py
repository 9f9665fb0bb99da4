"""The section `retraining`: what `retrain update` does besides training."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from training.config.base import NotNegative, Positive, PositiveFloat, Section, Share
from training.config.promotion import Mode

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Sign = Literal["drift", "decay"]


class DriftSign(Section):
    """The newest features against the past: unusual by the standard of that past itself."""

    statistic: Literal["ks", "psi"] = "ks"
    """Kolmogorov and Smirnov's distance, or the population stability index of ten bins."""
    rows: Positive = 21
    """The newest, that are compared with all before them; so is every earlier stretch of as many
    rows. Fewer than 22 such stretches say nothing."""
    quantile: Share = 0.975
    """A feature has drifted when its distance is above this quantile of the earlier ones."""
    features: Share = 0.4
    """The share of features that must have drifted."""


class DecaySign(Section):
    """The champion on rows that came after its data, against what it promised."""

    metric: str = "test_loss"
    """Of the champion when it was promoted, on the rows held out then."""
    mode: Mode = "auto"
    """Whether lower (`min`) or higher (`max`) is better; `auto`: the metric's name says it."""
    by: NotNegative = 0.05
    """How much worse it may become, as a share of what was promised."""
    rows: Positive = 21
    """Fewer new rows say nothing."""


class RetrainingConfig(Section):
    """Which rows a retraining takes, from what it starts, and when it is left out."""

    window_days: Positive | None = None
    """Rows of so many days up to `as_of`; null: all rows up to it."""
    max_age_days: PositiveFloat | None = None
    """Data whose newest row is older than this at `as_of` are stale: an error; null: never."""
    start: Literal["fresh", "champion"] = "fresh"
    """`fresh`: from new weights; `champion`: from the champion's, where there is one."""
    fresh_on: tuple[Weekday, ...] = ()
    """With `start: champion`: from new weights all the same on these days of `as_of`."""
    fresh_after: tuple[Sign, ...] = ()
    """With `start: champion`: from new weights all the same after `drift` or `decay`."""
    seeds: Positive = 1
    """Models of one candidate: with `training.seed`, the next one, and so on. The one that is best
    on the validation part is the challenger; the report shows the median and the spread."""
    only_after: tuple[Sign, ...] = ()
    """Train only after `drift` or `decay` of the champion; none: each time. Without a champion a
    model is trained anyway."""
    drift: DriftSign = DriftSign()
    """When the newest rows are unlike those before."""
    decay: DecaySign = DecaySign()
    """When the champion no longer keeps what it promised."""
    missed_slots: Literal["newest", "skip", "all"] = "newest"
    """Of the scheduled slots that were missed, since nothing ran, `newest`: only the newest is
    done; `skip`: none; `all`: each. What is left out stands in the ledger."""
    missed_after_minutes: PositiveFloat = 10.0
    """A slot that begins so much later than it was due was missed."""
    skip_unchanged: bool = True
    """Do nothing when a version of this configuration on these very data is there."""
    keep_last: Positive | None = Field(default=None)
    """After a retraining only so many versions stay, and those that aliases need; null: all."""
    expire_after_days: PositiveFloat | None = None
    """Scoring refuses a version whose newest row is older than this; null: never."""
