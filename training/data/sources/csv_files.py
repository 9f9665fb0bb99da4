"""CSV: a file, a folder of files, or a glob."""

from __future__ import annotations

import lzma
import warnings
import zlib
from typing import TYPE_CHECKING, Any

from training.data.sources.columns import chosen_columns
from training.data.sources.paths import find_files, without_secrets
from training.data.sources.several import joined
from training.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    from fsspec import AbstractFileSystem

    from training.config.sources import CsvSource, HttpSource
    from training.data.sources.rows import Rows

COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz", ".zip": "zip", ".zst": "zstd"}
ENDINGS = (".csv", *(f".csv{ending}" for ending in COMPRESSIONS))


def read_csv_files(source: CsvSource) -> Rows:
    """The rows of all files, one after the other in the order of their names.

    Raises:
        DataError: no such file, not a table, or a column that was asked for is not there.
    """
    system, names = find_files(source.path, ENDINGS)
    where = without_secrets(source.path)
    frames = [_one(system, name, source, where if len(names) == 1 else name) for name in names]
    return joined(frames, names, where)


def parsed_csv(file: Any, source: CsvSource | HttpSource, where: str, packed: Any = None) -> Any:  # noqa: ANN401 - an open file of any file system
    """The rows of one open file, a DataFrame.

    Args:
        file: binary, at its start, that can be read again.
        source: separator and columns.
        where: the words for the file.
        packed: the compression, None without.

    Raises:
        DataError: it is no table, or a column that was asked for is not there.
    """
    import pandas as pd

    try:
        return _parsed(file, packed, source, where)
    except pd.errors.EmptyDataError:
        raise DataError(f"{where}: is empty; expected a header and rows") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: is not UTF-8 text ({error.reason}); save it as UTF-8") from None
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        reason = str(error).strip().splitlines()[0]
        raise DataError(f"{where}: is no table of equally many fields: {reason}") from None
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"{where}: cannot be read: {error}") from None


def _one(system: AbstractFileSystem, name: str, source: CsvSource, where: str) -> pd.DataFrame:
    packed = next((kind for end, kind in COMPRESSIONS.items() if name.endswith(end)), None)
    try:
        file = system.open(name, "rb")
    except OSError as error:
        raise DataError(f"{where}: cannot be read: {error}") from None
    with file:
        frame: pd.DataFrame = parsed_csv(file, source, where, packed)
    return frame


def _parsed(file: Any, packed: Any, source: CsvSource | HttpSource, where: str) -> pd.DataFrame:  # noqa: ANN401 - as above
    import pandas as pd

    header = pd.read_csv(
        file, sep=source.separator, compression=packed, header=None, nrows=1, dtype=str,
        keep_default_na=False,
    )  # fmt: skip
    file.seek(0)
    names = header.iloc[0].tolist()
    with warnings.catch_warnings():
        # A row with more fields than the header has would be cut off, with a warning only. For
        # the same reason columns are chosen after reading: `usecols` hides rows that are too long.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        frame = pd.read_csv(
            file, sep=source.separator, compression=packed, header=0, names=range(len(names)),
            index_col=False, low_memory=False,
        )  # fmt: skip
    frame.columns = _named(names, frame)
    frame = frame.loc[:, frame.columns != ""]
    return frame[chosen_columns(list(frame.columns), source, where)]


def _named(names: list[str], frame: pd.DataFrame) -> list[str]:
    """The header, where a first column without a name is the index that pandas writes.

    A row counter is no data and stays without a name; anything else can only be times.
    """
    import pandas as pd

    if names[0].strip() or pd.api.types.is_numeric_dtype(frame.dtypes.iloc[0]):
        return names
    return ["time", *names[1:]]
