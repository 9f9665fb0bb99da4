"""A schema of the user's own, written with pandera, as a check among ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from training.errors import ConfigError, DataError
from training.imports import import_object

if TYPE_CHECKING:
    from training.config.checks import SchemaCheck
    from training.data.checking.view import Report, View


def check_schema(check: SchemaCheck, view: View, report: Report) -> None:
    """All that the schema refuses, at once, each column and rule one finding.

    Raises:
        ConfigError: the schema is not trusted, not there, or no schema.
        DataError: pandera is not installed.
    """
    try:
        from pandera.errors import SchemaErrors
    except ImportError:
        raise DataError(
            "the check 'schema' needs pandera: pip install 'prefect-retrain[pandera]'"
        ) from None
    schema: Any = import_object(check.schema_name, view.trusted)
    if not hasattr(schema, "validate"):
        raise ConfigError(
            f"{check.schema_name!r} is no schema; expected a DataFrameSchema or a DataFrameModel "
            "of pandera.pandas"
        )
    try:
        schema.validate(view.frame, lazy=True)
    except SchemaErrors as error:
        _tell(error.failure_cases, check.schema_name, report)


def _tell(cases: Any, name: str, report: Report) -> None:  # noqa: ANN401 - a table of pandera's
    import pandas as pd

    for (column, rule), found in cases.groupby(["column", "check"], dropna=False, sort=False):
        rows = found[found["index"].notna()]
        if pd.isna(column) or rows.empty:
            report.add(f"the schema {name} refuses {found['failure_case'].iloc[0]!r}: {rule}")
            continue
        index = rows["index"].astype("int64")
        values = pd.Series(rows["failure_case"].to_numpy(), index=index, name=str(column))
        report.add_values(values, f"refused by the schema {name}", f"expected {rule}")
