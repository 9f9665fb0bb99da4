"""Agents learn what can be learned, and nothing where there is nothing: `make test-long`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from training.config import DataConfig
from training.config.load import load_config
from training.data import DataManager
from training.engine import TrainingEngine
from training.market.synthetic import planted_pattern, random_walk

pytest.importorskip("stable_baselines3", reason="stable-baselines3 is an extra")

if TYPE_CHECKING:
    from pathlib import Path

    from training.run import TrainingResult

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("one_thread")]

CARTPOLE = {"type": "gymnasium", "id": "CartPole-v1"}
# The hyperparameters of the RL Zoo (rl-baselines3-zoo, hyperparams/*.yml), and its planned steps.
ZOO: dict[str, tuple[int, dict[str, Any]]] = {
    "ppo": (
        100_000,
        {
            "environments": 8,
            "n_steps": 32,
            "batch_size": 256,
            "gae_lambda": 0.8,
            "gamma": 0.98,
            "n_epochs": 20,
            "ent_coef": 0.0,
            "learning_rate": "lin_0.001",
            "clip_range": "lin_0.2",
        },
    ),
    "dqn": (
        50_000,
        {
            "learning_rate": 2.3e-3,
            "batch_size": 64,
            "buffer_size": 100_000,
            "learning_starts": 1000,
            "gamma": 0.99,
            "target_update_interval": 10,
            "train_freq": 256,
            "gradient_steps": 128,
            "exploration_fraction": 0.16,
            "exploration_final_eps": 0.04,
            "policy_kwargs": {"net_arch": [256, 256]},
        },
    ),
    "a2c": (500_000, {"environments": 8, "ent_coef": 0.0}),
}
ON_MARKETS: dict[str, dict[str, Any]] = {
    "ppo": {"environments": 8, "n_steps": 64, "batch_size": 128, "learning_rate": 0.001},
    "dqn": {
        "environments": 4,
        "train_freq": 16,
        "gradient_steps": 16,
        "learning_starts": 1000,
        "buffer_size": 40_000,
        "learning_rate": 0.001,
        "target_update_interval": 500,
        "exploration_fraction": 0.5,
    },
}
COSTS = {"commission": {"type": "proportional", "bps": 1}, "spread_bps": 2}


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("kind", ZOO)
def test_cartpole_is_solved_as_in_the_zoo(kind: str, seed: int, tmp_path: Path) -> None:
    """The best epoch's policy reaches 500 in every episode; the last one need not."""
    steps, section = ZOO[kind]
    model = {"type": kind, "environment": CARTPOLE, "steps_per_epoch": steps // 20, **section}
    result = _train(tmp_path, model, {"source": {"type": "none"}}, seed=seed, epochs=20)
    curve = " ".join(f"{row['metrics']['val_reward']:.0f}" for row in result.rows)
    _tell(f"{kind} seed {seed}: validation {curve}; test {result.metrics['test_reward']:.1f}")
    assert result.metrics["val_reward"] == 500


@pytest.mark.parametrize("kind", ON_MARKETS)
def test_a_planted_pattern_is_found_and_a_random_walk_has_none(kind: str, tmp_path: Path) -> None:
    found = {}
    for name, made in (("pattern", planted_pattern), ("walk", random_walk)):
        metrics = _on_market(tmp_path / name, kind, pd.DataFrame(made(4000, seed=3))).metrics
        own, held = (
            {key: metrics[f"test_{who}_{key}"] for key in ("total_return", "sharpe")}
            for who in ("backtest", "buy_and_hold")
        )
        _tell(f"{kind} on the {name}, test part: agent {own}, buy and hold {held}")
        found[name] = own["sharpe"] - held["sharpe"], own["sharpe"], own["total_return"]
    assert found["pattern"][0] > 1.5
    assert found["pattern"][2] > 0.2
    assert found["walk"][1] < 1.0


def test_the_figure_on_the_sp500_is_told_whatever_it_is(tmp_path: Path) -> None:
    for kind in ("ppo", "dqn", "a2c"):
        config = load_config(f"configs/{kind}.yaml")
        engine = TrainingEngine(tmp_path, name=config.name)
        from training.run import TrainingRun

        metrics = engine.finish(TrainingRun(config, tmp_path)).metrics
        for part in ("val", "test"):
            row = [
                f"{who} {metrics[f'{part}_{who}_total_return']:+.3f} "
                f"(Sharpe {metrics.get(f'{part}_{who}_sharpe', float('nan')):+.2f})"
                for who in ("backtest", "buy_and_hold")
            ]
            _tell(f"S&P 500, {kind}, {part}: {', '.join(row)}")
        assert metrics["test_buy_and_hold_total_return"] > 0


def _on_market(folder: Path, kind: str, table: pd.DataFrame) -> TrainingResult:
    data = DataConfig.model_validate(
        {
            "source": {"type": "dataframe"},
            "features": [{"type": "columns", "columns": ["signal"]}],
            "split": {"validation": 0.2, "test": 0.2},
        }
    )
    environment = {
        "type": "trading",
        "observation": {"window": 1},
        "episodes": {"type": "random", "length": 200},
        "costs": COSTS,
        "reward": {"type": "log_return", "scale": 100},
    }
    model = {"type": kind, "environment": environment, "gamma": 0.5, "steps_per_epoch": 8192}
    engine = TrainingEngine(folder)
    manager = DataManager(data, frame=table)
    return engine.train(
        model | ON_MARKETS[kind], manager, {"epochs": 8, "seed": 1}, callbacks=_best()
    )


def _train(
    folder: Path, model: dict[str, Any], data: dict[str, Any], *, seed: int, epochs: int
) -> TrainingResult:
    training = {"epochs": epochs, "seed": seed}
    return TrainingEngine(folder).train(model, data, training, callbacks=_best())


def _best() -> list[Any]:
    from training.callbacks import EarlyStoppingCallback

    return [EarlyStoppingCallback(monitor="val_reward", patience=1000)]


def _tell(line: str) -> None:
    """For the person who runs it with -s."""
    print(f"\n{line}")  # noqa: T201 - the figures are what this is run for
