"""The list of callbacks, the default ones, and what is built from a configuration."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from training.artifacts import ArtifactStore
from training.callbacks import (
    CallbackBase,
    CallbackList,
    EarlyStoppingCallback,
    LoggingCallback,
    ModelCheckpointCallback,
    build_callbacks,
)
from training.config.load import parse_config
from training.errors import CallbackError, ConfigError, MetricError
from training.registry import ModelRegistry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from training.callbacks import CheckpointRecord, EpochRecord, ErrorRecord
    from training.run import TrainingResult

    Train = Callable[..., TrainingResult]


class Listener(CallbackBase):
    """Overrides one hook."""

    def __init__(self) -> None:
        self.saved: list[tuple[int, int, str]] = []
        self.errors: list[str] = []

    def identity(self) -> None:
        """It only listens."""

    def on_checkpoint_saved(self, record: CheckpointRecord) -> None:
        self.saved.append((record.checkpoint.epoch, record.checkpoint.batch, record.reason))

    def on_exception(self, record: ErrorRecord) -> None:
        self.errors.append(str(record.error))


class Broken(CallbackBase):
    def on_epoch_end(self, record: EpochRecord) -> None:
        raise ValueError("on purpose")


class BrokenTwice(Broken):
    def on_exception(self, record: ErrorRecord) -> None:
        raise RuntimeError("again")


def test_only_overridden_hooks_are_bound() -> None:
    listening = CallbackList([Listener(), LoggingCallback(), ModelCheckpointCallback()])
    assert listening.on_batch_begin == ()
    assert listening.on_batch_end == ()
    assert len(listening.on_checkpoint_saved) == 1
    assert len(CallbackList([LoggingCallback(every_n_batches=2)]).on_batch_end) == 1
    assert len(CallbackList([ModelCheckpointCallback(every_n_minutes=1)]).on_batch_end) == 1


def test_early_stopping_and_checkpoints_come_after_all_others() -> None:
    given = [ModelCheckpointCallback(), EarlyStoppingCallback(), Listener(), LoggingCallback()]
    kinds = [type(callback).__name__ for callback in CallbackList(given)]
    expected = ["Listener", "LoggingCallback", "EarlyStoppingCallback", "ModelCheckpointCallback"]
    assert kinds == expected


@pytest.mark.parametrize("given", [Listener, "logging", None])
def test_what_is_no_callback_is_refused(given: object) -> None:
    with pytest.raises(ConfigError, match="is no callback"):
        CallbackList([given])


def test_a_callback_that_fails_is_named_and_the_others_are_told(train: Train) -> None:
    listener = Listener()
    with pytest.raises(CallbackError, match=r"Broken\.on_epoch_end raised ValueError at epoch 1"):
        train(callbacks=[listener, Broken()])
    assert len(listener.errors) == 1


def test_one_that_fails_at_the_failure_is_noted_on_the_first_error(train: Train) -> None:
    with pytest.raises(CallbackError, match="on purpose") as caught:
        train(callbacks=[BrokenTwice()])
    assert "RuntimeError('again')" in "".join(caught.value.__notes__)


def test_a_logged_metric_stands_in_the_history(train: Train) -> None:
    class Logs(CallbackBase):
        def on_epoch_end(self, record: EpochRecord) -> None:
            record.log("twice", 2 * record.metrics["loss"])

    history = train(callbacks=[Logs()]).history
    assert (history["twice"] == 2 * history["loss"]).all()


@pytest.mark.parametrize(("name", "value"), [("loss", 1.0), ("mine", "1"), ("mine", None)])
def test_a_name_that_is_taken_or_no_number_is_refused(train: Train, name: str, value: Any) -> None:  # noqa: ANN401 - wrong on purpose
    class Logs(CallbackBase):
        def on_epoch_end(self, record: EpochRecord) -> None:
            record.log(name, value)

    with pytest.raises(MetricError, match=name):
        train(callbacks=[Logs()])


def test_metrics_cannot_be_changed_by_a_listener(train: Train) -> None:
    class Changes(CallbackBase):
        def on_epoch_end(self, record: EpochRecord) -> None:
            record.metrics["loss"] = 0.0  # type: ignore[index] # on purpose

    with pytest.raises(CallbackError, match="TypeError"):
        train(callbacks=[Changes()])


def test_logging_writes_a_line_an_epoch_and_every_n_batches(
    train: Train, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "progress.log"
    with caplog.at_level(logging.INFO, "training.progress"):
        train(epochs=2, callbacks=[LoggingCallback(every_n_batches=4, file=str(file))])
    lines = [record.getMessage() for record in caplog.records if record.name == "training.progress"]
    assert lines[0].startswith("run model-")
    assert [line.split("  ")[0] for line in lines[1:]] == [
        "epoch 1/2 batch 4/9",
        "epoch 1/2 batch 8/9",
        "epoch 1/2",
        "epoch 2/2 batch 4/9",
        "epoch 2/2 batch 8/9",
        "epoch 2/2",
    ]
    assert len(file.read_text().splitlines()) == len(lines)


def test_logging_every_n_epochs_always_has_the_last(
    train: Train, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "training.progress"):
        train(epochs=5, callbacks=[LoggingCallback(every_n_epochs=2)])
    lines = [record.getMessage() for record in caplog.records if record.name == "training.progress"]
    assert [line.split("  ")[0] for line in lines[1:]] == ["epoch 2/5", "epoch 4/5", "epoch 5/5"]


def test_what_is_not_finite_is_warned_of(train: Train, caplog: pytest.LogCaptureFixture) -> None:
    class Logs(CallbackBase):
        def on_epoch_end(self, record: EpochRecord) -> None:
            record.log("mine", float("nan"))

    train(epochs=1, callbacks=[Logs(), LoggingCallback()])
    assert "epoch 1: not finite: mine" in caplog.text


def test_checkpoints_are_saved_by_the_rules(train: Train) -> None:
    listener = Listener()
    train(
        epochs=5,
        callbacks=[listener],
        checkpoints={"every_n_epochs": 2, "every_n_batches": 6, "keep": []},
    )
    inside = [(epoch, 6, "every 6 batches") for epoch in range(5)]
    between = [
        (0, 0, "the start"),
        (2, 0, "every 2 epochs"),
        (4, 0, "every 2 epochs"),
        (5, 0, "the end"),
    ]
    assert sorted(listener.saved) == sorted(inside + between)


def test_a_checkpoint_every_few_minutes(train: Train) -> None:
    """So few that it is after every batch but the last, which the epoch's own rule follows."""
    listener = Listener()
    train(epochs=1, callbacks=[listener], checkpoints={"every_n_minutes": 1e-9})
    assert [batch for epoch, batch, _ in listener.saved if batch] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_the_best_is_saved_and_registered(train: Train, tmp_path: Path) -> None:
    listener = Listener()
    checkpoints = {"every_n_epochs": None, "save_best": "val_loss", "register": "best"}
    result = train(epochs=4, callbacks=[listener], checkpoints=checkpoints)
    best = [epoch for epoch, _, reason in listener.saved if reason == "best val_loss"]
    registry = ModelRegistry(ArtifactStore(tmp_path / "storage"))
    versions = [registry.get(f"model:{number}") for number in registry.numbers("model")]
    assert [version.card["epoch"] for version in versions] == [*best, 4]
    assert versions[0].metrics["val_loss"] == result.history["val_loss"][best[0]]
    assert result.model["version"] == len(best) + 1


def test_everything_that_was_saved_is_registered(train: Train, tmp_path: Path) -> None:
    train(epochs=4, checkpoints={"every_n_epochs": 2, "register": "all"})
    registry = ModelRegistry(ArtifactStore(tmp_path / "storage"))
    found = [registry.get(f"model:{number}") for number in registry.numbers("model")]
    assert [version.card["epoch"] for version in found] == [2, 4, 4]
    assert found[1].digest == found[2].digest


def test_pruning_keeps_what_any_rule_names(train: Train, tmp_path: Path) -> None:
    keep = [{"type": "latest", "n": 1}, {"type": "every", "n": 3}]
    train(epochs=7, checkpoints={"keep": keep})
    names = sorted(item.name for item in (tmp_path / "storage").glob("runs/*/checkpoints/*"))
    assert names == [f"{epoch:08d}-00000000" for epoch in (0, 3, 6, 7)]


def test_the_configuration_replaces_and_removes_the_logging_callback() -> None:
    def kinds(*callbacks: dict[str, Any]) -> list[str]:
        config = parse_config({"callbacks": list(callbacks)})
        built = build_callbacks(config.callbacks, config.checkpoints)
        return [type(callback).__name__ for callback in built]

    assert kinds() == ["LoggingCallback", "ModelCheckpointCallback"]
    assert kinds({"type": "logging", "every_n_epochs": 5}) == kinds()
    assert kinds({"type": "logging", "enabled": False}) == ["ModelCheckpointCallback"]
    assert kinds({"type": "early_stopping"})[1] == "EarlyStoppingCallback"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("training.callbacks:Nothing", "has no class 'Nothing'"),
        ("nowhere.at.all:Callback", "cannot be imported"),
        ("training.errors:RetrainError", "is no callback"),
        ("training.callbacks:LoggingCallback", "cannot be built"),
    ],
)
def test_a_class_of_the_users_that_does_not_fit_is_said(kind: str, words: str) -> None:
    settings = {} if "RetrainError" in kind else {"x": 1}
    config = parse_config({"callbacks": [{"type": kind, **settings}]})
    with pytest.raises(ConfigError, match=words):
        build_callbacks(config.callbacks, config.checkpoints)


def test_a_module_that_is_not_trusted_is_not_imported() -> None:
    config = parse_config({"callbacks": [{"type": "antigravity:Callback"}]})
    with pytest.raises(ConfigError, match="--trust antigravity"):
        build_callbacks(config.callbacks, config.checkpoints, trusted=frozenset())
