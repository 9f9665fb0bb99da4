"""Which columns of a source are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.config.sources import Source

TIME_NAMES = ("date", "time", "timestamp", "datetime")


def chosen_columns(names: Sequence[str], source: Source, where: str) -> list[str]:
    """The columns to read, in the order of the source: those asked for, and the time column.

    Raises:
        DataError: a name that stands twice, or one that was asked for and is not there.
    """
    double = [name for name in dict.fromkeys(names) if list(names).count(name) > 1]
    missing = [name for name in source.columns or () if name not in names]
    findings = [f"{where}: has two columns {name!r}; rename one" for name in double]
    findings += [f"{where}: {missing_column(name, names)}" for name in missing]
    if findings:
        raise DataError("\n".join(findings))
    if source.columns is None:
        return list(names)
    time = time_name(names, source.time_column)
    return [name for name in names if name in source.columns or name == time]


def time_name(names: Sequence[str], given: str | None) -> str | None:
    """The name of the time column: the given one, or the first that is called like one."""
    if given is not None:
        return given
    return next((name for name in names if name.lower() in TIME_NAMES), None)


def missing_column(name: str, names: Sequence[str]) -> str:
    """What to say of a column that is not there: the nearest name, whatever its case."""
    same = next((one for one in names if one.lower() == name.lower()), None)
    hint = f"did you mean {same!r}?" if same else did_you_mean(name, names)
    packed = next((mark for mark in ";\t|" if len(names) == 1 and mark in names[0]), None)
    if packed:
        hint = f"its only column is {names[0]!r}: set data.source.separator to {packed!r}"
    return f"has no column {name!r}; {hint}"
