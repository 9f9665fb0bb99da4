"""The section `data.checks`: what is looked for in a table before anything is trained on it.

Every kind of check is there by default; a section of its kind in the list stands in its place.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, Tag

from training.config.base import Count, Positive, PositiveFloat, Section
from training.config.choice import by_type

if TYPE_CHECKING:
    from collections.abc import Iterable

Level = Literal["error", "warning", "off"]
Quantile = Annotated[float, Field(gt=0.5, lt=1)]
Exchange = Annotated[str, Field(pattern=r"^[A-Z0-9_/]{2,12}$")]
Portion = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]


class MissingCheck(Section):
    """Columns of numbers with a large share of missing values, used or not."""

    type: Literal["missing"] = "missing"
    level: Level = "warning"
    share: Portion = 0.05
    """More than this is a finding."""


class ConstantCheck(Section):
    """Columns that never change."""

    type: Literal["constant"] = "constant"
    level: Level = "warning"


class GapsCheck(Section):
    """Bars that are not there."""

    type: Literal["gaps"] = "gaps"
    level: Level = "warning"
    calendar: Literal["auto", "always", "weekdays"] | Exchange = "auto"
    """`always`: a bar in each step of time; `weekdays`: none at weekends, and within a day only
    as long as others of the day follow; `auto`: which of them the table itself shows; the code of
    an exchange, such as XNYS or XLON: the days on which it was open (extra `calendars`)."""
    longest: Count = 5
    """Missing bars in a row (within a day) or missing days in a row that are no finding."""


class StaleCheck(Section):
    """A table that ends too early, or with a price that no longer moves."""

    type: Literal["stale"] = "stale"
    level: Level = "warning"
    max_age: dt.timedelta | None = None
    """Longest time from the last row to `data.source.end`, or to now where there is none; null:
    any."""
    repeated: Annotated[int, Field(strict=True, ge=2)] = 10
    """So many equal prices in a row at the end are a finding."""


class OutliersCheck(Section):
    """Returns of prices that are too far from the others."""

    type: Literal["outliers"] = "outliers"
    level: Level = "warning"
    columns: tuple[str, ...] = ()
    """Further columns, whose values themselves are looked at."""
    method: Literal["zscore", "iqr"] = "zscore"
    """`zscore`: distance from the median in deviations (1.4826 times the median distance from it,
    which a few outliers do not move); `iqr`: distance from the nearer quartile in quartile
    distances."""
    threshold: PositiveFloat = 30.0
    """A larger distance is a finding."""


class PricesCheck(Section):
    """Bars that cannot be: low above high, open or close outside, negative volume."""

    type: Literal["prices"] = "prices"
    level: Level = "error"
    tolerance: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1e-6
    """Share of the price that rounding may account for."""


class SplitsCheck(Section):
    """Jumps of a price as a split of the share makes them: to a half, a third, ten times."""

    type: Literal["splits"] = "splits"
    level: Level = "warning"
    tolerance: Portion = 0.02
    """How near the jump must be to such a number, or four times the usual move, if that is more."""


class DriftCheck(Section):
    """The latest features against the past: unusual by the standard of that past itself.

    The latest rows are compared with all before them, and so is every earlier stretch of as many
    rows; a feature has drifted when its distance is above a quantile of the earlier ones.
    """

    type: Literal["drift"] = "drift"
    level: Level = "off"
    statistic: Literal["ks", "psi"] = "ks"
    """Kolmogorov and Smirnov's distance, or the population stability index of ten bins."""
    rows: Positive = 63
    """The latest, that are compared; all that the champion has not seen, where they are more."""
    quantile: Quantile = 0.975
    features: Portion = 0.4
    """The share of features that must have drifted."""


class RevisedCheck(Section):
    """Rows that an earlier run of the same name saw already, with other values now."""

    type: Literal["revised"] = "revised"
    level: Level = "warning"


class SchemaCheck(Section):
    """A schema of the user's own, written with pandera (extra `pandera`)."""

    type: Literal["schema"] = "schema"
    level: Level = "error"
    schema_name: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
    """`module:name` of a DataFrameSchema, or of a DataFrameModel."""


class LeakageCheck(Section):
    """Features that change when later rows do; tried out on a sample of the rows."""

    type: Literal["leakage"] = "leakage"
    level: Level = "error"
    rows: Annotated[int, Field(strict=True, ge=20)] = 256
    """Of the sample; more where features look back further."""


Check = Annotated[
    Annotated[MissingCheck, Tag("missing")]
    | Annotated[ConstantCheck, Tag("constant")]
    | Annotated[GapsCheck, Tag("gaps")]
    | Annotated[StaleCheck, Tag("stale")]
    | Annotated[OutliersCheck, Tag("outliers")]
    | Annotated[PricesCheck, Tag("prices")]
    | Annotated[SplitsCheck, Tag("splits")]
    | Annotated[DriftCheck, Tag("drift")]
    | Annotated[RevisedCheck, Tag("revised")]
    | Annotated[LeakageCheck, Tag("leakage")]
    | Annotated[SchemaCheck, Tag("schema")],
    by_type(
        "check",
        (
            *("missing", "constant", "gaps", "stale", "outliers"),
            *("prices", "splits", "drift", "revised", "leakage", "schema"),
        ),
    ),
]

DEFAULTS: tuple[Any, ...] = (
    MissingCheck(),
    ConstantCheck(),
    GapsCheck(),
    StaleCheck(),
    OutliersCheck(),
    PricesCheck(),
    SplitsCheck(),
    DriftCheck(),
    RevisedCheck(),
    LeakageCheck(),
)


def with_defaults(given: Iterable[Check]) -> tuple[Check, ...]:
    """One check of each kind: the last given one, or the default."""
    chosen = {check.type: check for check in (*DEFAULTS, *given)}
    return tuple(check for check in chosen.values() if check.level != "off")
