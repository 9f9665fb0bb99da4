"""Trained through the engine, a network ends as a bare PyTorch loop ends: to the bit."""

from __future__ import annotations

import shutil
import signal
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest

from training.callbacks import CallbackBase
from training.config import DataConfig, TorchConfig, TrainingConfig
from training.data import DataManager, epoch_batches
from training.models import ModelFactory
from training.types import Batch, ModelSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pandas as pd

    from training.callbacks.records import BatchRecord, CheckpointRecord, EpochRecord
    from training.data import Dataset
    from training.run import TrainingResult
    from training.types import Array

    Train = Callable[..., TrainingResult]

torch = pytest.importorskip("torch", reason="PyTorch is an extra")

from torch import nn  # noqa: E402 - it may not be there
from torch.optim import lr_scheduler  # noqa: E402
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn  # noqa: E402

EPOCHS, BATCH, SEED = 3, 32, 1
DATA = {
    "source": {"type": "dataframe"},
    "features": [{"type": "columns"}],
    "target": {"type": "column", "column": "y"},
}
DROPOUT = {"type": "mlp", "hidden": [8], "dropout": 0.25}


def section(**keys: Any) -> dict[str, Any]:  # noqa: ANN401 - of a YAML
    return {"type": "torch", "device": "cpu", "network": DROPOUT, **keys}


class Watch(CallbackBase):
    """Keeps the trained model, and what is set in the process whenever it is called."""

    def __init__(self) -> None:
        self.model: Any = None
        self.outside: set[Any] = set()

    def identity(self) -> None:
        """It changes no result."""

    def on_epoch_begin(self, _: EpochRecord) -> None:
        self.outside.add(process())

    def on_checkpoint_saved(self, _: CheckpointRecord) -> None:
        self.outside.add(process())

    def on_epoch_end(self, record: EpochRecord) -> None:
        self.model = record.model
        self.outside.add(process())


class Draw(Watch):
    """Draws random numbers between the steps."""

    def on_batch_begin(self, _: BatchRecord) -> None:
        torch.rand(3)

    def on_batch_end(self, _: BatchRecord) -> None:
        torch.rand(3)


class Interrupt(CallbackBase):
    """Interrupts after some steps."""

    def __init__(self, at: int) -> None:
        self.at = at

    def identity(self) -> None:
        """It changes no result."""

    def on_batch_end(self, record: BatchRecord) -> None:
        if record.step == self.at:
            record.control.interrupt(signal.SIGINT)


class Signalled(nn.Module):  # type: ignore[misc] # torch has no types here
    """Gets a signal while it calculates."""

    at: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Flatten(), nn.Dropout(0.25), nn.Linear(4, 1))
        self.calls = 0

    def forward(self, x: Any) -> Any:  # noqa: ANN401 - torch has no types here
        self.calls += self.training
        if self.training and self.calls == self.at:
            signal.raise_signal(signal.SIGINT)
        return self.inner(x)


def process() -> tuple[bytes, bool]:
    """What a step takes over from the process, and gives back."""
    return torch.get_rng_state().numpy().tobytes(), torch.are_deterministic_algorithms_enabled()


@pytest.fixture
def dataset(table: pd.DataFrame) -> Dataset:
    return DataManager(DataConfig.model_validate(DATA), frame=table).get_data()


def batches(dataset: Dataset, epoch: int) -> Iterator[tuple[int, Any, Any]]:
    picked = epoch_batches(dataset.train, batch_size=BATCH, seed=SEED, epoch=epoch)
    for number, batch in enumerate(picked):
        yield number, torch.from_numpy(batch.x), torch.from_numpy(batch.y)


def network() -> Any:  # noqa: ANN401 - torch has no types here
    torch.manual_seed(SEED)
    return nn.Sequential(
        nn.Flatten(), nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.25), nn.Linear(8, 1)
    )


def plain(dataset: Dataset) -> Any:  # noqa: ANN401 - torch has no types here
    net = network()
    optimizer = torch.optim.Adam(net.parameters(), 0.001)
    for epoch in range(EPOCHS):
        for _, x, y in batches(dataset, epoch):
            optimizer.zero_grad()
            nn.functional.mse_loss(net(x).squeeze(-1), y).backward()
            optimizer.step()
    return net


def clipped(dataset: Dataset) -> Any:  # noqa: ANN401 - torch has no types here
    """SGD with momentum, clipped, with OneCycleLR after each step."""
    net = network()
    optimizer = torch.optim.SGD(net.parameters(), 0.01, momentum=0.9, weight_decay=0.01)
    steps = EPOCHS * len(list(batches(dataset, 0)))
    schedule = lr_scheduler.OneCycleLR(optimizer, max_lr=0.05, total_steps=steps + 1)
    for epoch in range(EPOCHS):
        for _, x, y in batches(dataset, epoch):
            optimizer.zero_grad()
            nn.functional.mse_loss(net(x).squeeze(-1), y).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 0.5)
            optimizer.step()
            schedule.step()
    return net


def accumulated(dataset: Dataset) -> Any:  # noqa: ANN401 - torch has no types here
    """Four batches a step, RMSprop, a Huber loss, and StepLR after each epoch."""
    net = network()
    optimizer = torch.optim.RMSprop(net.parameters(), lr=0.002, alpha=0.9)
    schedule = lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    loss_of, last = nn.HuberLoss(delta=0.5), len(list(batches(dataset, 0))) - 1
    for epoch in range(EPOCHS):
        optimizer.zero_grad()
        for number, x, y in batches(dataset, epoch):
            (loss_of(net(x).squeeze(-1), y) / 4).backward()
            if number % 4 == 3 or number == last:
                optimizer.step()
                optimizer.zero_grad()
        schedule.step()
    return net


def averaged(dataset: Dataset) -> Any:  # noqa: ANN401 - torch has no types here
    """An exponential moving average of the weights, in bfloat16."""
    net = network()
    average = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    optimizer = torch.optim.AdamW(net.parameters(), 0.01, weight_decay=0.1)
    for epoch in range(EPOCHS):
        for _, x, y in batches(dataset, epoch):
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16):
                loss = nn.functional.mse_loss(net(x).squeeze(-1), y)
            loss.backward()
            optimizer.step()
            average.update_parameters(net)
    return average.module


def scaled(dataset: Dataset) -> Any:  # noqa: ANN401 - torch has no types here
    """Half precision with a scaled loss, clipped."""
    net = network()
    scaler = torch.amp.GradScaler("cpu")
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    for epoch in range(EPOCHS):
        for _, x, y in batches(dataset, epoch):
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.float16):
                loss = nn.functional.mse_loss(net(x).squeeze(-1), y)
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
    return net


ADAM = {"type": "adam", "learning_rate": 0.01}
STEPS = EPOCHS * 9  # batches of 32 in the 70 % of 400 rows
CASES: dict[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
    "plain": (plain, {}, {}),
    "clipped": (
        clipped,
        {},
        {
            "optimizer": {
                "type": "sgd", "learning_rate": 0.01, "momentum": 0.9, "weight_decay": 0.01,
            },
            "clip_norm": 0.5,
            "schedule": {
                "type": "torch.optim.lr_scheduler:OneCycleLR",
                "per": "step",
                "max_lr": 0.05,
                "total_steps": STEPS + 1,
            },
        },
    ),
    "accumulated": (
        accumulated,
        {"accumulate": 4, "loss": {"type": "torch.nn:HuberLoss", "delta": 0.5}},
        {
            "optimizer": {"type": "torch.optim:RMSprop", "learning_rate": 0.002, "alpha": 0.9},
            "schedule": {
                "type": "torch.optim.lr_scheduler:StepLR", "per": "epoch", "step_size": 1,
                "gamma": 0.5,
            },
        },
    ),
    "averaged": (
        averaged,
        {"ema_decay": 0.9, "precision": "bf16"},
        {"optimizer": {**ADAM, "weight_decay": 0.1, "decoupled": True}},
    ),
    "scaled": (scaled, {"precision": "fp16"}, {"optimizer": ADAM, "clip_norm": 1.0}),
}  # fmt: skip
each_case = pytest.mark.parametrize("case", CASES)


@each_case
@pytest.mark.parametrize("kind", [Watch, Draw])
def test_the_weights_are_those_of_the_bare_loop(
    case: str, kind: type[Watch], train: Train, dataset: Dataset
) -> None:
    """With the steps of an epoch in one go, and with a callback that draws between them."""
    by_hand, model, training = CASES[case]
    assert len(list(batches(dataset, 0))) * EPOCHS == STEPS
    watch = kind()
    train(model=section(**model), callbacks=[watch], epochs=EPOCHS, seed=SEED, **training)
    found = watch.model.state_dict()["weights"]
    for name, tensor in by_hand(dataset).state_dict().items():
        assert found[name].tobytes() == tensor.numpy().tobytes(), name


@each_case
@pytest.mark.parametrize("step", [4, 14])
def test_interrupted_in_the_middle_of_an_epoch_it_ends_the_same(
    case: str, step: int, train: Train, tmp_path: Path
) -> None:
    """In the first epoch and in the second; with accumulation, in the middle of a step."""
    _, model, training = CASES[case]
    settings = {"model": section(**model), "epochs": EPOCHS, "seed": SEED, **training}
    whole = train(**settings, storage=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(**settings, callbacks=[Interrupt(step)])
    again = train(**settings)
    assert again.resumed_from == {"epoch": step // 9, "batch": step % 9}
    assert again.model["digest"] == whole.model["digest"]
    assert again.metrics == whole.metrics
    assert again.history.equals(whole.history)


def test_a_signal_among_steps_in_one_go_is_heeded_between_them(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And callbacks, that of the checkpoint too, find the process as it was."""
    settings = {"model": section(network={"type": f"{__name__}:Signalled"}), "epochs": EPOCHS}
    whole = train(**settings, storage=tmp_path / "whole")
    monkeypatch.setattr(Signalled, "at", 13)
    watch = Watch()
    with pytest.raises(KeyboardInterrupt):
        train(**settings, callbacks=[watch])
    assert watch.outside == {process()}
    monkeypatch.undo()
    again = train(**settings)
    assert again.resumed_from == {"epoch": 1, "batch": 4}
    assert again.model["digest"] == whole.model["digest"]


def test_the_plateau_is_fed_with_the_metrics(
    train: Train, dataset: Dataset, tmp_path: Path
) -> None:
    """The rate is lowered after the epochs in which torch's own schedule lowers it."""
    schedule = {"type": "plateau", "factor": 0.5, "patience": 0, "threshold": 0.05}
    settings = {
        "model": section(), "epochs": 8, "schedule": schedule,
        "optimizer": {"type": "adam", "learning_rate": 0.03},
    }  # fmt: skip
    result = train(**settings)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.03)
    expected = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0, threshold=0.05)
    rates = []
    for loss in result.history["val_loss"]:
        expected.step(loss)
        rates.append(optimizer.param_groups[0]["lr"])
    assert result.history["learning_rate"].tolist() == rates
    assert len(set(rates)) > 2
    shutil.rmtree(tmp_path / "storage")
    with pytest.raises(KeyboardInterrupt):
        train(**settings, callbacks=[Interrupt(9 * 5 + 3)])
    assert train(**settings).history.equals(result.history)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_network_learns_and_resumes(train: Train, tmp_path: Path) -> None:
    if shutil.which("g++") is None:
        pytest.skip("torch.compile needs a C++ compiler on the CPU")
    settings = {"model": section(compile=True), "epochs": 2}
    whole = train(**settings, storage=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(**settings, callbacks=[Interrupt(4)])
    assert train(**settings).model["digest"] == whole.model["digest"]
    losses = whole.history["loss"].tolist()
    assert losses[1] < losses[0]


def test_whoever_draws_random_numbers_outside_is_not_touched_and_does_not_touch() -> None:
    config = TorchConfig.model_validate(section())
    random = np.random.default_rng(0)
    batch = Batch(*(random.normal(size=shape).astype("f4") for shape in ((8, 4), (8,))))

    def trained(*, disturb: bool) -> Array:
        model = ModelFactory().get_model(config, ModelSpec(4), TrainingConfig())
        for _ in range(5):
            if disturb:
                torch.rand(3)
            model.train_on_batch(batch)
        weights: Array = model.state_dict()["weights"]["1.weight"]
        return weights

    expected = trained(disturb=False)
    assert trained(disturb=True).tobytes() == expected.tobytes()
    torch.manual_seed(5)
    alone = torch.rand(3)
    torch.manual_seed(5)
    trained(disturb=False)
    assert torch.equal(torch.rand(3), alone)
