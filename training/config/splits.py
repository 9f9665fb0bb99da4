"""The section `data.split`: rows for training, for validation and for the test."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal, Self

from pydantic import Field, Tag, model_validator

from training.config.base import IF_SET, Count, Positive, Section, Share
from training.config.choice import by_type

Moment = dt.datetime | dt.date


class _Split(Section):
    """What every split can be asked for."""

    embargo: Count = Field(default=0, json_schema_extra=IF_SET)
    """Rows left out between two parts, besides those whose labels reach over the border."""


class SplitConfig(_Split):
    """Shares of the rows, in their order: training first, then validation, then test."""

    type: Literal["share"] = Field(default="share", json_schema_extra=IF_SET)
    validation: Share = 0.15
    test: Share = 0.15


class DateSplit(_Split):
    """Parts that begin at given times: rows before `validation` are for training."""

    type: Literal["date"] = "date"
    validation: Moment | None = None
    """First time of the validation part; null: there is none."""
    test: Moment | None = None
    """First time of the test part; null: there is none."""


class WalkForwardSplit(_Split):
    """Training on the past, test on what follows, again and again: one such step is a fold."""

    type: Literal["walk_forward"] = "walk_forward"
    folds: Positive = 5
    """How many steps; their test parts follow one another up to the last row."""
    fold: int = Field(default=-1, strict=True)
    """Which of them this training is: 0 is the earliest, -1 the latest."""
    test: Positive | None = None
    """Rows of each test part; null: as many as make all parts equally long."""
    validation: Count = 0
    """Rows between training and test part."""
    train: Positive | None = None
    """Rows of each training part, which then moves along; null: all earlier ones."""

    @model_validator(mode="after")
    def _fold_is_one_of_them(self) -> Self:
        if not -self.folds <= self.fold < self.folds:
            raise ValueError(f"fold = {self.fold}: expected 0 to {self.folds - 1}, or -1, -2, …")
        return self


class KFoldSplit(_Split):
    """One of `folds` parts is the test, the next the validation, all others are for training.

    Rows with a time are cut into parts in their order, and training rows whose labels reach into
    another part are left out on either side. Rows without time are shuffled.
    """

    type: Literal["kfold"] = "kfold"
    folds: Annotated[int, Field(strict=True, ge=3)] = 5
    fold: Count = 0
    """Which part is the test."""
    stratified: bool = False
    """Each class in equal shares in all parts; for rows without time."""
    seed: Count = 0
    """Of the order in which rows without time are dealt."""

    @model_validator(mode="after")
    def _fold_is_one_of_them(self) -> Self:
        if self.fold >= self.folds:
            raise ValueError(f"fold = {self.fold}: expected 0 to {self.folds - 1}")
        return self


Split = Annotated[
    Annotated[SplitConfig, Tag("share")]
    | Annotated[DateSplit, Tag("date")]
    | Annotated[WalkForwardSplit, Tag("walk_forward")]
    | Annotated[KFoldSplit, Tag("kfold")],
    by_type("split", ("share", "date", "walk_forward", "kfold"), default="share"),
]
