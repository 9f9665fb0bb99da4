"""The key `deterministic`: which algorithms torch may take in a model's steps, and nowhere else."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from training.config import TorchConfig
from training.errors import ConfigError
from training.models import ModelFactory
from training.types import Batch, ModelSpec

torch = pytest.importorskip("torch", reason="PyTorch is an extra")

from torch import nn  # noqa: E402 - it may not be there

if TYPE_CHECKING:
    from collections.abc import Iterator

    Settings = tuple[int, bool, bool]

SPEC = ModelSpec(4)
RANDOM = np.random.default_rng(0)
BATCH = Batch(RANDOM.normal(size=(8, 4)).astype("f4"), RANDOM.normal(size=8).astype("f4"))


class Unpooled(nn.Module):  # type: ignore[misc] # torch has no types here
    """Has an operation of which torch has no deterministic algorithm, on any device."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 1)

    def forward(self, x: Any) -> Any:  # noqa: ANN401 - torch has no types here
        pooled, places = nn.functional.max_pool1d(x.reshape(-1, 1, 4), 2, return_indices=True)
        return self.layer(nn.functional.max_unpool1d(pooled, places, 2).reshape(-1, 4))


class Watching(nn.Module):  # type: ignore[misc] # torch has no types here
    """Notes what is set while it calculates."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 1)
        self.seen: list[Settings] = []

    def forward(self, x: Any) -> Any:  # noqa: ANN401 - torch has no types here
        self.seen.append(settings())
        return self.layer(x.reshape(-1, 4))


def settings() -> Settings:
    """As torch's public functions tell them."""
    return (
        torch.get_deterministic_debug_mode(),
        torch.utils.deterministic.fill_uninitialized_memory,
        torch.backends.cudnn.benchmark,
    )


def build(name: str, **keys: Any) -> Any:  # noqa: ANN401 - with its inside
    network = {"type": f"{__name__}:{name}"}
    config = TorchConfig.model_validate({"device": "cpu", "network": network, **keys})
    return ModelFactory().get_model(config, SPEC)


@pytest.fixture(params=["default", "warn", "error"])
def outside(request: pytest.FixtureRequest) -> Iterator[Settings]:
    """What whoever uses the model has set for himself."""
    before = settings()
    torch.set_deterministic_debug_mode(request.param)
    torch.backends.cudnn.benchmark = request.param == "warn"
    yield settings()
    torch.set_deterministic_debug_mode(before[0])
    torch.backends.cudnn.benchmark = before[2]


def calls(model: Any) -> list[Any]:  # noqa: ANN401 - as `build` gives it
    """Everything in which a model calculates."""
    return [
        lambda: model.train_on_batch(BATCH),
        lambda: model.evaluate_on_batch(BATCH),
        lambda: model.predict(BATCH.x),
    ]


def test_an_operation_that_is_not_deterministic_is_refused_by_name() -> None:
    for call in calls(build("Unpooled")):
        with pytest.raises(
            ConfigError, match=r"max_unpool\S* that.*set model\.deterministic: false"
        ):
            call()


def test_switched_off_such_an_operation_is_allowed(outside: Settings) -> None:
    """Whatever is set outside, and though a deterministic model was made and used before."""
    with pytest.raises(ConfigError):
        build("Unpooled").train_on_batch(BATCH)
    for call in calls(build("Unpooled", deterministic=False)):
        call()


@pytest.mark.parametrize("deterministic", [True, False])
def test_it_is_switched_for_the_steps_of_the_model_alone(
    outside: Settings, *, deterministic: bool
) -> None:
    model = build("Watching", deterministic=deterministic)
    assert settings() == outside
    for call in calls(model):
        model.network.seen.clear()
        call()
        within = (2, False, False) if deterministic else (0, *outside[1:])
        assert set(model.network.seen) == {within}
        assert settings() == outside


def test_for_steps_in_one_go_it_is_switched_once(outside: Settings) -> None:
    model = build("Watching")
    with model.undisturbed():
        model.train_on_batch(BATCH)
        model.train_on_batch(BATCH)
        assert model.network.seen == [settings()] * 2 == [(2, False, False)] * 2
    assert settings() == outside
    model.train_on_batch(BATCH)
    assert model.network.seen[2] == (2, False, False)
    assert settings() == outside


def test_after_a_refusal_all_is_as_it_was(outside: Settings) -> None:
    model = build("Unpooled")
    for hold in (nullcontext, model.undisturbed, nullcontext):
        with pytest.raises(ConfigError, match=r"set model\.deterministic: false"), hold():
            model.train_on_batch(BATCH)
        assert settings() == outside


def test_an_error_of_another_kind_stays_what_it_is() -> None:
    model = build("Watching")
    model.network.layer = nn.Linear(3, 1)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        model.train_on_batch(BATCH)
