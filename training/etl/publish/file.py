"""Predictions to a Parquet or CSV file, on a disk or on objects."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from training.data.sources.paths import without_secrets
from training.errors import DataError, InputError, StorageError
from training.scoring.writing import Output

if TYPE_CHECKING:
    import pandas as pd

    from training.config.pipeline import FileTarget
    from training.etl.predict import Mark


def check_file(target: FileTarget) -> str:
    """Require the folder; returns the words for the file.

    Raises:
        DataError: there is none.
    """
    folder = Path(target.path).parent
    if "://" not in target.path and not folder.is_dir():
        raise DataError(f"publish.path = {target.path!r}: there is no folder {folder}; make it")
    return without_secrets(target.path)


def publish_file(target: FileTarget, rows: pd.DataFrame, mark: Mark) -> bool:
    """Write the file, unless it holds this publication."""
    path = target.path.format(slot=mark.slot.replace(":", "").replace(" ", "T"))
    if _holds(path, mark, len(rows)):
        return False
    if "://" not in path:
        _write_here(path, rows, mark)
        return True
    import fsspec

    try:
        with fsspec.open(path, "wb") as file:  # an object is there when it is whole
            file.write(_encoded(rows, path))
    except (OSError, ImportError, ValueError) as error:
        raise StorageError(f"publish.path = {without_secrets(path)!r}: {error}") from None
    return True


def _write_here(path: str, rows: pd.DataFrame, mark: Mark) -> None:
    try:
        with Output(path, mark._asdict()) as output:
            output.write(rows)
    except InputError:
        raise
    except OSError as error:
        raise StorageError(f"publish.path = {path!r}: {error}") from None


def _encoded(rows: pd.DataFrame, path: str) -> bytes:
    buffer = io.BytesIO()
    if path.endswith(".csv"):
        rows.to_csv(buffer, index=False)
    else:
        rows.to_parquet(buffer, index=False)
    return buffer.getvalue()


def _holds(path: str, mark: Mark, rows: int) -> bool:
    """Whether the file has all rows of this publication, and no other; a broken one has not."""
    import pandas as pd
    from pyarrow import ArrowException

    read = pd.read_csv if path.endswith(".csv") else pd.read_parquet
    try:
        found: pd.DataFrame = read(path)
    except (OSError, ValueError, ArrowException, ImportError):
        return False
    said = found.get("publication")
    return said is not None and len(found) == rows and bool((said == mark.publication).all())
