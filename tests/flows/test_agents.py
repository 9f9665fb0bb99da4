"""Agents through the engine and the flow: the library's own bits, undisturbed or killed anywhere.

What is expected is one `learn()` of Stable-Baselines3 itself, of as many steps as all epochs have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.flows.trainings import checkpoints_in, newest_in, trainings
from training.artifacts import digest

pytest.importorskip("stable_baselines3", reason="stable-baselines3 is an extra")

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.flows.trainings import Trainings

MODULES = ("training.models.agents.agent", "training.market.environment")
STEPS = 1344
"""Of each training: epochs of whole rollouts, whether there are one, three or seven of them."""
CARTPOLE = {"type": "gymnasium", "id": "CartPole-v1"}
AGENTS: dict[str, dict[str, Any]] = {
    "ppo": {
        "environments": 4,
        "n_steps": 16,
        "batch_size": 32,
        "n_epochs": 2,
        "learning_rate": "lin_0.001",
        "clip_range": "lin_0.2",
    },
    "a2c": {"environments": 8, "n_steps": 8},
    "dqn": {
        "train_freq": 16,
        "gradient_steps": 4,
        "learning_starts": 100,
        "buffer_size": 600,
        "target_update_interval": 10,
        "exploration_fraction": 0.16,
    },
}
MARKET = {
    "type": "trading",
    "observation": {"window": 3},
    "episodes": {"type": "random", "length": 40},
    "stop_loss": 0.05,
}


def configuration(
    kind: str, epochs: int, *, model: dict[str, Any] | None = None, inside: int | None = None
) -> dict[str, Any]:
    """A training, with checkpoints every so many batches if wanted."""
    given = model or {"environment": CARTPOLE, **AGENTS[kind]}
    section = {"type": kind, "steps_per_epoch": STEPS // epochs, "evaluation_episodes": 2} | given
    whole: dict[str, Any] = {
        "name": "agent",
        "data": {"source": {"type": "sample"} if model else {"type": "none"}},
        "model": section,
        "training": {"epochs": epochs, "seed": 5},
        "checkpoints": {} if inside is None else {"every_n_batches": inside},
        "callbacks": [],
    }
    return whole


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trainings]:
    """Trainings in plain Python."""
    with trainings("engine", tmp_path_factory.mktemp("engine"), *MODULES) as started:
        yield started


@pytest.fixture(scope="module")
def flow(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trainings]:
    """Trainings as Prefect flows on a real server."""
    with trainings("flow", tmp_path_factory.mktemp("flow"), *MODULES) as started:
        yield started


@pytest.fixture(scope="module")
def direct() -> dict[str, str]:
    """The digest of the weights that the library's own `learn()` ends with."""
    import stable_baselines3
    import torch
    from stable_baselines3.common.env_util import make_vec_env

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    found = {}
    for kind, section in AGENTS.items():
        given = dict(section)
        environments = make_vec_env("CartPole-v1", n_envs=given.pop("environments", 1))
        if kind == "ppo":
            given |= {"learning_rate": lambda rest: rest * 0.001, "clip_range": lambda r: r * 0.2}
        made = getattr(stable_baselines3, kind.upper())("MlpPolicy", environments, seed=5, **given)
        policy = made.learn(STEPS).policy
        weights = {name: tensor.numpy() for name, tensor in policy.state_dict().items()}
        found[kind] = digest(weights)
    torch.set_num_threads(threads)
    return found


@pytest.mark.parametrize("epochs", [1, 3, 7])
@pytest.mark.parametrize("kind", AGENTS)
def test_cut_into_any_epochs_it_is_one_learn_of_the_library(
    engine: Trainings, direct: dict[str, str], kind: str, epochs: int
) -> None:
    ended = engine.run(configuration(kind, epochs), engine.folder())
    assert ended["result"]["model"]["digest"] == direct[kind]
    assert ended["result"]["epochs_completed"] == epochs


@pytest.mark.parametrize("kind", AGENTS)
def test_a_flow_ends_with_the_library_s_bits(
    flow: Trainings, direct: dict[str, str], kind: str
) -> None:
    ended = flow.run(configuration(kind, 3), flow.folder())
    assert ended["result"]["model"]["digest"] == direct[kind]


@pytest.mark.parametrize("kind", AGENTS)
def test_a_flow_killed_in_the_middle_of_an_epoch_ends_with_the_library_s_bits(
    flow: Trainings, direct: dict[str, str], kind: str
) -> None:
    config, storage = configuration(kind, 3, inside=2), flow.folder()
    batches = STEPS // 3 // _rollout(config["model"])
    flow.run(config, storage, killed_in=batches + batches // 2)
    assert newest_in(storage) == (1, batches // 2 - 1 - (batches // 2 - 1) % 2)
    ended = flow.run(config, storage)
    assert ended["result"]["resumed_from"]["epoch"] == 1
    assert ended["result"]["model"]["digest"] == direct[kind]


@pytest.mark.parametrize("kind", AGENTS)
def test_killed_again_and_again_it_ends_with_the_library_s_bits(
    engine: Trainings, direct: dict[str, str], kind: str
) -> None:
    config, storage = configuration(kind, 3, inside=2), engine.folder()
    for nth in (4, 7, 5):
        engine.run(config, storage, killed_in=nth)
    ended = engine.run(config, storage)
    assert ended["result"]["model"]["digest"] == direct[kind]


@pytest.mark.parametrize("kind", ["ppo", "a2c", "dqn"])
def test_killed_on_a_market_it_ends_as_if_undisturbed(engine: Trainings, kind: str) -> None:
    trading = {"environment": MARKET, **AGENTS[kind]}
    config = configuration(kind, 3, model=trading, inside=2)
    undisturbed, disturbed = engine.folder(), engine.folder()
    expected = engine.run(config, undisturbed)["result"]
    for nth in (4, 7):
        engine.run(config, disturbed, killed_in=nth)
    found = engine.run(config, disturbed)["result"]
    for key in ("metrics", "model", "best_epoch", "epochs_completed"):
        assert found[key] == expected[key]
    assert _state(disturbed) == _state(undisturbed)
    assert expected["metrics"]["val_backtest_total_return"] == pytest.approx(
        expected["metrics"]["val_total_return"]
    )
    assert "test_buy_and_hold_sharpe" in expected["metrics"]


def _rollout(model: dict[str, Any]) -> int:
    each: int = model.get("train_freq") or model["n_steps"]
    return each * int(model.get("environments", 1))


def _state(storage: Path) -> str:
    """The digest of everything in the newest checkpoint."""
    found = checkpoints_in(storage).newest()
    assert found is not None
    return digest(found[1])
