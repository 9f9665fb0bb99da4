"""Daily prices that come with the package `arch`, of which only the data file is read."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from training.data.sources.columns import chosen_columns
from training.data.sources.rows import Rows
from training.errors import DataError

if TYPE_CHECKING:
    from training.config.sources import SampleSource

INSTALL = "pip install --no-deps arch==8.0.0"


def read_sample(source: SampleSource) -> Rows:
    """Prices of an index, columns in lower snake case: date, open, …, adj_close, volume.

    Raises:
        DataError: the package is not installed, or a column that was asked for is not there.
    """
    import pandas as pd

    where = f"sample {source.name}"
    frame = pd.read_csv(_file(source.name))
    frame.columns = [name.lower().replace(" ", "_") for name in frame.columns]
    frame = frame[chosen_columns(list(frame.columns), source, where)]
    dates = pd.to_datetime(frame["date"], format="%m/%d/%Y")
    return Rows(frame.assign(date=dates), where)


def sample_file(name: str) -> Path | None:
    """Where the package has it; None: the package is not installed."""
    spec = find_spec("arch")  # importing the package would cost 1.5 s and 150 MB
    origin = spec.origin if spec else None
    return None if origin is None else Path(origin).parent / "data" / name / f"{name}.csv.gz"


def _file(name: str) -> Path:
    path = sample_file(name)
    if path is None:
        raise DataError(
            f"sample {name}: is a data file of the package 'arch', which is not installed; "
            f"install it with: {INSTALL}"
        )
    if not path.is_file():
        raise DataError(f"sample {name}: {path} is not there; install the package: {INSTALL}")
    return path
