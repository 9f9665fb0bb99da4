"""One slot of a larger pipeline: rows, features, a retraining, predictions, their publication."""

from __future__ import annotations

import inspect
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.artifacts import ArtifactStore
from training.checkpoints import environment
from training.config.sources import ParquetSource
from training.etl.predict import Mark, marked, predict
from training.etl.publish import check_target, publish_rows
from training.etl.record import SlotOfPipeline, digest
from training.etl.rows import InOrder, extract_rows, transform_rows
from training.etl.tables import FILE, TableRef, is_whole, keep_rows, read_rows_of
from training.imports import import_function
from training.registry import open_registry

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from training.config import RunConfig
    from training.config.pipeline import PipelineConfig
    from training.registry import ModelRegistry, ModelVersion
    from training.retraining import Moment

logger = logging.getLogger("training.etl")


class Pipeline:
    """One slot of a larger pipeline.

    The steps, in order: `check`, `extract`, `transform`; a retraining of `training_config`; then
    `predict`, `publish`, `finish`. Each can be repeated: what an attempt that was killed had done
    is found again, and not done twice. From step to step goes a reference, never a table.

    Attributes:
        config: of the whole.
        store: the storage.
        as_of: the moment that is looked from; None: all that the source has.
        target: the words for where predictions go; there after `check`.
        slot: what the storage knows of it; there after `extract`.
    """

    target: str
    slot: SlotOfPipeline

    def __init__(
        self,
        config: PipelineConfig,
        storage: str | os.PathLike[str] | ArtifactStore,
        *,
        as_of: Moment | None = None,
    ) -> None:
        """Say what is to be done; nothing is read or written."""
        self.config = config
        self.store = storage if isinstance(storage, ArtifactStore) else ArtifactStore(storage)
        self.as_of = as_of

    @property
    def name(self) -> str:
        """Of the pipeline and of the model."""
        return self.config.name

    @property
    def registry(self) -> ModelRegistry:
        """Where the model is."""
        return open_registry(self.store)

    def check(self) -> str:
        """Before all work: is there a way to the target, and the user's function?

        Returns:
            The words for the target.

        Raises:
            InputError: there is not.
        """
        self._function()
        self.target = check_target(self.config.publish)
        return self.target

    def extract(self) -> TableRef:
        """Read the source, keep its rows; or the rows that an unfinished slot began with.

        Raises:
            DataError: the source's rows are wrong, or there are none.
        """
        frame, time = extract_rows(self.config.extract, self.as_of)
        source = self.config.extract.model_dump(mode="json", exclude_defaults=True)
        lineage = {"source": source, "as_of": self._moment, "code": environment()}
        made = keep_rows(self.store, f"{self.name}-rows", frame, time, lineage)
        self.slot = SlotOfPipeline.of(self.store, self.name, self._identity(), made)
        began = self.slot.table("plan")
        if began is None or began == made or not is_whole(self.store, began):
            return made
        logger.info("going on with the rows that slot %s began with", began.slot)
        return began

    def transform(self, rows: TableRef) -> TableRef:
        """Make the feature table; without a function it is the rows themselves.

        Raises:
            DataError: the function failed.
        """
        transform = self.config.transform
        if transform is None:
            return rows
        began = self.slot.table("features")
        if began is not None and is_whole(self.store, began):
            return began
        given = InOrder(read_rows_of(self.store, rows), rows.time)
        frame, time = transform_rows(transform, given)
        lineage = {
            "rows": rows.path,
            "transform": transform.model_dump(mode="json"),
            "code": environment(),
        }
        made = keep_rows(self.store, f"{self.name}-features", frame, time, lineage)
        self.slot.note_features(made)
        return made

    def training_config(self, features: TableRef) -> RunConfig:
        """The configuration of the retraining: of this feature table."""
        path = self.store.location(features.path, FILE)
        source = ParquetSource(path=path, time_column=features.time)
        config = self.config.retrain
        data = config.data.model_copy(update={"source": source})
        return config.model_copy(update={"data": data})

    def champion(self) -> ModelVersion | None:
        """The version that predicts; None: none was promoted yet."""
        number = self.registry.alias(self.name, self.config.retrain.promotion.alias)
        return None if number is None else self.registry.get(f"{self.name}:{number}")

    def predict(self, features: TableRef, version: ModelVersion) -> tuple[TableRef, Mark]:
        """Predictions of a version for the newest rows, kept; and which publication they are.

        Raises:
            DataError: the model has expired, or does not fit.
        """
        trusted = self.config.retrain.custom_modules()
        source = self.store.location(features.path, FILE)
        model = (self.registry, version, trusted)
        frame = predict(model, source, self.config.score, self.as_of)
        rows, mark = marked(frame, version, features.slot)
        lineage = {"features": features.path, "model": str(version), "digest": version.digest}
        time = features.time if features.time in rows.columns else None
        return keep_rows(self.store, f"{self.name}-predictions", rows, time, lineage), mark

    def is_published(self, mark: Mark) -> bool:
        """Whether the slot is finished, with this very publication."""
        outcome = self.slot.outcome
        return outcome is not None and outcome["publication"] == mark.publication

    def publish(self, predictions: TableRef, mark: Mark) -> bool:
        """Put the predictions where they belong, in the place of what the slot had.

        Returns:
            False: they were there already.

        Raises:
            DataError: they do not fit there.
            StorageError: the place refused or failed; what was there stands.
        """
        rows = read_rows_of(self.store, predictions)
        return publish_rows(self.config.publish, rows, mark)

    def finish(self, outcome: dict[str, Any]) -> None:
        """The slot is finished."""
        self.slot.finish(outcome)

    def _function(self) -> Callable[..., Any] | None:
        transform = self.config.transform
        return None if transform is None else import_function(transform.type)

    def _identity(self) -> str:
        """What can change the result, the code of the user's function with it."""
        config, function = self.config, self._function()
        file = None if function is None else inspect.getsourcefile(inspect.unwrap(function))
        return digest(
            [
                config.extract.model_dump(mode="json"),
                None if config.transform is None else config.transform.model_dump(mode="json"),
                "" if file is None else digest(Path(file).read_text()),
                config.retrain.identity(),
                config.score.model_dump(mode="json"),
            ]
        )

    @property
    def _moment(self) -> str | None:
        return None if self.as_of is None else self.as_of.isoformat()
