"""Data-parallel training: torch's DistributedDataParallel, led by the process of rank 0.

The leading process has a `SideBySide` in place of a `TorchModel`. Before its first step it sends
section, task and state to the helpers, which build the same model. With each step it sends the
batch; every process learns from its share of the rows, and the gradients are averaged, by the
rows' weights, so that the step is that of the whole batch. What the helpers' random generators
remember is gathered into the leading process's state, so that a checkpoint resumes exactly with as
many processes.
"""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import numpy as np
from pydantic import TypeAdapter

from training.config.networks import TorchConfig
from training.config.training import TrainingConfig
from training.models.pytorch.group import Group
from training.models.pytorch.model import TorchModel
from training.types import Batch, ModelSpec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from training.types import Array, Metrics

_LEADING: WeakSet[SideBySide] = WeakSet()
_END, _BUILD, _STEP, _RANDOM, _EPOCH = range(5)


class SideBySide:
    """The model of the leading process.

    Attributes:
        model: its own share of the work, and all of the evaluation.
    """

    def __init__(
        self, model: TorchModel, sections: tuple[TorchConfig, ModelSpec, TrainingConfig]
    ) -> None:
        """Lead with this model, which `sections` describe; helpers hear of it at the first step."""
        self._sections = sections
        self.model = model
        _LEADING.add(self)
        self._group: Group | None = None
        self._others: list[Array] | None = None

    @property
    def learning_rate(self) -> float:
        """The rate of the next step."""
        return self.model.learning_rate

    def train_on_batch(self, batch: Batch) -> Metrics:
        """Take one step together.

        Raises:
            DataError: as `TorchModel.train_on_batch`.
        """
        batch = self.model.feed.checked(batch)
        group = self._group or self._begin()
        group.numbers(_STEP, len(batch.x), int(batch.weight is not None))
        for array in batch:
            if array is not None:
                group.array(np.ascontiguousarray(array))
        return _share_of_step(self.model, group, batch)

    def end_epoch(self, metrics: Metrics) -> None:
        """Tell the schedules, the helpers' too."""
        self.model.end_epoch(metrics)
        if self._group is not None:
            self._group.numbers(_EPOCH, 0, 0)
            self._group.tree({"metrics": dict(metrics)})

    def evaluate_on_batch(self, batch: Batch) -> Metrics:
        """The same numbers without learning."""
        return self.model.evaluate_on_batch(batch)

    def predict(self, x: Array) -> Array:
        """Predictions."""
        return self.model.predict(x)

    def state_dict(self) -> dict[str, Any]:
        """That of the model, with the random state of each helper."""
        state = self.model.state_dict()
        others = self._others
        if self._group is not None:
            self._group.numbers(_RANDOM, 0, 0)
            others = _randoms(self.model, self._group)[1:]
        if others is not None:
            state["training"]["helpers"] = [array.copy() for array in others]
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a state; the helpers get it before the next step."""
        if self._group is not None:
            self._others = self.state_dict()["training"]["helpers"]
        training = dict(state.get("training", {}))
        if training:
            self._others = training.pop("helpers", None)
            state = state | {"training": training}
        self.model.load_state_dict(state)
        self._group = None

    def let_go(self) -> None:
        """The helpers are going."""
        self._group = None
        self.model.stop_sharing()

    def _begin(self) -> Group:
        self._group = group = Group()
        config, spec, training = self._sections
        others = self._others
        if others is None or len(others) != group.size - 1:
            others = []
        group.numbers(_BUILD, 0, 0)
        group.tree(
            {
                "config": config.model_dump(mode="json"),
                "spec": spec.to_json(),
                "training": training.model_dump(mode="json"),
                "state": self.model.state_dict(),
                "helpers": others,
            }
        )
        self.model.share_gradients()
        return group


def help_out(trusted: Collection[str] | None = None) -> dict[str, Any] | None:
    """Do what the leading process says until it ends; SIGINT and SIGTERM are its to answer."""
    group, model = Group(), None
    with _deaf_to_signals():
        while True:
            order, rows, weighted = group.numbers(0, 0, 0)
            if order == _END:
                result: dict[str, Any] | None = group.tree(None)["result"]
                model = None
                group.leave()
                return result
            if order == _BUILD:
                model = _build(group.tree(None), group, trusted)
            elif model is not None:
                _obey(order, model, group, (rows, bool(weighted)))


def release(result: dict[str, Any] | None) -> None:
    """Tell the helpers that the training has ended."""
    group = Group()
    for leading in list(_LEADING):
        leading.let_go()
    group.numbers(_END, 0, 0)
    group.tree({"result": result})
    group.leave()


def _build(told: dict[str, Any], group: Group, trusted: Collection[str] | None) -> TorchModel:
    config = TypeAdapter(TorchConfig).validate_python(told["config"])
    training = TypeAdapter(TrainingConfig).validate_python(told["training"])
    spec = ModelSpec(**told["spec"])
    model = TorchModel(config, spec, training, trusted)
    model.load_state_dict(told["state"])
    if told["helpers"]:
        model.randomness.load_bytes(told["helpers"][group.rank - 1])
    else:
        model.randomness.restart(spec.seed + group.rank)
    model.share_gradients()
    return model


def _obey(order: int, model: TorchModel, group: Group, shape: tuple[int, bool]) -> None:
    if order == _STEP:
        batch = model.feed.empty(*shape)
        for array in batch:
            if array is not None:
                group.array(array)
        _share_of_step(model, group, batch)
    elif order == _RANDOM:
        _randoms(model, group)
    else:
        model.end_epoch(group.tree(None)["metrics"])


def _share_of_step(model: TorchModel, group: Group, batch: Batch) -> Metrics:
    """Every `size`-th row; a process for which none is left looks at the first, for nothing."""
    mine = slice(group.rank, None, group.size) if group.rank < len(batch.x) else slice(0, 1)
    x, y, weight = batch
    own = Batch(x[mine].copy(), y[mine].copy(), None if weight is None else weight[mine].copy())
    whole = float(len(batch.x) if batch.weight is None else batch.weight.sum())
    part = float(len(own.x) if own.weight is None else own.weight.sum())
    share = part / whole if group.rank < len(batch.x) else 0.0
    return model.train_together(own, share, group)


def _randoms(model: TorchModel, group: Group) -> list[Array]:
    return group.gather(model.randomness.to_bytes())


@contextmanager
def _deaf_to_signals() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
