"""Predictions to a file, which is there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from training.errors import InputError

if TYPE_CHECKING:
    from types import TracebackType

    import pandas as pd

ENDINGS = (".parquet", ".csv")


class Output:
    """A CSV or Parquet file that gets its name when it is complete."""

    def __init__(self, path: str | os.PathLike[str], note: dict[str, str]) -> None:
        """Write beside the name.

        Args:
            path: ends in `.parquet` or `.csv`; what stands there is replaced.
            note: what is written into the metadata of a Parquet file.

        Raises:
            InputError: another ending, or no such folder.
        """
        self.path = Path(path)
        if self.path.suffix not in ENDINGS or not self.path.parent.is_dir():
            raise InputError(
                f"output {str(path)!r}: expected a name that ends in {' or '.join(ENDINGS)}, in a "
                "folder that exists"
            )
        self._note = note
        self._part = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        self._file: Any = None
        self._writer: Any = None

    def __enter__(self) -> Self:
        """Open it."""
        self._file = self._part.open("wb")
        return self

    def write(self, table: pd.DataFrame) -> None:
        """Add rows."""
        import pyarrow as pa

        rows = pa.Table.from_pandas(table, preserve_index=False)
        if self._writer is None:
            rows = rows.replace_schema_metadata(self._note)
            self._writer = self._opened(rows.schema)
        self._writer.write_table(rows.cast(self._writer.schema) if self._is_csv else rows)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give it its name, durably; after an error nothing is left."""
        if self._writer is not None:
            self._writer.close()
        if error is None:
            self._file.flush()
            os.fsync(self._file.fileno())
        self._file.close()
        if error is None:
            self._part.replace(self.path)
        else:
            self._part.unlink()

    @property
    def _is_csv(self) -> bool:
        return self.path.suffix == ".csv"

    def _opened(self, schema: Any) -> Any:  # noqa: ANN401 - pyarrow has no types
        if not self._is_csv:
            import pyarrow.parquet as pq

            return pq.ParquetWriter(self._file, schema)
        import pyarrow as pa
        from pyarrow import csv

        plain = [pa.field(one.name, _plain(one.type)) for one in schema]
        return _CsvRows(csv.CSVWriter(self._file, pa.schema(plain)), pa.schema(plain))


class _CsvRows:
    """A CSV writer that knows its schema."""

    def __init__(self, writer: Any, schema: Any) -> None:  # noqa: ANN401 - pyarrow has no types
        self.schema = schema
        self.write_table, self.close = writer.write_table, writer.close


def _plain(kind: Any) -> Any:  # noqa: ANN401 - pyarrow has no types
    """CSV knows no dictionaries."""
    import pyarrow as pa

    return kind.value_type if pa.types.is_dictionary(kind) else kind
