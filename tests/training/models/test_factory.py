"""From a configuration to a model, and what is said when there is no way."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from training.config import CustomModelConfig, LinearConfig, LogisticConfig, MlpConfig, ModelConfig
from training.errors import ConfigError
from training.models import ModelFactory
from training.types import ModelSpec

if TYPE_CHECKING:
    from training.types import Array, Batch, Metrics, TaskKind


class Whole:
    """Follows the protocol and takes two keys."""

    def __init__(self, spec: ModelSpec, depth: int, learning_rate: float = 0.1) -> None:
        if depth < 1:
            raise ValueError(f"depth = {depth}, expected at least 1")
        self.settings = (spec.inputs, depth, learning_rate)

    def train_on_batch(self, batch: Batch) -> Metrics:
        return self.evaluate_on_batch(batch)

    def evaluate_on_batch(self, batch: Batch) -> Metrics:
        return {"loss": float(np.mean(batch.y))}

    def predict(self, x: Array) -> Array:
        return x[:, 0]

    def state_dict(self) -> dict[str, Any]:
        return {"weights": {}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing to remember."""


class TakesAnything(Whole):
    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - on purpose
        super().__init__(settings["spec"], settings["depth"])


class TakesNoSpec(Whole):
    def __init__(self, depth: int = 1) -> None:
        super().__init__(ModelSpec(1), depth)


class Half:
    """Neither predicts nor loads."""

    load_state_dict = None

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec

    def train_on_batch(self, batch: Batch) -> Metrics:
        return {"loss": float(len(batch.x))}

    def evaluate_on_batch(self, batch: Batch) -> Metrics:
        return {"loss": float(len(batch.x))}

    def state_dict(self) -> dict[str, Any]:
        return {"weights": {}}


def custom(name: str, **keys: Any) -> CustomModelConfig:  # noqa: ANN401 - keys of a YAML
    return CustomModelConfig.model_validate({"type": f"{__name__}:{name}", **keys})


def get(config: ModelConfig, spec: ModelSpec | None = None) -> Any:  # noqa: ANN401 - any model
    return ModelFactory().get_model(config, spec or ModelSpec(3))


def test_a_class_of_the_users_own_gets_the_spec_and_the_keys() -> None:
    model = get(custom("Whole", depth=2, learning_rate=0.5), ModelSpec(7))
    assert model.settings == (7, 2, 0.5)
    assert get(custom("TakesAnything", depth=3)).settings == (3, 3, 0.1)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (custom("Whole", depht=2), r"model\.depht.*did you mean 'depth'"),
        (custom("Whole", spec=2, depth=1), r"model\.spec.*no such key"),
        (custom("Whole"), r"refused.*'depth'"),
        (custom("Whole", depth=0), r"'depth': 0.*refused.*expected at least 1"),
        (custom("TakesNoSpec"), r"takes no 'spec'; expected TakesNoSpec\(spec"),
        (custom("Half"), r"is no model: it has no predict, load_state_dict;"),
        (custom("Whoel", depth=1), r"no class 'Whoel'; did you mean 'Whole'"),
        (CustomModelConfig(type="no_such_module_here:Model"), r"cannot be imported"),
    ],
)
def test_a_class_that_will_not_do_is_said_clearly(config: CustomModelConfig, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        get(config)


def test_only_trusted_modules_are_imported() -> None:
    config, spec = custom("Whole", depth=1), ModelSpec(3)
    assert ModelFactory(trusted=[__name__]).get_model(config, spec)
    with pytest.raises(ConfigError, match=r"not trusted.*--trust"):
        ModelFactory(trusted=[]).get_model(config, spec)


def test_an_unknown_type_gets_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match=r"'mpl': did you mean 'mlp'.*linear, logistic"):
        get(MlpConfig.model_construct(type="mpl"))  # type: ignore[arg-type] # wrong on purpose


@pytest.mark.parametrize(
    ("config", "task", "outputs", "said"),
    [
        (LinearConfig(), "binary", 1, r"'linear' is a regression.*'binary'.*'logistic' or 'mlp'"),
        (LinearConfig(), "multiclass", 3, r"'linear' is a regression"),
        (LogisticConfig(), "regression", 1, r"'logistic' is a classification.*'linear' or 'mlp'"),
        (
            MlpConfig(),
            "binary",
            2,
            r"binary model with 3 inputs and 2 outputs.*1 output for binary",
        ),
        (MlpConfig(), "multiclass", 1, r"multiclass model.*1 outputs"),
        (MlpConfig(), "regression", 0, r"regression model.*0 outputs"),
    ],
)
def test_a_model_that_cannot_learn_the_task_says_the_way_out(
    config: ModelConfig, task: TaskKind, outputs: int, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        get(config, ModelSpec(3, outputs, task))


def test_a_model_without_inputs_is_refused() -> None:
    with pytest.raises(ConfigError, match="0 inputs"):
        get(MlpConfig(), ModelSpec(0))


def test_importing_the_package_imports_no_adapter() -> None:
    heavy = "{'torch', 'sklearn', 'pandas', 'pyarrow', 'training.models.numpy_model'}"
    code = f"import sys, training.models; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
