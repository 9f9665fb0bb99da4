"""Whether a table goes to disk, and whether there is room for it."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import TYPE_CHECKING

from training.config.sources import ParquetSource
from training.data.sources.parquet_files import measure_parquet
from training.errors import DataError

if TYPE_CHECKING:
    from training.config.data import DataConfig, MemoryConfig

GB = 1e9
CELL = 8
COPIES = 3
"""Of a table in memory: as it was read, as numbers, as features."""
SPARE = 1.05


def goes_to_disk(config: DataConfig) -> bool:
    """Whether the configuration, or the size of the source, wants it on disk.

    Raises:
        DataError: it is asked for, and the source is not Parquet, or has several
            symbols or weights.
    """
    memory = config.memory
    if memory.mode == "disk" and config.symbol_column is not None:
        raise DataError(
            "a table of several symbols needs its rows in memory; set data.memory.mode: memory"
        )
    if memory.mode == "disk" and config.weight_column is not None:
        raise DataError(
            "a table with weights of its rows needs them in memory; set data.memory.mode: memory"
        )
    if config.symbol_column is not None or config.weight_column is not None:
        return False
    if not isinstance(config.source, ParquetSource):
        if memory.mode == "disk":
            raise DataError(
                f"data.memory.mode = 'disk' needs a source of type parquet, not "
                f"{config.source.type}; write the table as Parquet first, or leave it out"
            )
        return False
    if memory.mode == "memory":
        return False
    rows, columns = measure_parquet(config.source)
    too_large = rows * columns * CELL * COPIES > _limit(memory)
    return rows > 0 and (memory.mode == "disk" or too_large)


def require_room(needed: float, folder: str) -> None:
    """Refuse to begin what the disk cannot hold.

    Args:
        needed: bytes.
        folder: where they are going to be.

    Raises:
        DataError: naming how much is missing.
    """
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise DataError(f"data.memory.folder = {folder!r}: {error}; name a folder") from None
    if needed * SPARE > free:
        raise DataError(
            f"the table needs {needed * SPARE / GB:.2f} GB in {folder}, where {free / GB:.2f} GB "
            "are free; name a folder with more room in data.memory.folder, or fewer columns in "
            "data.source.columns"
        )


def folder_of(memory: MemoryConfig) -> str:
    """Where the files are."""
    return memory.folder or tempfile.gettempdir()


def _limit(memory: MemoryConfig) -> float:
    if memory.limit_gb is not None:
        return memory.limit_gb * GB
    return 0.5 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
