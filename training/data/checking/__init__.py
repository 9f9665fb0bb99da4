"""Checks of a table before anything is trained on it: each by itself, none hides another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from training.config import checks as kinds
from training.data.checking import columns, history, prices, schema, times
from training.data.checking.history import seen_rows
from training.data.checking.leakage import Leak, find_leaks, require_causal
from training.data.checking.view import Report, View
from training.errors import RetrainError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from training.data.findings import Findings

__all__ = ["Leak", "Report", "View", "check_table", "find_leaks", "require_causal", "seen_rows"]

VALIDATORS: dict[type[Any], Callable[[Any, View, Report], None]] = {
    kinds.MissingCheck: columns.check_missing_share,
    kinds.ConstantCheck: columns.check_constant,
    kinds.OutliersCheck: columns.check_outliers,
    kinds.PricesCheck: prices.check_prices,
    kinds.SplitsCheck: prices.check_splits,
    kinds.GapsCheck: times.check_gaps,
    kinds.StaleCheck: times.check_stale,
    kinds.RevisedCheck: history.check_revised,
    kinds.SchemaCheck: schema.check_schema,
}
"""Checks of the table itself; those of features come when these are made."""


def check_table(checks: Iterable[kinds.Check], view: View, findings: Findings) -> None:
    """Run the checks of a table; one that fails itself is a finding too.

    Args:
        checks: none of them off.
        view: the table.
        findings: where to say what was found.
    """
    for check in checks:
        validate = VALIDATORS.get(type(check))
        if validate is None:
            continue
        try:
            validate(check, view, Report.of(check, findings))
        except RetrainError as error:
            findings.add(str(error), check=check.type)
        except Exception as error:  # noqa: BLE001 - a check that fails must not hide the others
            findings.add(f"the check {check.type!r} failed itself: {error!r}", check=check.type)
