"""The section `data`: where rows come from and what becomes of them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from training.config.base import IF_SET, NOT_IDENTITY, Count, Positive, PositiveFloat, Section
from training.config.checks import Check
from training.config.features import Feature, ReturnsFeature, RsiFeature
from training.config.sources import SampleSource, Source
from training.config.splits import Split, SplitConfig
from training.config.targets import DirectionTarget, Target


class MemoryConfig(Section):
    """Where the table of a training is kept; it makes no difference to what comes of it."""

    mode: Literal["auto", "memory", "disk"] = "auto"
    """`disk`: in files that are mapped into memory, for Parquet sources; `auto`: there, if it would
    take more than `limit_gb` in memory."""
    limit_gb: PositiveFloat | None = None
    """Null: half of the memory of this machine."""
    folder: str | None = None
    """Where the files are; they vanish when the process ends. Null: the folder for such files."""
    readers: Count = 2
    """Threads that read batches ahead from a table on disk; 0: none."""


class DataConfig(Section):
    """Where rows come from, and how they become features, targets and parts."""

    source: Source = SampleSource()
    """Where the rows come from."""
    features: tuple[Feature, ...] = (ReturnsFeature(lags=5), RsiFeature())
    """What the model sees, computed from this row and the rows before it."""
    symbol_column: str | None = Field(
        default=None,
        description="Name of the column that says which symbol a row is of, where a table has "
        "several: each is transformed by itself, and parts are cut by time.",
        json_schema_extra=IF_SET,
    )
    weight_column: str | None = Field(
        default=None,
        description="Name of the column with the weight of each row in training, above 0; null: "
        "all count alike. What is held out is measured without weights.",
        json_schema_extra=IF_SET,
    )
    target: Target = DirectionTarget()
    """What the model learns to say."""
    split: Split = SplitConfig()
    """How much is held out."""
    look_back: Positive = Field(
        default=1,
        description="How many rows the model sees at once, one after the other as a single row of "
        "inputs. Models that read sequences have `model.window` instead.",
        json_schema_extra=IF_SET,
    )
    scaler: Literal["standard", "minmax", "robust", "none"] = "standard"
    """How features are scaled, fitted on the training part alone."""
    dtype: Literal["float32", "float64"] = "float32"
    """Precision of features, targets and weights."""
    min_rows: Count = 20
    """Fewer rows than this after features and target is an error."""
    on_duplicates: Literal["error", "last"] = Field(
        default="error", description="Two rows with one timestamp: refuse, or keep the last."
    )
    on_missing: Literal["error", "drop"] = "error"
    """A missing value in a column that is used: refuse, or drop the row."""
    checks: tuple[Check, ...] = Field(
        default=(),
        description="Checks that stand in the place of the default one of their kind.",
        json_schema_extra=NOT_IDENTITY,
    )
    keep: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="Keep the table in the storage, so that an interrupted run goes on with the "
        "rows that it began with; `auto`: where the source may give others (sql, http, yfinance, "
        "functions).",
        json_schema_extra=NOT_IDENTITY,
    )
    memory: MemoryConfig = Field(
        default=MemoryConfig(),
        description="Where the table of a training is kept.",
        json_schema_extra=NOT_IDENTITY,
    )
    check_rows: Count = Field(
        default=10,
        description="How many of the offending rows an error message shows.",
        json_schema_extra=NOT_IDENTITY,
    )
