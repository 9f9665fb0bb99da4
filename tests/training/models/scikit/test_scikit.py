"""Estimators of scikit-learn: the same as by hand, to the bit, and what is said of the others."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from training.callbacks import CallbackBase
from training.config import DataConfig, SklearnConfig
from training.data import DataManager, epoch_batches
from training.errors import ConfigError, DataError, IntegrityError
from training.models import ModelFactory
from training.types import Batch, ModelSpec

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from training.callbacks.records import BatchRecord
    from training.data import Dataset
    from training.run import TrainingResult
    from training.types import Array

    Train = Callable[..., TrainingResult]
    MakeBatch = Callable[..., Batch]

pytest.importorskip("sklearn", reason="scikit-learn is an extra")

from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.linear_model import Ridge, SGDClassifier, SGDRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler

BINARY = ModelSpec(4, 1, "binary")
DATA = {
    "source": {"type": "dataframe"},
    "features": [{"type": "columns"}],
    "target": {"type": "column", "column": "y"},
}


def section(estimator: Any, **keys: Any) -> dict[str, Any]:  # noqa: ANN401 - of a YAML
    return {"type": "sklearn", "estimator": estimator, **keys}


def build(spec: ModelSpec, estimator: Any, **keys: Any) -> Any:  # noqa: ANN401 - with its inside
    return ModelFactory().get_model(SklearnConfig.model_validate(section(estimator, **keys)), spec)


class Watch(CallbackBase):
    """Keeps the trained estimator."""

    model: Any = None

    def on_batch_end(self, record: BatchRecord) -> None:
        self.model = record.model


class InterruptAt(CallbackBase):
    """A signal arrives after so many batches."""

    def __init__(self, step: int) -> None:
        self.step = step

    def identity(self) -> None:
        """It changes no result."""

    def on_batch_end(self, record: BatchRecord) -> None:
        if record.step == self.step:
            record.control.interrupt(signal.SIGINT)


@pytest.fixture
def dataset(table: pd.DataFrame) -> Dataset:
    return DataManager(DataConfig.model_validate(DATA), frame=table).get_data()


def by_hand(dataset: Dataset, estimator: Any, *steps: Any) -> Any:  # noqa: ANN401 - of scikit-learn
    """Three epochs of partial_fit with the batches of the engine."""
    for epoch in range(3):
        for batch in epoch_batches(dataset.train, batch_size=32, seed=1, epoch=epoch):
            x = batch.x
            for step in steps:
                x = step.partial_fit(x).transform(x)
            estimator.partial_fit(x, batch.y)
    return estimator


def test_partial_fit_through_the_engine_is_partial_fit_by_hand(
    train: Train, dataset: Dataset
) -> None:
    watch, scaler = Watch(), StandardScaler()
    model = section({"type": "SGDRegressor", "average": 20}, steps=["StandardScaler"])
    train(model=model, callbacks=[watch])
    expected = by_hand(dataset, SGDRegressor(average=20, random_state=1), scaler)
    chain = watch.model.chain
    for name in ("coef_", "intercept_", "_standard_coef", "t_"):
        assert np.array_equal(getattr(chain.estimator, name), getattr(expected, name))
    assert np.array_equal(chain.steps[0].var_, scaler.var_)


@pytest.mark.parametrize(("task", "classes"), [("binary", 2), ("multiclass", 3)])
def test_a_classifier_is_told_all_classes_with_its_first_batch(
    task: str, classes: int, train: Train, table: pd.DataFrame
) -> None:
    """As in a loop of partial_fit with `classes`, though no batch has to show them all."""
    frame = table.assign(y=np.arange(len(table)) // 35 % classes)
    target = {"type": "column", "column": "y", "task": task}
    watch, expected = Watch(), SGDClassifier(loss="log_loss", random_state=1)
    data = {"target": target}
    model = section({"type": "SGDClassifier", "loss": "log_loss"})
    train(model=model, callbacks=[watch], data=data, frame=frame)
    part = DataManager(DataConfig.model_validate(DATA | data), frame=frame).get_data().train
    for epoch in range(3):
        for batch in epoch_batches(part, batch_size=32, seed=1, epoch=epoch):
            expected.partial_fit(batch.x, batch.y, classes=np.arange(classes))
    assert np.array_equal(watch.model.chain.estimator.coef_, expected.coef_)
    assert watch.model.predict(part.x).shape[1:] == ((classes,) if classes > 2 else ())


def test_a_perceptron_of_scikit_learn_is_the_one_by_hand(train: Train, dataset: Dataset) -> None:
    watch = Watch()
    train(model=section({"type": "MLPRegressor", "hidden_layer_sizes": [8]}), callbacks=[watch])
    expected = by_hand(dataset, MLPRegressor(hidden_layer_sizes=(8,), random_state=1))
    for ours, theirs in zip(watch.model.chain.estimator.coefs_, expected.coefs_, strict=True):
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize(
    "kind", [RandomForestRegressor, GradientBoostingRegressor, HistGradientBoostingRegressor]
)
def test_growing_through_the_engine_is_warm_start_by_hand(
    kind: Any,  # noqa: ANN401 - a class of scikit-learn
    train: Train,
    dataset: Dataset,
) -> None:
    watch = Watch()
    result = train(model=section(kind.__name__, grow_by=4), callbacks=[watch])
    expected = kind(warm_start=True, random_state=1)
    size = "max_iter" if kind is HistGradientBoostingRegressor else "n_estimators"
    for epoch in (1, 2, 3):
        expected.set_params(**{size: 4 * epoch}).fit(dataset.train.x, dataset.train.y)
    x = dataset.test.x
    assert np.array_equal(watch.model.predict(x), expected.predict(x).astype(np.float32))
    losses = result.history["loss"].tolist()
    assert losses == sorted(losses, reverse=True)
    assert result.rows[-1]["step"] == 3


def test_one_fit_through_the_engine_is_one_fit_by_hand(train: Train, dataset: Dataset) -> None:
    watch = Watch()
    train(model=section({"type": "Ridge", "alpha": 0.5}), callbacks=[watch], epochs=1)
    expected = Ridge(alpha=0.5, random_state=1).fit(dataset.train.x, dataset.train.y)
    assert np.array_equal(watch.model.chain.estimator.coef_, expected.coef_)


@pytest.mark.parametrize(
    "model",
    [
        section({"type": "SGDRegressor", "average": True}, steps=["StandardScaler"]),
        section({"type": "MLPRegressor", "hidden_layer_sizes": [8]}),
    ],
    ids=["sgd", "perceptron"],
)
def test_interrupted_in_the_middle_of_an_epoch_it_ends_the_same(
    model: dict[str, Any], train: Train, tmp_path: Path
) -> None:
    whole = train(model=model, storage=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(model=model, callbacks=[InterruptAt(14)])
    again = train(model=model)
    assert again.resumed_from == {"epoch": 1, "batch": 5}
    assert again.model["digest"] == whole.model["digest"]
    assert again.metrics == whole.metrics


def test_a_run_of_growing_goes_on_after_an_interruption(train: Train, tmp_path: Path) -> None:
    model = section("GradientBoostingRegressor", grow_by=3)
    whole = train(model=model, storage=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(model=model, callbacks=[InterruptAt(2)])
    assert train(model=model).model["digest"] == whole.model["digest"]


def test_weights_of_rows_reach_the_estimator(make_batch: MakeBatch) -> None:
    batch = make_batch(BINARY, rows=20, weighted=True)
    model = build(BINARY, {"type": "SGDClassifier", "loss": "log_loss"})
    model.train_on_batch(batch)
    expected = SGDClassifier(loss="log_loss", random_state=0)
    expected.partial_fit(batch.x, batch.y, classes=[0, 1], sample_weight=batch.weight)
    assert np.array_equal(model.chain.estimator.coef_, expected.coef_)


def test_weights_that_an_estimator_does_not_take_are_an_error(make_batch: MakeBatch) -> None:
    spec = ModelSpec(4)
    batch = make_batch(spec, rows=20, weighted=True)
    with pytest.raises(DataError, match="Lars takes no weights of rows; leave them out"):
        build(spec, "Lars").train_on_batch(batch)


@pytest.mark.parametrize(
    ("estimator", "loss"),
    [({"type": "SGDClassifier", "loss": "log_loss"}, "chances"), ("Perceptron", "votes")],
)
def test_the_loss_of_a_classifier(
    estimator: Any,  # noqa: ANN401 - of a YAML
    loss: str,
    make_batch: MakeBatch,
) -> None:
    """Cross-entropy as scikit-learn's log_loss, or the share of rows that are wrong."""
    from sklearn.metrics import log_loss

    spec, batch = ModelSpec(4, 3, "multiclass"), make_batch(ModelSpec(4, 3, "multiclass"), rows=30)
    model = build(spec, estimator)
    model.train_on_batch(batch)
    found = model.evaluate_on_batch(batch)
    predictions = model.predict(batch.x)
    if loss == "chances":
        assert found["loss"] == pytest.approx(log_loss(batch.y, predictions), rel=1e-6)
    else:
        assert found["loss"] == pytest.approx(1 - found["accuracy"])
        assert set(np.unique(predictions)) == {0, 1}


def test_a_class_that_was_never_seen_has_no_chance() -> None:
    spec = ModelSpec(2, 3, "multiclass")
    random = np.random.default_rng(0)
    x, y = random.random((30, 2)).astype(np.float32), np.arange(30) % 2
    model = build(spec, "RandomForestClassifier", grow_by=2)
    model.train_on_batch(Batch(x, y))
    assert model.predict(x).shape == (30, 3)
    assert not model.predict(x)[:, 2].any()


def test_before_the_first_step_nothing_is_known() -> None:
    x = np.ones((2, 4), np.float32)
    assert build(ModelSpec(4), "SGDRegressor").predict(x).tolist() == [0, 0]
    assert build(BINARY, "GaussianNB").predict(x).tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("spec", "keys", "said"),
    [
        (BINARY, {"estimator": "SGDClasifier"}, r"nothing that.*did you mean 'SGDClassifier'"),
        (BINARY, {"estimator": {"type": "GaussianNB", "prior": 1}}, r"did you mean 'priors'"),
        (BINARY, {"estimator": "Ridge"}, r"'Ridge' is not a classifier.*'binary'"),
        (ModelSpec(4), {"estimator": "GaussianNB"}, r"'GaussianNB' is not a regressor"),
        (BINARY, {"estimator": "KNeighborsClassifier"}, r"_tree is a .*KDTree.*without pickle"),
        (BINARY, {"estimator": "VotingClassifier"}, r"missing.*'estimators'"),
        (BINARY, {"estimator": {"type": "SVC", "C": -1}}, r"'SVC' cannot learn a binary.*'C'"),
        (BINARY, {"estimator": "GaussianNB", "learn": "grow"}, r"cannot learn so; it can: partial"),
        (BINARY, {"estimator": "SVC", "learn": "partial_fit"}, r"it can: fit"),
        (
            BINARY,
            {"estimator": "GaussianNB", "steps": ["PCA"], "learn": "partial_fit"},
            r"with its steps cannot",
        ),
        (ModelSpec(4, epochs=2), {"estimator": "Ridge"}, r"epochs = 2.*set training\.epochs: 1"),
        (BINARY, {"estimator": f"{__name__}:Forgetful"}, r"cannot be resumed exactly"),
        (BINARY, {"estimator": f"{__name__}:Watch"}, r"no estimator of scikit-learn's kind"),
    ],
)
def test_what_will_not_do_is_said_before_training(
    spec: ModelSpec, keys: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        build(spec, **keys)


class Forgetful(SGDClassifier):  # type: ignore[misc] # scikit-learn has no types
    """Keeps its number of steps where no state finds it."""

    steps: dict[int, int] = {}  # noqa: RUF012 - shared on purpose

    def partial_fit(self, x: Array, y: Array, classes: Any = None) -> Any:  # noqa: ANN401 - as there
        self.steps[0] = self.steps.get(0, 0) + 1
        return super().partial_fit(x * self.steps[0], y, classes)


def test_a_class_of_the_users_own_needs_trust() -> None:
    config = SklearnConfig.model_validate(section(f"{__name__}:Forgetful"))
    with pytest.raises(ConfigError, match="not trusted"):
        ModelFactory(trusted=[]).get_model(config, BINARY)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"left": 0}, "whose child is not in the tree"),
        ({"left": 10_000}, "whose child is not in the tree"),
        ({"feature": 4}, "a feature that is not among its 4"),
    ],
)
def test_a_stored_tree_that_leads_astray_is_refused(change: dict[str, int], error: str) -> None:
    from sklearn.tree._tree import NODE_DTYPE

    spec = ModelSpec(4, 1, "binary")
    model = build(spec, "DecisionTreeClassifier")
    random = np.random.default_rng(0)
    model.train_on_batch(Batch(random.random((50, 4)).astype("f4"), random.integers(0, 2, 50)))
    state = model.state_dict()
    tree = state["weights"]["estimator"]["tree_"]
    nodes = np.frombuffer(tree["nodes"].tobytes(), NODE_DTYPE).copy()
    for name, value in change.items():
        nodes[{"left": "left_child"}.get(name, name)][0] = value
    tree["nodes"] = np.frombuffer(nodes.tobytes(), np.uint8)
    with pytest.raises(IntegrityError, match=error):
        model.load_state_dict(state)


@pytest.mark.parametrize(
    "bad",
    [
        {"kind": "attributes", "class": "Popen", "items": {}},
        {"kind": "call", "class": "system", "items": ["true"]},
        {"kind": "again", "number": 99},
        {"kind": "nothing"},
        {"kind": "random_state", "key": np.zeros(3), "rest": [0, 0, 0.0]},
    ],
)
def test_a_state_names_nothing_outside_of_the_closed_table(bad: dict[str, Any]) -> None:
    model = build(BINARY, "GaussianNB")
    with pytest.raises(IntegrityError, match="stored"):
        model.load_state_dict({"weights": {"estimator": {"thing": bad}}})


def test_the_state_of_another_model_is_refused() -> None:
    state = build(BINARY, "GaussianNB", steps=["MinMaxScaler"]).state_dict()
    with pytest.raises(ConfigError, match=r"expects those of \['estimator'\]"):
        build(BINARY, "GaussianNB").load_state_dict(state)


def test_without_the_library_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "from training.models import ModelFactory\n"
        "from training.config import SklearnConfig\n"
        "from training.types import ModelSpec\n"
        "ModelFactory().get_model(SklearnConfig(estimator={'type': 'Ridge'}), ModelSpec(1))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert "pip install 'prefect-retrain[sklearn]'" in done.stderr


def _all_estimators() -> list[str]:
    from sklearn.utils import all_estimators

    return [name for name, _ in all_estimators(["classifier", "regressor"])]


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", _all_estimators())
def test_every_estimator_goes_round_exactly_or_is_refused(name: str) -> None:
    """Whatever scikit-learn has: it trains and comes back, or an error names it."""
    from sklearn.base import is_regressor
    from sklearn.utils import all_estimators

    kind = dict(all_estimators())[name]
    needs = {"estimator": Ridge(), "estimators": []}
    given = {key: needs[key] for key in needs if key in kind._get_param_names()}
    spec = ModelSpec(4) if is_regressor(kind(**given)) else BINARY
    said: str | None = None
    try:
        build(spec, name)
    except ConfigError as error:
        said = str(error)
    assert said is None or name in said
