"""A storage that is copied, as the operating guide says: nothing is lost, nothing is done twice."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from training.artifacts import ArtifactStore
from training.callbacks import CallbackBase
from training.config.load import parse_config
from training.engine import TrainingEngine
from training.registry import ModelRegistry
from training.retraining import Retraining, parse_moment, retrain
from training.run import TrainingRun
from training.upkeep import inspect

if TYPE_CHECKING:
    from pathlib import Path

    from training.callbacks import BatchRecord

CONFIG = parse_config(
    {
        "name": "m",
        "data": {"source": {"type": "sample", "end": "2003-01-01"}},
        "model": {"type": "mlp", "hidden": [4]},
        "training": {"epochs": 2},
        "promotion": {"rules": []},
        "checkpoints": {"every_n_batches": 3},
    }
)
NIGHT = parse_moment("2002-11-29")


class PowerCut(CallbackBase):
    """The end, in the middle of the second epoch."""

    def identity(self) -> None:
        """It changes nothing of the result."""

    def on_batch_end(self, record: BatchRecord) -> None:
        if (record.epoch, record.batch) == (2, 5):
            raise KeyboardInterrupt


def _interrupted(storage: str | Path) -> None:
    run = TrainingRun(CONFIG, storage, callbacks=[PowerCut()])
    with pytest.raises(KeyboardInterrupt):
        TrainingEngine().finish(run)


def _is_whole(storage: str | Path) -> None:
    found = inspect(ArtifactStore(storage))
    assert found.files > 0
    assert not found.damaged
    assert not found.missing


def _goes_on(storage: str | Path, digest: str) -> None:
    """A finished night is seen to be finished, and the interrupted run ends as it would have."""
    again = retrain(Retraining(CONFIG, storage, as_of=NIGHT))
    assert again["status"] == "skipped"
    result = TrainingEngine().finish(TrainingRun(CONFIG, storage))
    assert result.resumed_from is not None
    assert result.model["digest"] == digest
    assert ModelRegistry(ArtifactStore(storage)).alias("m", "champion") == 1


def test_a_copy_is_a_backup_and_an_object_store_a_new_home(tmp_path: Path, bucket_url: str) -> None:
    """A folder that is copied, and one that is moved to S3."""
    import s3fs

    storage = tmp_path / "artifacts"
    assert retrain(Retraining(CONFIG, storage, as_of=NIGHT))["status"] == "promoted"
    _interrupted(storage)
    whole = TrainingEngine().finish(TrainingRun(CONFIG, tmp_path / "whole")).model["digest"]
    shutil.copytree(storage, tmp_path / "backup")
    elsewhere = f"{bucket_url}/{uuid4().hex}"
    s3fs.S3FileSystem(use_listings_cache=False).put(str(storage), elsewhere, recursive=True)
    shutil.rmtree(storage)
    for place in (tmp_path / "backup", elsewhere):
        _is_whole(place)
        _goes_on(place, str(whole))
