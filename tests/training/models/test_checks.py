"""Arrays and states that do not fit, and what is said about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from training.config import MlpConfig, SgdConfig, TrainingConfig
from training.errors import ConfigError, DataError
from training.models import Model, ModelFactory
from training.types import Batch, ModelSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.types import Array, TaskKind

    MakeBatch = Callable[..., Batch]

SPEC = ModelSpec(4)
X = np.ones((6, 4), np.float32)
Y = np.ones(6, np.float32)


def build(spec: ModelSpec = SPEC, **training: Any) -> Model:  # noqa: ANN401 - of any section
    return ModelFactory().get_model(MlpConfig(hidden=(3,)), spec, TrainingConfig(**training))


WRONG_INPUTS = [
    (np.ones((6, 5), np.float32), r"shape \(6, 5\) and dtype float32; expected .*\(rows, 4\)"),
    (np.ones(4, np.float32), r"shape \(4,\)"),
    (np.ones((6, 2, 2), np.float32), r"shape \(6, 2, 2\).*x\.reshape\(len\(x\), -1\)"),
    (np.ones((6, 4)), r"dtype float64; expected a C-contiguous float32.*astype\('float32'\)"),
    (np.ones((4, 6), np.float32).T, r"not contiguous.*np\.ascontiguousarray"),
    (np.ones((6, 8), np.float32)[:, ::2], r"not contiguous"),
    ([[1.0] * 4] * 6, r"inputs are a list"),
    (pd.DataFrame(X), r"inputs are a DataFrame"),
]


@pytest.mark.parametrize(("x", "said"), WRONG_INPUTS)
@pytest.mark.parametrize("warm", [False, True])
def test_wrong_inputs(x: Array, said: str, warm: bool) -> None:
    """They are found on the first batch, and when batches of that size have gone before."""
    model = build()
    if warm:
        model.train_on_batch(Batch(X, Y))
    before = model.state_dict()["optimizer"]["step"]
    for use in (model.train_on_batch, model.evaluate_on_batch):
        with pytest.raises(DataError, match=said):
            use(Batch(x, Y))
    with pytest.raises(DataError, match=said):
        model.predict(x)
    assert model.state_dict()["optimizer"]["step"] == before


@pytest.mark.parametrize(
    ("y", "said"),
    [
        (np.ones(5, np.float32), r"shape \(5,\); expected float32 targets of shape \(6,\)"),
        (np.ones((6, 2), np.float32), r"shape \(6, 2\)"),
        (np.ones(6), r"dtype float64; expected float32"),
        (np.ones(6, np.int64), r"dtype int64; expected float32"),
        ([1.0] * 6, r"targets are a list"),
    ],
)
def test_wrong_targets(y: Array, said: str) -> None:
    with pytest.raises(DataError, match=said):
        build().train_on_batch(Batch(X, y))


@pytest.mark.parametrize(
    ("weight", "said"),
    [
        (np.ones(5, np.float32), r"shape \(5,\).*shape \(6,\)"),
        (np.ones((6, 1), np.float32), r"shape \(6, 1\)"),
        (np.ones(6), r"dtype float64; expected a float32"),
        ([1.0] * 6, r"dtype list"),
        (np.zeros(6, np.float32), r"sum to 0\.0; expected a sum above 0"),
        (np.full(6, np.nan, np.float32), r"sum to nan"),
    ],
)
def test_wrong_weights(weight: Array, said: str) -> None:
    with pytest.raises(DataError, match=said):
        build().train_on_batch(Batch(X, Y, weight))


def test_a_batch_needs_rows() -> None:
    with pytest.raises(DataError, match=r"without rows"):
        build().train_on_batch(Batch(X[:0], Y[:0]))


@pytest.mark.parametrize(("outputs", "task"), [(1, "binary"), (3, "multiclass")])
@pytest.mark.parametrize(
    ("bad", "dtype"),
    [(3, "float32"), (-1, "float32"), (0.5, "float32"), (np.nan, "float32"), (3, "i8"), (-1, "i8")],
)
def test_a_target_that_is_no_class(outputs: int, task: TaskKind, bad: float, dtype: str) -> None:
    model = build(ModelSpec(4, outputs, task))
    y = Y.astype(dtype)
    y[2] = bad
    with pytest.raises(DataError, match=rf"1 of 6 targets are no class: {y[2]}; expected"):
        model.train_on_batch(Batch(X, y))


@pytest.mark.parametrize(("outputs", "task"), [(1, "binary"), (3, "multiclass")])
@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.int8])
def test_classes_may_be_integers(
    outputs: int,
    task: TaskKind,
    dtype: type,
    make_batch: MakeBatch,
) -> None:
    spec = ModelSpec(4, outputs, task)
    one, other, batch = build(spec), build(spec), make_batch(spec)
    whole = Batch(batch.x, batch.y.astype(dtype))
    for _ in range(3):
        assert one.train_on_batch(batch) == other.train_on_batch(whole)
    assert np.array_equal(one.predict(batch.x), other.predict(batch.x))


@pytest.mark.parametrize(("outputs", "task"), [(1, "binary"), (1, "regression"), (3, "multiclass")])
def test_targets_may_be_a_column(outputs: int, task: TaskKind, make_batch: MakeBatch) -> None:
    spec = ModelSpec(4, outputs, task)
    batch = make_batch(spec)
    column = Batch(batch.x, batch.y[:, None])
    assert build(spec).train_on_batch(column) == build(spec).train_on_batch(batch)


def changed(state: dict[str, Any], part: str, name: str, value: object) -> dict[str, Any]:
    return {**state, part: {**state[part], name: value}}


@pytest.mark.parametrize(
    ("part", "name", "value", "said"),
    [
        ("weights", "layer0.weight", np.ones((4, 2), np.float32), r"\(4, 2\).*expects.*\(4, 3\)"),
        ("weights", "layer0.weight", np.ones((4, 3)), r"dtype float64.*expects.*float32"),
        ("weights", "layer0.bias", [0.0] * 3, r"layer0\.bias = \[0\.0.*expects of shape \(3,\)"),
        ("weights", "layer9.bias", np.ones(3, np.float32), r"'layer9\.bias'.*expects \['layer0"),
        ("optimizer", "first_moment", np.ones(3, np.float32), r"optimizer\.first_moment of shape"),
        ("optimizer", "extra", 1, r"optimizer \['extra', .*expects \['first_moment'"),
        ("optimizer", "step", -1, r"optimizer\.step = -1; expected a count"),
        ("optimizer", "step", 1.0, r"optimizer\.step = 1\.0"),
        ("optimizer", "step", None, r"optimizer\.step = None"),
    ],
)
def test_a_state_of_another_model_changes_nothing(
    part: str,
    name: str,
    value: object,
    said: str,
) -> None:
    model, other = build(), build(ModelSpec(4, seed=5))
    other.train_on_batch(Batch(X, Y))
    start = model.predict(X)
    with pytest.raises(ConfigError, match=said):
        model.load_state_dict(changed(other.state_dict(), part, name, value))
    assert np.array_equal(model.predict(X), start)
    assert model.state_dict()["optimizer"]["step"] == 0


def test_the_state_of_another_optimizer_is_refused() -> None:
    state = build(optimizer=SgdConfig(momentum=0.9)).state_dict()
    with pytest.raises(ConfigError, match=r"optimizer \['velocity'\].*'first_moment'"):
        build().load_state_dict(state)


@pytest.mark.parametrize("parts", [{}, {"optimizer": {}}, {"weights": {}, "replay": {}}])
def test_a_state_has_known_parts(parts: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="expected 'weights' and"):
        build().load_state_dict(parts)
