"""The configuration of the larger pipeline: extract, transform, retrain, score, publish."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, Tag, model_validator

from training.config.base import Positive, Section
from training.config.choice import by_type
from training.config.root import RunConfig
from training.config.sources import FrameSource, SampleSource, Source, one_database

TABLE = r"^([A-Za-z_]\w{0,62}\.)?[A-Za-z_]\w{0,62}$"


class TransformConfig(Section):
    """A function of the user's own, from DataFrame to DataFrame; other keys are its arguments."""

    model_config = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True)

    type: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
    """`module:function`."""

    def settings(self) -> dict[str, Any]:
        """The arguments of the function, besides the table."""
        return dict(self.model_extra or {})


class ScoreConfig(Section):
    """Which rows the champion predicts."""

    rows: Positive | None = 1
    """So many of the newest; null: all."""
    allow_expired: bool = False
    """Use a champion that is older than `retraining.expire_after_days` all the same."""


class SqlTarget(Section):
    """A table of a database, in any that SQLAlchemy has a driver for; made if it is not there."""

    type: Literal["sql"] = "sql"
    url: str | None = None
    """`postgresql+psycopg://host/database`, `sqlite:///predictions.db`; never with a password."""
    url_variable: str | None = None
    """Name of the environment variable that has the URL, in the place of `url`."""
    password_variable: str | None = None
    """Name of the environment variable that has the password."""
    table: Annotated[str, Field(pattern=TABLE)] = "predictions"
    """Its name, with or without its schema: `predictions`, `reports.predictions`."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        one_database(self.url, self.url_variable)
        return self


class FileTarget(Section):
    """A file, which is there whole or not at all."""

    type: Literal["file"] = "file"
    path: str
    """Ends in .parquet or .csv; `{slot}` in it stands for the slot: a file for each."""

    @model_validator(mode="after")
    def _known_ending(self) -> Self:
        if not self.path.endswith((".parquet", ".csv")):
            raise ValueError("expected a name that ends in .parquet or .csv")
        unknown = set(re.findall(r"\{([^}]*)\}", self.path)) - {"slot"}
        if unknown:
            raise ValueError(f"{{{unknown.pop()}}} stands for nothing; known: {{slot}}")
        return self


Target = Annotated[
    Annotated[SqlTarget, Tag("sql")] | Annotated[FileTarget, Tag("file")],
    by_type("place for predictions", ("sql", "file")),
]


class PipelineConfig(Section):
    """The whole configuration of one larger pipeline."""

    extract: Source = SampleSource()
    """Where the rows come from."""
    transform: TransformConfig | None = None
    """What makes the feature table of them; null: the rows as they are."""
    retrain: RunConfig = RunConfig()
    """What is trained on the feature table, and when it is promoted; its name is the pipeline's."""
    score: ScoreConfig = ScoreConfig()
    """Which rows the champion predicts."""
    publish: Target = FileTarget(path="predictions.parquet")
    """Where the predictions go."""

    @property
    def name(self) -> str:
        """Of the pipeline and of the model."""
        return self.retrain.name

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if isinstance(self.extract, FrameSource):
            raise ValueError(  # noqa: TRY004 - the word that pydantic understands
                "extract: a DataFrame cannot be extracted; name a file or a database"
            )
        data = self.retrain.data
        if data.source != SampleSource():  # a form sends what is not filled in, too
            raise ValueError(
                "retrain.data.source is the feature table; where rows come from stands in extract"
            )
        if data.symbol_column is not None:
            raise ValueError(
                f"retrain.data.symbol_column = {data.symbol_column!r}: a retraining is of one "
                "series; choose the rows of one symbol in extract or transform"
            )
        return self
