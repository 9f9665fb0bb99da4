"""What every model of the factory promises, the user's own among them."""

from __future__ import annotations

import subprocess
import sys
from copy import deepcopy
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest

from training.artifacts import ArtifactStore, encode
from training.config import (
    AdamConfig,
    CustomModelConfig,
    LinearConfig,
    LogisticConfig,
    MlpConfig,
    ModelConfig,
    SgdConfig,
    SklearnConfig,
    TorchConfig,
    TrainingConfig,
)
from training.config.features import ColumnsFeature
from training.config.model import window_of
from training.config.training import CosineSchedule
from training.data import FeaturePipeline
from training.errors import DataError
from training.models import Model, ModelFactory
from training.registry import ModelRegistry
from training.types import Batch, ModelSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.types import Array, Metrics

    MakeBatch = Callable[..., Batch]


class Ridge:
    """A model of the user's own: linear, with an L2 penalty and a running mean of its gradients."""

    def __init__(self, spec: ModelSpec, penalty: float = 0.1) -> None:
        random = np.random.default_rng(spec.seed)
        self.penalty = penalty
        self.w: Array = random.normal(size=spec.inputs).astype(spec.dtype)
        self.mean: Array = np.zeros_like(self.w)

    def train_on_batch(self, batch: Batch) -> Metrics:
        metrics = self.evaluate_on_batch(batch)
        error = batch.x @ self.w - batch.y
        self.mean = (self.mean + batch.x.T @ error / len(error) + self.penalty * self.w) / 2
        self.w = self.w - self.w.dtype.type(0.05) * self.mean
        return metrics

    def evaluate_on_batch(self, batch: Batch) -> Metrics:
        error = batch.x @ self.w - batch.y
        return {"loss": float(np.mean(error**2)), "mae": float(np.mean(np.abs(error)))}

    def predict(self, x: Array) -> Array:
        prediction: Array = x @ self.w
        return prediction

    def state_dict(self) -> dict[str, Any]:
        return {"weights": {"w": self.w.copy()}, "optimizer": {"mean": self.mean.copy()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.w = state["weights"]["w"].copy()
        if "optimizer" in state:
            self.mean = state["optimizer"]["mean"].copy()


MLP = MlpConfig(hidden=(7, 5))
RIDGE = CustomModelConfig(type=f"{__name__}:Ridge", penalty=0.01)
REGRESSION, BINARY, THREE = (
    ModelSpec(4, 1, "regression"),
    ModelSpec(4, 1, "binary"),
    ModelSpec(4, 3, "multiclass"),
)


def sklearn(estimator: Any, **keys: Any) -> SklearnConfig:  # noqa: ANN401 - of a YAML
    return SklearnConfig.model_validate({"estimator": estimator, **keys})


def network(section: dict[str, Any], **keys: Any) -> TorchConfig:  # noqa: ANN401 - of a YAML
    return TorchConfig.model_validate({"network": section, "device": "cpu", **keys})


RATE = {"learning_rate": "constant", "eta0": 0.05}
LOGISTIC = {"type": "SGDClassifier", "loss": "log_loss", "average": 3, **RATE}
PERCEPTRON = {"type": "MLPRegressor", "hidden_layer_sizes": [5], "learning_rate_init": 0.05}
HISTOGRAM = {"type": "HistGradientBoostingClassifier", "min_samples_leaf": 3}
NETWORKS: list[tuple[str, ModelConfig, ModelSpec]] = [
    ("linear", LinearConfig(), REGRESSION),
    ("linear", LinearConfig(), ModelSpec(4, 3, "regression")),
    ("logistic", LogisticConfig(), BINARY),
    ("logistic", LogisticConfig(), THREE),
    ("mlp", MLP, REGRESSION),
    ("mlp", MLP, ModelSpec(4, 2, "regression")),
    ("mlp", MLP, BINARY),
    ("mlp", MLP, THREE),
    ("tanh", MLP.model_copy(update={"activation": "tanh"}), REGRESSION),
    ("custom", RIDGE, REGRESSION),
]
ESTIMATORS: list[tuple[str, ModelConfig, ModelSpec]] = [
    ("sgd", sklearn("SGDRegressor"), REGRESSION),
    ("sgd", sklearn(LOGISTIC), BINARY),
    ("sgd", sklearn(LOGISTIC), THREE),
    ("votes", sklearn("Perceptron"), THREE),
    ("steps", sklearn("SGDRegressor", steps=["StandardScaler", "Normalizer"]), REGRESSION),
    ("bayes", sklearn("GaussianNB", steps=["MinMaxScaler"]), THREE),
    ("perceptron", sklearn(PERCEPTRON), REGRESSION),
    ("forest", sklearn("RandomForestClassifier", grow_by=3), BINARY),
    ("boosting", sklearn("GradientBoostingRegressor", grow_by=3), REGRESSION),
    ("histogram", sklearn(HISTOGRAM, grow_by=2), THREE),
    ("fit", sklearn("Ridge", steps=["RobustScaler"]), ModelSpec(4, 2, "regression")),
]
TORCH: list[tuple[str, ModelConfig, ModelSpec]] = [
    ("mlp", network({"type": "mlp", "hidden": [7, 5]}), REGRESSION),
    ("mlp", network({"type": "mlp", "hidden": [7, 5]}), ModelSpec(4, 2, "regression")),
    ("gelu", network({"type": "mlp", "hidden": [7], "activation": "gelu"}), BINARY),
    ("mlp", network({"type": "mlp", "hidden": [7, 5]}), THREE),
    ("window", network({"type": "mlp", "hidden": [7]}, window=3), BINARY),
    ("lstm", network({"type": "lstm", "hidden": 6}, window=5), REGRESSION),
    ("average", network({"type": "mlp", "hidden": [7]}, ema_decay=0.5), REGRESSION),
    ("own", network({"type": "torch.nn:Linear", "in_features": 4, "out_features": 1}), BINARY),
    ("huber", network({"type": "mlp"}, loss={"type": "torch.nn:HuberLoss"}), REGRESSION),
]
# What a step measures is not what an evaluation would: dropout, lower precision, parts of a step.
UNLIKE: list[tuple[str, ModelConfig, ModelSpec]] = [
    ("dropout", network({"type": "mlp", "hidden": [7, 5], "dropout": 0.2}), REGRESSION),
    ("gru", network({"type": "gru", "hidden": 6, "layers": 2, "dropout": 0.1}, window=5), THREE),
    ("tcn", network({"type": "tcn", "channels": [5, 6]}, window=6), BINARY),
    ("transformer", network({"type": "transformer", "width": 8}, window=4), REGRESSION),
    ("bf16", network({"type": "mlp", "hidden": [7]}, precision="bf16"), REGRESSION),
    ("fp16", network({"type": "mlp", "hidden": [7]}, precision="fp16"), BINARY),
    ("accumulate", network({"type": "mlp", "hidden": [7]}, accumulate=3), REGRESSION),
]


def cases(kinds: list[tuple[str, ModelConfig, ModelSpec]], needs: str = "numpy") -> list[Any]:
    """Those of NumPy in both precisions, others in turns; left out without their library."""
    missing = pytest.mark.skipif(find_spec(needs) is None, reason=f"{needs} is an extra")
    both: tuple[Literal["float32", "float64"], ...] = ("float32", "float64")
    return [
        pytest.param(
            config,
            replace(spec, dtype=dtype, window=window_of(config)),
            id=f"{config.type}-{name}-{spec.task}{spec.outputs}-{dtype}",
            marks=missing,
        )
        for number, (name, config, spec) in enumerate(kinds)
        for dtype in (both if needs == "numpy" else both[number % 2 : number % 2 + 1])
    ]


GRADIENT = cases(NETWORKS)
ALIKE = [*GRADIENT, *cases(ESTIMATORS, "sklearn"), *cases(TORCH, "torch")]
CASES = [*ALIKE, *cases(UNLIKE, "torch")]
TRAININGS = {
    "adam": TrainingConfig(optimizer=AdamConfig(learning_rate=0.02), clip_norm=0.5),
    "momentum": TrainingConfig(
        optimizer=SgdConfig(learning_rate=0.05, momentum=0.9, weight_decay=0.01),
        schedule=CosineSchedule(warmup_steps=3),
    ),
}

every_model = pytest.mark.parametrize(("config", "spec"), CASES)
every_alike = pytest.mark.parametrize(("config", "spec"), ALIKE)
every_built_in = pytest.mark.parametrize(
    ("config", "spec"), [case for case in CASES if case.values[0] is not RIDGE]
)
every_network = pytest.mark.parametrize(("config", "spec"), GRADIENT)


def build(config: ModelConfig, spec: ModelSpec, training: str = "adam") -> Model:
    planned = replace(spec, epochs=1, batches_per_epoch=20)
    return ModelFactory().get_model(config, planned, TRAININGS[training])


def leaves(tree: Any, path: str = "") -> dict[str, Any]:  # noqa: ANN401 - a state's tree
    if isinstance(tree, list):
        tree = {str(number): item for number, item in enumerate(tree)}
    if not isinstance(tree, dict):
        return {path: tree}
    return {k: v for name in tree for k, v in leaves(tree[name], f"{path}/{name}").items()}


def assert_equal(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Bit for bit, dtypes and types too."""
    first, second = leaves(one), leaves(other)
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert type(value) is type(second[name])
        if isinstance(value, np.ndarray):
            assert value.dtype == second[name].dtype
            assert value.tobytes() == second[name].tobytes(), name
        else:
            assert value == second[name], name


def train(model: Model, spec: ModelSpec, make_batch: MakeBatch, seeds: range) -> list[Metrics]:
    """Batches of changing sizes, the last one small, as at an epoch's end."""
    many, few = (40, 30) if getattr(model, "learns_whole_epochs", False) else (8, 3)
    return [
        model.train_on_batch(make_batch(spec, few if seed % 4 == 3 else many, seed))
        for seed in seeds
    ]


@every_model
def test_follows_the_protocol(config: ModelConfig, spec: ModelSpec) -> None:
    assert isinstance(build(config, spec), Model)


@every_model
def test_metrics_are_plain_floats(
    config: ModelConfig, spec: ModelSpec, make_batch: MakeBatch
) -> None:
    model, batch = build(config, spec), make_batch(spec, rows=40)
    for metrics in (model.train_on_batch(batch), model.evaluate_on_batch(batch)):
        assert set(metrics) == {"loss", "mae" if spec.task == "regression" else "accuracy"}
        assert all(type(value) is float for value in metrics.values())


@every_alike
def test_metrics_are_as_they_were_before_the_step(
    config: ModelConfig, spec: ModelSpec, make_batch: MakeBatch
) -> None:
    """A model that learns from whole epochs at once gives them as they are after it."""
    model, batch = build(config, spec), make_batch(spec, rows=40)
    before = model.evaluate_on_batch(batch)
    trained = model.train_on_batch(batch)
    after = model.evaluate_on_batch(batch)
    expected = after if getattr(model, "learns_whole_epochs", False) else before
    close = 1e-5 if spec.dtype == "float32" else 1e-12
    assert dict(trained) == pytest.approx(dict(expected), rel=close)
    assert after["loss"] != before["loss"]


@every_model
def test_learns(config: ModelConfig, spec: ModelSpec, make_batch: MakeBatch) -> None:
    model = build(config, spec)
    batch = make_batch(spec, rows=40 if getattr(model, "learns_whole_epochs", False) else 8)
    first = model.evaluate_on_batch(batch)["loss"]
    for _ in range(5 if getattr(model, "learns_whole_epochs", False) else 40):
        model.train_on_batch(batch)
    assert model.evaluate_on_batch(batch)["loss"] < 0.9 * first


@every_model
def test_evaluating_and_predicting_change_nothing(
    config: ModelConfig, spec: ModelSpec, make_batch: MakeBatch
) -> None:
    model, plain = build(config, spec), build(config, spec)
    for seed in range(6):
        model.evaluate_on_batch(make_batch(spec, rows=5 + seed, seed=50 + seed))
        model.predict(make_batch(spec, rows=9, seed=60 + seed).x)
        train(model, spec, make_batch, range(seed, seed + 1))
        train(plain, spec, make_batch, range(seed, seed + 1))
    assert_equal(model.state_dict(), plain.state_dict())


@every_model
def test_a_state_goes_round_exactly(
    config: ModelConfig, spec: ModelSpec, make_batch: MakeBatch
) -> None:
    model, other = build(config, spec), build(config, replace(spec, seed=99))
    train(model, spec, make_batch, range(5))
    state = model.state_dict()
    other.load_state_dict(state)
    assert_equal(other.state_dict(), state)
    x = make_batch(spec, rows=6, seed=9).x
    assert np.array_equal(other.predict(x), model.predict(x))


@every_model
def test_a_live_state_is_what_a_copy_is_made_of(
    config: ModelConfig, spec: ModelSpec, make_batch: MakeBatch
) -> None:
    model = build(config, spec)
    if not hasattr(model, "live_state"):
        return
    live = model.live_state()
    train(model, spec, make_batch, range(2))
    assert_equal(live["weights"], model.state_dict()["weights"])
    assert_equal(model.live_state(), model.state_dict())


@every_model
def test_a_captured_state_is_a_copy(
    config: ModelConfig, spec: ModelSpec, make_batch: MakeBatch
) -> None:
    model = build(config, spec)
    train(model, spec, make_batch, range(2))
    captured = model.state_dict()
    kept = deepcopy(captured)
    train(model, spec, make_batch, range(2, 4))
    assert_equal(captured, kept)

    kept = deepcopy(model.state_dict())
    for array in leaves(model.state_dict()).values():
        if isinstance(array, np.ndarray):
            array.fill(0)
    assert_equal(model.state_dict(), kept)


@every_model
def test_a_loaded_state_stays_the_callers(
    config: ModelConfig, spec: ModelSpec, make_batch: MakeBatch
) -> None:
    model = build(config, spec)
    train(model, spec, make_batch, range(2))
    state = model.state_dict()
    untouched = deepcopy(state)
    model.load_state_dict(state)
    train(model, spec, make_batch, range(2, 4))
    assert_equal(state, untouched)


@every_model
def test_two_instances_share_nothing(
    config: ModelConfig, spec: ModelSpec, make_batch: MakeBatch
) -> None:
    one, other = build(config, spec), build(config, spec)
    start = deepcopy(other.state_dict())
    train(one, spec, make_batch, range(3))
    assert_equal(other.state_dict(), start)


@pytest.mark.parametrize("training", TRAININGS)
@every_model
def test_resumed_in_the_middle_it_ends_bit_identical(
    config: ModelConfig, spec: ModelSpec, training: str, make_batch: MakeBatch
) -> None:
    whole = build(config, spec, training)
    train(whole, spec, make_batch, range(6))
    resumed = build(config, replace(spec, seed=99), training)
    resumed.load_state_dict(whole.state_dict())
    ahead = train(whole, spec, make_batch, range(6, 13))
    assert train(resumed, spec, make_batch, range(6, 13)) == ahead
    assert_equal(resumed.state_dict(), whole.state_dict())


@every_model
def test_weights_alone_leave_the_rest(
    config: ModelConfig, spec: ModelSpec, make_batch: MakeBatch
) -> None:
    model, other = build(config, spec), build(config, replace(spec, seed=99))
    train(model, spec, make_batch, range(3))
    train(other, spec, make_batch, range(5))
    (rest,) = other.state_dict().keys() - {"weights"}
    kept = other.state_dict()[rest]
    other.load_state_dict({"weights": model.state_dict()["weights"]})
    assert_equal(other.state_dict()["weights"], model.state_dict()["weights"])
    assert_equal(other.state_dict()[rest], kept)


@every_model
def test_one_row_is_predicted_as_among_many(
    config: ModelConfig, spec: ModelSpec, make_batch: MakeBatch
) -> None:
    model = build(config, spec)
    train(model, spec, make_batch, range(3))
    x = make_batch(spec, rows=2500, seed=3).x
    many = model.predict(x)
    shape = (2500, spec.outputs) if spec.outputs > 1 else (2500,)
    assert many.shape == shape
    assert many.dtype == spec.dtype
    rtol, atol = (1e-5, 1e-6) if spec.dtype == "float32" else (1e-12, 1e-14)
    for row in (0, 1023, 1024, 2047, 2048, 2499):
        alone = model.predict(x[row : row + 1])
        assert alone.shape == (1, *shape[1:])
        assert np.allclose(alone[0], many[row], rtol=rtol, atol=atol)
    assert model.predict(x[:0]).shape == (0, *shape[1:])


@every_model
def test_probabilities_are_probabilities(
    config: ModelConfig, spec: ModelSpec, make_batch: MakeBatch
) -> None:
    """Of a model that has learned, and of one that has not."""
    model = build(config, spec)
    for _ in range(2):
        predictions = model.predict(make_batch(spec, rows=50).x)
        if spec.task != "regression":
            assert ((predictions >= 0) & (predictions <= 1)).all()
        if spec.task == "multiclass":
            assert np.allclose(predictions.sum(axis=1), 1)
        train(model, spec, make_batch, range(2))


@every_network
def test_values_are_not_held_within_0_and_1(
    config: ModelConfig, spec: ModelSpec, make_batch: MakeBatch
) -> None:
    predictions = build(config, spec).predict(make_batch(spec, rows=50).x)
    assert (predictions.min() < 0) == (spec.task == "regression")


@every_network
def test_a_seed_is_one_network(config: ModelConfig, spec: ModelSpec) -> None:
    start = build(config, spec).state_dict()["weights"]
    assert_equal(build(config, spec).state_dict()["weights"], start)
    other = build(config, replace(spec, seed=1)).state_dict()["weights"]
    assert any(not np.array_equal(other[name], start[name]) for name in start)


@every_network
def test_a_seed_is_one_network_in_any_precision(config: ModelConfig, spec: ModelSpec) -> None:
    single = build(config, replace(spec, dtype="float32")).state_dict()["weights"]
    double = build(config, replace(spec, dtype="float64")).state_dict()["weights"]
    for name, array in double.items():
        assert array.dtype == np.float64
        assert np.array_equal(single[name], array.astype(np.float32))


@every_built_in
def test_wrong_arrays_are_clear_errors_and_change_nothing(
    config: ModelConfig, spec: ModelSpec, make_batch: MakeBatch
) -> None:
    model, good = build(config, spec), make_batch(spec)
    start = deepcopy(model.state_dict())
    other = "float64" if spec.dtype == "float32" else "float32"
    wrong = [
        (good._replace(x=good.x[..., :-1]), "inputs of shape"),
        (good._replace(x=good.x[:, None]), "inputs of shape"),
        (good._replace(x=good.x.astype(other)), f"dtype {other}; expected"),
        (good._replace(x=good.x.tolist()), "inputs are a list"),
        (good._replace(y=good.y[:-1]), "targets of shape"),
        (good._replace(y=good.y.tolist()), "targets are a list"),
        (good._replace(y=good.y.astype(complex)), "targets of dtype complex"),
        (good._replace(weight=np.ones(3, spec.dtype)), "weights of shape"),
        (good._replace(weight=np.zeros(8, spec.dtype)), "sum to 0"),
        (Batch(good.x[:0], good.y[:0]), "a batch without rows"),
    ]
    if spec.task != "regression":
        wrong.append((good._replace(y=good.y + 7), "are no class"))
    for batch, said in wrong:
        for use in (model.train_on_batch, model.evaluate_on_batch):
            with pytest.raises(DataError, match=said):
                use(batch)
    assert_equal(model.state_dict(), start)


@every_model
def test_its_state_can_be_stored_and_comes_back(
    config: ModelConfig, spec: ModelSpec, make_batch: MakeBatch, tmp_path: Path
) -> None:
    """As safetensors and JSON, in the middle of a training."""
    model = build(config, spec)
    train(model, spec, make_batch, range(4))
    store = ArtifactStore(tmp_path)
    store.commit("state", {"state.safetensors": encode(model.state_dict())}, {})
    assert_equal(store.read_tree("state", "state.safetensors"), model.state_dict())


FRESH = """
import sys
import numpy as np
from training.artifacts import ArtifactStore
from training.registry import ModelRegistry
from training.registry.load import load_model
store = ArtifactStore(sys.argv[1])
inputs = np.load(sys.argv[2])
registry = ModelRegistry(store)
found = {}
for name in inputs.files:
    found[name] = load_model(registry, name, sys.argv[4:]).model.predict(inputs[name])
np.savez(sys.argv[3], **found)
"""


@pytest.fixture(scope="module")
def predicted_elsewhere(
    tmp_path_factory: pytest.TempPathFactory, make_batch: MakeBatch
) -> dict[str, tuple[Array, Array]]:
    """Predictions of every registered model: in this process, and in a fresh one."""
    folder = tmp_path_factory.mktemp("registry")
    registry = ModelRegistry(ArtifactStore(folder))
    inputs, here = {}, {}
    for number, case in enumerate(CASES):
        config, spec = case.values
        if any(mark.args[0] for mark in case.marks):  # its library is not installed
            continue
        model, name = build(config, spec), f"model{number}"
        for seed in range(3):
            model.train_on_batch(make_batch(spec, 40, seed))
        card = {
            "run_id": name,
            "metrics": {},
            "config": {"model": config.model_dump(mode="json", by_alias=True)},
            "spec": spec.to_json(),
        }
        pipeline = FeaturePipeline([ColumnsFeature(columns=("a",))], "none", "float32")
        registry.save_model(name, model.state_dict()["weights"], pipeline.state_dict(), card)
        inputs[name] = make_batch(spec, 20, 9).x
        here[name] = model.predict(inputs[name])
    np.savez(folder / "inputs.npz", **inputs)  # type: ignore[arg-type] # names that are no flags
    paths = [str(folder), str(folder / "inputs.npz"), str(folder / "found.npz")]
    subprocess.run(
        [sys.executable, "-c", FRESH, *paths, __name__],
        check=True,
        cwd=Path(__file__).parents[3],
        timeout=120,
    )
    found = np.load(folder / "found.npz")
    return {name: (here[name], found[name]) for name in here}


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case.id for case in CASES])
def test_registered_it_predicts_the_same_in_a_fresh_process(
    number: int, predicted_elsewhere: dict[str, tuple[Array, Array]]
) -> None:
    name = f"model{number}"
    if name not in predicted_elsewhere:
        pytest.skip("its library is an extra, and not installed")
    here, there = predicted_elsewhere[name]
    assert here.dtype == there.dtype
    assert here.tobytes() == there.tobytes()
