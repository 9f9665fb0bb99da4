"""Networks, losses, optimizers and states that will not do, and what is said of them."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydantic import ValidationError

from training.config import TorchConfig, TrainingConfig
from training.errors import ConfigError, MetricError
from training.models import ModelFactory
from training.types import Batch, ModelSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    MakeBatch = Callable[..., Batch]

torch = pytest.importorskip("torch", reason="PyTorch is an extra")

from torch import nn  # noqa: E402 - it may not be there

SPEC = ModelSpec(4)


class TwoRows(nn.Module):  # type: ignore[misc] # torch has no types here
    """Gives two numbers, whatever was asked for."""

    def __init__(self, spec: ModelSpec, width: int = 2) -> None:
        super().__init__()
        self.layer = nn.Linear(spec.inputs, width)

    def forward(self, x: Any) -> Any:  # noqa: ANN401 - torch has no types here
        return self.layer(x)


class Complex(nn.Module):  # type: ignore[misc] # torch has no types here
    """Has a weight that no file of ours can hold."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(4, dtype=torch.complex64))


class NoNetwork:
    """Not a module."""


def build(training: dict[str, Any] | None = None, **keys: Any) -> Any:  # noqa: ANN401 - with its inside
    config = TorchConfig.model_validate({"device": "cpu", **keys})
    return ModelFactory().get_model(config, SPEC, TrainingConfig.model_validate(training or {}))


def named(name: str, **keys: Any) -> dict[str, Any]:  # noqa: ANN401 - of a YAML
    return {"network": {"type": f"{__name__}:{name}", **keys}}


@pytest.mark.parametrize(
    ("keys", "training", "said"),
    [
        (named("NoNetwork"), {}, r"is no torch\.nn\.Module"),
        (named("TwoRows", widht=3), {}, r"network\.widht.*did you mean 'width'"),
        (named("Complex"), {}, r"weights\.weight is a tensor of torch\.complex64"),
        ({"network": {"type": "torch.nn:Linear"}}, {}, r"refused by its constructor.*in_features"),
        ({"network": {"type": "torch.nn:Liner"}}, {}, r"has no class 'Liner'; did you mean"),
        ({"loss": {"type": "torch.nn:HuberLoss", "deta": 1}}, {}, r"loss\.deta.*'delta'"),
        ({}, {"optimizer": {"type": "torch.optim:Adagrad", "lambd": 1}}, r"optimizer\.lambd"),
        ({}, {"optimizer": {"type": "torch.optim:Adagrad", "lr_decay": -1}}, r"was refused"),
        (
            {},
            {"schedule": {"type": "torch.optim.lr_scheduler:StepLR", "gama": 1}},
            r"schedule\.gama.*did you mean 'gamma'",
        ),
        ({}, {"schedule": {"type": "plateau", "monitor": "val_lo"}}, r"'val_lo' does not say"),
        ({"device": "cuda:7"}, {}, r"'cuda:7' is not there; use auto or cpu"),
        ({"device": "mps"}, {}, r"'mps' is not there"),
    ],
)
def test_what_will_not_do_is_said_before_training(
    keys: dict[str, Any], training: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        build(training, **keys)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"network": {"type": "lstm"}}, "a lstm needs 'window'"),
        ({"network": {"type": "lsmt"}}, "needs a 'type' that is one of mlp, lstm"),
        ({"network": {"type": "transformer", "width": 9}, "window": 3}, "not a multiple of heads"),
        ({"network": {"type": "mlp", "hiden": [3]}}, "did you mean 'hidden'"),
        ({"device": "gpu"}, "device"),
    ],
)
def test_a_section_that_is_wrong(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TorchConfig.model_validate(keys)


def test_an_output_of_another_shape_is_said(make_batch: MakeBatch) -> None:
    with pytest.raises(ConfigError, match=r"gives \(8, 2\) for 8 rows; expected \(8, 1\)"):
        build(**named("TwoRows")).train_on_batch(make_batch(SPEC))


def test_only_trusted_modules_and_torchs_own_are_imported() -> None:
    def make(network: str) -> object:
        keys = {"in_features": 4, "out_features": 1} if network == "torch.nn:Linear" else {}
        config = TorchConfig.model_validate({"network": {"type": network, **keys}})
        return ModelFactory(trusted=[]).get_model(config, SPEC)

    assert make("torch.nn:Linear")
    with pytest.raises(ConfigError, match=r"not trusted.*--trust"):
        make(f"{__name__}:TwoRows")


@pytest.mark.parametrize(
    ("name", "said"),
    [("Mean", "refused by its constructor.*'reduction'"), ("MeanAlways", "no loss for each row")],
)
def test_a_loss_that_gives_no_loss_for_each_row_takes_no_weights(
    name: str, said: str, make_batch: MakeBatch
) -> None:
    model = build(loss={"type": f"{__name__}:{name}"})
    model.train_on_batch(make_batch(SPEC))
    with pytest.raises(ConfigError, match=said):
        model.train_on_batch(make_batch(SPEC, weighted=True))


class Mean(nn.Module):  # type: ignore[misc] # torch has no types here
    """A loss of one's own that knows no reduction."""

    def forward(self, z: Any, y: Any) -> Any:  # noqa: ANN401 - torch has no types here
        return (z - y).abs().mean()


class MeanAlways(Mean):
    """One that knows it, and does not listen."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()


def test_a_plateau_whose_metric_nobody_measures_is_an_error(make_batch: MakeBatch) -> None:
    model = build({"schedule": {"type": "plateau", "monitor": "val_lossy"}})
    model.end_epoch({"loss": 1.0})  # no validation in this epoch
    with pytest.raises(MetricError, match=r"'val_lossy' is not measured; did you mean 'val_loss'"):
        model.end_epoch({"loss": 1.0, "val_loss": 1.0})


@pytest.mark.parametrize(
    ("training", "keys", "said"),
    [
        ({"optimizer": {"type": "sgd"}}, {}, "another optimizer"),
        ({}, {"ema_decay": 0.9}, "another optimizer, precision or average"),
        ({}, {"precision": "fp16"}, "another optimizer, precision"),
        ({}, {"network": {"hidden": [3]}}, r"weights .*expects"),
    ],
)
def test_the_state_of_another_model_changes_nothing(
    training: dict[str, Any], keys: dict[str, Any], said: str, make_batch: MakeBatch
) -> None:
    other = build(training, **keys)
    other.train_on_batch(make_batch(SPEC))
    model = build()
    start = model.predict(make_batch(SPEC).x)
    with pytest.raises(ConfigError, match=said):
        model.load_state_dict(other.state_dict())
    assert np.array_equal(model.predict(make_batch(SPEC).x), start)


def test_a_device_without_float64_says_so() -> None:
    config = TorchConfig.model_validate({"device": "mps"})
    with pytest.raises(ConfigError, match=r"no float64; set data\.dtype: float32, or cpu"):
        ModelFactory().get_model(config, ModelSpec(4, dtype="float64"))


def test_numpy_models_refuse_what_is_torchs_own() -> None:
    from training.config import MlpConfig

    for training, said in (
        ({"optimizer": {"type": "torch.optim:RMSprop"}}, r"optimizer.*model\.type: torch"),
        ({"schedule": {"type": "plateau"}}, r"schedule.*model\.type: torch"),
    ):
        with pytest.raises(ConfigError, match=said):
            ModelFactory().get_model(MlpConfig(), SPEC, TrainingConfig.model_validate(training))


def test_without_the_library_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from training.models import ModelFactory\n"
        "from training.config import TorchConfig\n"
        "from training.types import ModelSpec\n"
        "ModelFactory().get_model(TorchConfig(), ModelSpec(1))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert "pip install 'prefect-retrain[torch]'" in done.stderr


def test_a_state_in_bfloat16_keeps_its_bits() -> None:
    from training.models.pytorch.tensors import from_tree, to_tree

    tensor = torch.randn(5, generator=torch.Generator().manual_seed(0)).bfloat16()
    tree = to_tree({"a": tensor, "b": (1, {2: tensor})}, "state")
    found = from_tree(tree)
    assert torch.equal(found["a"], tensor)
    assert torch.equal(found["b"][1][2], tensor)
    assert found["a"].data_ptr() != tensor.data_ptr()
