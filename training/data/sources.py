"""Where rows come from. A source reads; what is wrong with what it read is for the checks."""

from __future__ import annotations

from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.config.data import CsvSource, FrameSource, ParquetSource, SampleSource
from training.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from training.config.data import Source

TIME_NAMES = ("date", "time", "timestamp", "datetime")


def read(source: Source, frame: pd.DataFrame | None) -> tuple[pd.DataFrame, str]:
    """The rows of a source, and the words that name it in messages.

    Args:
        source: which.
        frame: what the caller handed over, for a source of type `dataframe`.

    Raises:
        DataError: not there, not readable, or a column that was asked for is missing.
    """
    if isinstance(source, FrameSource):
        return _handed_over(frame), "the DataFrame"
    if isinstance(source, SampleSource):
        return _select(
            _sample(source.name), source, f"sample {source.name}"
        ), f"sample {source.name}"
    return _files(source), source.path


def _handed_over(frame: pd.DataFrame | None) -> pd.DataFrame:
    if frame is None:
        raise DataError(
            "data.source is a DataFrame, but none was handed over; give one to "
            "DataManager(config, frame=…), or name a csv or parquet source"
        )
    return frame.copy()


def _sample(name: str) -> pd.DataFrame:
    import pandas as pd

    spec = find_spec("arch")
    if spec is None or spec.origin is None:
        raise DataError(
            "the packaged sample is a data file of the package 'arch', which is not installed: "
            "pip install --no-deps arch"
        )
    # Only the file is read: importing the package would cost 1.5 s and 150 MB.
    path = Path(spec.origin).parent / "data" / name / f"{name}.csv.gz"
    frame = pd.read_csv(path)
    frame.columns = [column.lower().replace(" ", "_") for column in frame.columns]
    frame["date"] = pd.to_datetime(frame["date"], format="%m/%d/%Y")
    return frame


def _files(source: CsvSource | ParquetSource) -> pd.DataFrame:
    import pandas as pd

    paths = _paths(source)
    one = _read_csv if isinstance(source, CsvSource) else _read_parquet
    frames = [_guarded(one, path, source) for path in paths]
    return pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]


def _guarded(one: Callable[[str, Any], pd.DataFrame], path: str, source: Any) -> pd.DataFrame:  # noqa: ANN401 - either kind of file
    import pandas as pd
    from pyarrow import ArrowException

    try:
        return one(path, source)
    except pd.errors.EmptyDataError:
        raise DataError(f"{path}: is empty; expected a table with a header") from None
    except (pd.errors.ParserError, ArrowException, UnicodeDecodeError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path}: cannot be read as {source.type}: {reason}") from None


def _read_csv(path: str, source: CsvSource) -> pd.DataFrame:
    import pandas as pd

    head = pd.read_csv(path, sep=source.separator, nrows=0)
    chosen = _chosen(list(head.columns), source, path)
    return pd.read_csv(path, sep=source.separator, usecols=chosen)[chosen]


def _read_parquet(path: str, source: ParquetSource) -> pd.DataFrame:
    import fsspec
    import pandas as pd
    import pyarrow.parquet as pq

    with fsspec.open(path, "rb") as file:
        names = pq.ParquetFile(file).schema_arrow.names
    return pd.read_parquet(path, columns=_chosen(list(names), source, path))


def _select(frame: pd.DataFrame, source: SampleSource, path: str) -> pd.DataFrame:
    return frame[_chosen(list(frame.columns), source, path)]


def _chosen(names: list[str], source: Any, path: str) -> list[str]:  # noqa: ANN401 - any source with columns
    """The columns to read: those asked for, and the time column."""
    if source.columns is None:
        return names
    for name in source.columns:
        if name not in names:
            raise DataError(f"{path}: has no column {name!r}; {did_you_mean(name, names)}")
    time = source.time_column or next((n for n in names if n.lower() in TIME_NAMES), None)
    return [name for name in names if name in source.columns or name == time]


def _paths(source: CsvSource | ParquetSource) -> list[str]:
    import fsspec

    system, path = fsspec.core.url_to_fs(source.path)
    endings = (".csv", ".csv.gz") if isinstance(source, CsvSource) else (".parquet", ".pq")
    if system.isdir(path):
        found = sorted(name for name in system.find(path) if name.endswith(endings))
    elif any(letter in path for letter in "*?["):
        found = sorted(system.glob(path))
    else:
        found = [path] if system.exists(path) else []
    if not found:
        raise DataError(f"{source.path}: there is no such file{_nearest(source.path)}")
    return [system.unstrip_protocol(name) if "://" in source.path else name for name in found]


def _nearest(path: str) -> str:
    folder = Path(path).parent
    if "://" in path or not folder.is_dir():
        return ""
    near = get_close_matches(Path(path).name, [item.name for item in folder.iterdir()], n=1)
    return f"; did you mean {folder / near[0]}?" if near else ""
