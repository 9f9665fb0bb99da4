"""The loop: the order of its events, what it gives back, how it goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from training.artifacts import ArtifactStore
from training.callbacks import CallbackBase, CallbackList
from training.callbacks.base import HOOKS
from training.errors import CallbackError, ConfigError, TrainingError
from training.registry import ModelRegistry
from training.run import RunRecord

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from training.callbacks import BatchRecord, EpochRecord
    from training.run import TrainingResult

    Train = Callable[..., TrainingResult]


class Recorder(CallbackBase):
    """Writes down every hook with what it is about."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.records: list[Any] = []

    def identity(self) -> None:
        """It only listens."""

    def __getattribute__(self, name: str) -> Any:  # noqa: ANN401 - hooks and everything else
        if name not in HOOKS:
            return super().__getattribute__(name)

        def hook(record: Any) -> None:  # noqa: ANN401 - any record
            batch = f" {record.batch}" if hasattr(record, "batch") else ""
            self.calls.append(f"{name} {record.epoch}{batch}")
            self.records.append(record)

        return hook

    def wants(self, hook: str) -> bool:
        return True


class StopAt(CallbackBase):
    """Ends the run at a batch or an epoch."""

    def __init__(self, epoch: int, batch: int | None = None) -> None:
        self.epoch, self.batch = epoch, batch

    def on_batch_end(self, record: BatchRecord) -> None:
        if (record.epoch, record.batch) == (self.epoch, self.batch):
            record.stop("enough")

    def on_epoch_end(self, record: EpochRecord) -> None:
        if record.epoch == self.epoch and self.batch is None:
            record.stop("enough")


class FailOnce(CallbackBase):
    """Raises the first time that an epoch's batch comes by."""

    failed = False

    def __init__(self, epoch: int, batch: int, error: type[BaseException] = OSError) -> None:
        self.at, self.error = (epoch, batch), error

    def identity(self) -> None:
        """It changes no result."""

    def on_batch_end(self, record: BatchRecord) -> None:
        if (record.epoch, record.batch) == self.at and not self.failed:
            self.failed = True
            raise self.error("on purpose")


def test_hooks_are_fired_in_the_documented_order(train: Train) -> None:
    recorder = Recorder()
    train(epochs=2, batch_size=140, callbacks=[recorder])
    epoch = [
        "on_epoch_begin {0}",
        "on_batch_begin {0} 1",
        "on_batch_end {0} 1",
        "on_batch_begin {0} 2",
        "on_batch_end {0} 2",
        "on_validation_begin {0}",
        "on_validation_end {0}",
        "on_epoch_end {0}",
        "on_checkpoint_saved {0}",
    ]
    assert recorder.calls == [
        "on_train_begin 0",
        "on_checkpoint_saved 0",
        *(call.format(1) for call in epoch),
        *(call.format(2) for call in epoch),
        "on_train_end 2",
    ]


def test_a_record_says_what_happened(train: Train) -> None:
    recorder = Recorder()
    result = train(epochs=1, callbacks=[recorder])
    by_hook = dict(zip([call.split()[0] for call in recorder.calls], recorder.records, strict=True))
    assert set(by_hook["on_epoch_end"].metrics) == {"loss", "mae", "val_loss", "val_mae"}
    assert set(by_hook["on_validation_end"].metrics) == {"val_loss", "val_mae"}
    assert set(by_hook["on_batch_end"].metrics) == {"loss", "mae"}
    assert by_hook["on_batch_end"].size == 280 - 8 * 32
    assert by_hook["on_batch_end"].batches == 9
    assert by_hook["on_checkpoint_saved"].checkpoint.uri.startswith(f"runs/{result.run_id}/")
    with pytest.raises(AttributeError):
        by_hook["on_epoch_end"].epoch = 7


def test_the_result_says_everything_that_the_command_prints(train: Train, tmp_path: Path) -> None:
    result = train()
    assert (result.status, result.epochs_completed, result.stopped_early) == ("completed", 3, False)
    assert {"loss", "val_loss", "test_loss"} <= set(result.metrics)
    assert result.model["version"] == 1
    assert result.model["digest"] == result.checkpoint["digest"]
    assert result.resumed_from is None
    assert result.history.index.tolist() == [1, 2, 3]
    assert result.history["val_loss"].notna().all()
    assert result.metrics["val_loss"] == pytest.approx(result.history["val_loss"].iloc[-1])
    assert ArtifactStore(tmp_path / "storage").verify().problems == []


def test_epoch_metrics_are_means_weighted_by_batch_sizes(train: Train) -> None:
    """280 training rows in batches of 32: the last has 24 and counts less."""
    recorder = Recorder()
    result = train(epochs=1, callbacks=[recorder])
    batches = [record for record in recorder.records if hasattr(record, "size")]
    ended = [record for record in batches if record.metrics]
    mean = sum(record.metrics["loss"] * record.size for record in ended) / 280
    assert result.history["loss"].iloc[0] == pytest.approx(mean, rel=1e-12)


def test_the_same_call_again_does_nothing(train: Train, tmp_path: Path) -> None:
    first = train()
    again = train()
    assert (again.status, again.run_id) == ("already-complete", first.run_id)
    assert again.metrics == first.metrics
    assert again.history.equals(first.history)
    assert ModelRegistry(ArtifactStore(tmp_path / "storage")).numbers("model") == [1]


def test_same_seed_same_weights_in_two_storages_and_another_seed_others(
    train: Train, tmp_path: Path
) -> None:
    digests = [train(storage=tmp_path / name, seed=5).model["digest"] for name in "ab"]
    assert digests[0] == digests[1]
    assert train(storage=tmp_path / "c", seed=6).model["digest"] != digests[0]


def test_other_data_and_another_configuration_are_new_runs_that_say_why(
    train: Train, table: pd.DataFrame
) -> None:
    first = train()
    longer = train(epochs=4)
    assert longer.run_id != first.run_id
    assert "training.epochs 3 -> 4" in longer.reason
    more = train(epochs=4, frame=table.iloc[:390])
    assert "data changed (10 fewer rows)" in more.reason
    changed = table.copy()
    changed["a"] += 1.0
    assert train(epochs=4, frame=changed).run_id not in {first.run_id, longer.run_id}


def test_zero_epochs_register_the_untrained_model(train: Train) -> None:
    result = train(epochs=0)
    assert (result.status, result.epochs_completed, result.model["version"]) == ("completed", 0, 1)
    assert len(result.history) == 0
    assert "loss" not in result.metrics
    assert train(epochs=0).status == "already-complete"


@pytest.mark.parametrize("batch", [1, 5, 9])
def test_a_failure_anywhere_in_an_epoch_resumes_bit_for_bit(
    train: Train, tmp_path: Path, batch: int
) -> None:
    """Also with a checkpoint inside the epoch, and with metric sums that were half done."""
    settings = {"epochs": 4, "checkpoints": {"every_n_batches": 4}}
    whole = train(storage=tmp_path / "whole", **settings)
    failing = FailOnce(3, batch)
    with pytest.raises(CallbackError, match=r"FailOnce\.on_batch_end raised OSError at epoch 3"):
        train(callbacks=[failing], **settings)
    resumed = train(callbacks=[failing], **settings)
    assert resumed.model["digest"] == whole.model["digest"]
    assert resumed.history.equals(whole.history)
    assert resumed.metrics == whole.metrics
    assert resumed.resumed_from == {"epoch": 2, "batch": {1: 0, 5: 4, 9: 8}[batch]}
    assert "failed: CallbackError" in resumed.reason


def test_a_run_with_rare_checkpoints_goes_back_to_the_newest(train: Train, tmp_path: Path) -> None:
    settings = {"epochs": 5, "checkpoints": {"every_n_epochs": 3}}
    whole = train(storage=tmp_path / "whole", **settings)
    failing = FailOnce(5, 2)
    with pytest.raises(CallbackError):
        train(callbacks=[failing], **settings)
    resumed = train(callbacks=[failing], **settings)
    assert resumed.resumed_from == {"epoch": 3, "batch": 0}
    assert resumed.redone_epochs == 2
    assert resumed.model["digest"] == whole.model["digest"]


def test_a_damaged_newest_checkpoint_is_skipped(train: Train, tmp_path: Path) -> None:
    whole = train(storage=tmp_path / "whole", epochs=4)
    failing = FailOnce(4, 1)
    with pytest.raises(CallbackError):
        train(epochs=4, callbacks=[failing])
    files = sorted((tmp_path / "storage").glob("runs/*/checkpoints/00000003-*/state.safetensors"))
    data = bytearray(files[0].read_bytes())
    data[len(data) // 2] ^= 1
    files[0].write_bytes(data)
    resumed = train(epochs=4, callbacks=[failing])
    assert resumed.model["digest"] == whole.model["digest"]
    assert resumed.history.equals(whole.history)


def test_a_stop_at_a_batch_ends_the_epoch_there(train: Train) -> None:
    result = train(epochs=5, callbacks=[StopAt(2, 3)])
    assert (result.epochs_completed, result.stop_reason) == (2, "enough")
    assert result.stopped_early
    assert result.history["step"].tolist() == [9, 12]


def test_a_run_that_was_to_stop_and_was_killed_stops_where_it_was_to(
    train: Train, tmp_path: Path
) -> None:
    """The checkpoint in the middle of the epoch says that no batch follows."""

    class SaveAndDie(StopAt):
        dies = False

        def on_batch_end(self, record: BatchRecord) -> None:
            super().on_batch_end(record)
            record.save("as asked")

        def on_validation_begin(self, record: EpochRecord) -> None:
            if self.dies and record.epoch == self.epoch:
                raise KeyboardInterrupt

    whole = train(epochs=5, callbacks=[SaveAndDie(2, 3)], storage=tmp_path / "whole")
    dying = SaveAndDie(2, 3)
    dying.dies = True
    with pytest.raises(KeyboardInterrupt):
        train(epochs=5, callbacks=[dying])
    again = train(epochs=5, callbacks=[SaveAndDie(2, 3)])
    assert again.resumed_from == {"epoch": 1, "batch": 3}
    assert again.stop_reason == "enough"
    assert again.model["digest"] == whole.model["digest"]


def test_a_stop_at_an_epochs_end_ends_the_run_there(train: Train) -> None:
    result = train(epochs=5, callbacks=[StopAt(2)])
    assert (result.epochs_completed, result.stop_reason) == (2, "enough")


def test_a_diverged_model_is_not_registered(train: Train, tmp_path: Path) -> None:
    optimizer = {"type": "sgd", "learning_rate": 1e6}
    with pytest.raises(TrainingError, match="not finite"):
        train(optimizer=optimizer)
    assert ModelRegistry(ArtifactStore(tmp_path / "storage")).names() == []


def test_validation_can_be_rare(train: Train) -> None:
    """Epochs that are not measured have no metric, not a zero; the last is always measured."""
    history = train(epochs=5, validate_every_n_epochs=2).history
    assert history["val_loss"].notna().tolist() == [False, True, False, True, True]


def test_training_on_from_a_finished_run_is_a_new_run_with_a_parent(
    train: Train, tmp_path: Path
) -> None:
    """Five epochs at once and three and then two more give the same weights."""
    first = train(epochs=3)
    longer = train(epochs=5, resume_from=first.run_id)
    straight = train(epochs=5, storage=tmp_path / "straight")
    assert longer.run_id not in {first.run_id, straight.run_id}
    assert longer.history.index.tolist() == [4, 5]
    assert longer.model["digest"] == straight.model["digest"]
    about = RunRecord(ArtifactStore(tmp_path / "storage"), longer.run_id).about()
    assert about["parent"] == first.run_id


def test_training_on_with_another_configuration_is_refused_by_key(train: Train) -> None:
    first = train(epochs=3)
    with pytest.raises(ConfigError, match=r"training\.batch_size 32 -> 16"):
        train(epochs=5, batch_size=16, resume_from=first.run_id)


def test_a_callback_list_replaces_the_defaults(train: Train, tmp_path: Path) -> None:
    """Without the checkpoint callback only the start and the end are saved."""
    recorder = Recorder()
    result = train(callbacks=CallbackList([recorder]))
    saved = [call for call in recorder.calls if call.startswith("on_checkpoint_saved")]
    assert saved == ["on_checkpoint_saved 0", "on_checkpoint_saved 3"]
    assert result.status == "completed"


def test_history_is_read_back_over_many_blocks(train: Train, tmp_path: Path) -> None:
    result = train(epochs=150, batch_size=280, checkpoints={"every_n_epochs": 10})
    assert result.history.index.tolist() == list(range(1, 151))
    blocks = list((tmp_path / "storage").glob("runs/*/history/*"))
    assert len(blocks) == 2
    again = train(epochs=150, batch_size=280, checkpoints={"every_n_epochs": 10})
    assert again.history.equals(result.history)


def test_weights_of_the_registered_version_are_the_final_ones(train: Train, tmp_path: Path) -> None:
    result = train()
    registry = ModelRegistry(ArtifactStore(tmp_path / "storage"))
    weights = registry.weights(registry.get("model"))
    newest = max((tmp_path / "storage").glob("runs/*/checkpoints/*"))
    state = ArtifactStore(tmp_path / "storage").read_tree(
        f"runs/{result.run_id}/checkpoints/{newest.name}", "state.safetensors"
    )
    saved = state["model"]["weights"]  # type: ignore[call-overload, index] # a nested tree
    for name, array in weights.items():
        np.testing.assert_array_equal(array, saved[name])  # type: ignore[index, call-overload] # as above
