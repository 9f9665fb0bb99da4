"""A table scored by an agent that trades: the position that it wants at each row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from training.artifacts import ArtifactStore
from training.config import DataConfig
from training.data import DataManager
from training.engine import TrainingEngine
from training.errors import ConfigError, DataError
from training.registry import ModelRegistry
from training.registry.load import load_model
from training.scoring.table import predictions

pytest.importorskip("stable_baselines3", reason="stable-baselines3 is an extra")

if TYPE_CHECKING:
    from pathlib import Path

    from training.registry import RegisteredModel

pytestmark = pytest.mark.usefixtures("one_thread")

BRIEF = {"steps_per_epoch": 100}


def table(rows: int) -> pd.DataFrame:
    """Closes of a walk."""
    random = np.random.default_rng(4)
    return pd.DataFrame(
        {
            "date": pd.date_range("2000-01-01", periods=rows),
            "close": 100 * np.exp(np.cumsum(0.01 * random.normal(size=rows))),
        }
    )


def registered(folder: Path, kind: str, window: int = 3) -> RegisteredModel:
    """An agent that has learned a little."""
    config = DataConfig.model_validate(
        {"source": {"type": "dataframe"}, "features": [{"type": "returns", "lags": 2}]}
    )
    environment = {"type": "trading", "observation": {"window": window}}
    manager = DataManager(config, frame=table(300))
    model = {"type": kind, "environment": environment, "learning_rate": 0.01, **BRIEF}
    TrainingEngine(folder).train(model, manager, {"epochs": 2})
    return load_model(ModelRegistry(ArtifactStore(folder)), "model")


def test_a_row_gets_the_position_that_the_environment_would_get(tmp_path: Path) -> None:
    """In an episode that begins flat, the first decision is that of the scored row."""
    from training.config.trading import TradingConfig
    from training.market.environment import Market, TradingEnv

    model = registered(tmp_path, "a2c")
    frame = table(300)
    scored = model.predict(frame)
    assert len(scored) == 300 - model.pipeline.warm_up
    assert set(scored) <= {-1.0, 0.0, 1.0}
    x = model.pipeline.transform(frame)
    features = np.concatenate([x[0], x[1:, -1]])
    agent = model.model._agent  # type: ignore[attr-defined] # of a trading policy
    config = TradingConfig.model_validate({"observation": {"window": 3}})
    for row in (0, 57, 200):
        part = slice(row, row + 5)
        close = frame["close"].to_numpy()[-len(features) :, np.newaxis][part]
        market = Market.of_closes(features[part], close, np.arange(5), 252)
        seen, _ = TradingEnv(market, config).reset()
        wanted = agent.predict(seen[np.newaxis])
        assert scored[row] == float(wanted[0]) - 1


def test_in_pieces_as_at_once_and_what_is_held_is_looked_at(tmp_path: Path) -> None:
    model, frame = registered(tmp_path, "dqn"), table(9000)
    random = np.random.default_rng(1)
    for held in (frame, frame.assign(position=random.choice([-1.0, 0.0, 1.0], len(frame)))):
        whole = pd.concat(predictions(model, held, 0), ignore_index=True)
        pieces = pd.concat(predictions(model, held, 4096), ignore_index=True)
        assert whole["prediction"].equals(pieces["prediction"])
        path = tmp_path / "table.csv"
        held.to_csv(path, index=False)
        stored = pd.concat(predictions(model, str(path), 4096), ignore_index=True)
        assert stored["prediction"].equals(whole["prediction"])
    account = model.model.account(held)  # type: ignore[attr-defined] # as above
    assert np.array_equal(account[:, 0], held["position"])
    assert np.array_equal(account[:, 1], 1 - held["position"])
    with pytest.raises(DataError, match="what is held"):
        list(predictions(model, frame.assign(position=np.nan), 0))


def test_an_agent_with_a_memory_has_no_answer_for_rows(tmp_path: Path) -> None:
    pytest.importorskip("sb3_contrib", reason="sb3-contrib is an extra")
    model = registered(tmp_path, "recurrent_ppo")
    with pytest.raises(ConfigError, match="a row alone has no prediction"):
        model.predict(table(50))


def test_an_agent_without_a_table_cannot_score_one(tmp_path: Path) -> None:
    environment = {"type": "gymnasium", "id": "CartPole-v1"}
    model = {"type": "a2c", "environment": environment, "evaluation_episodes": 1, **BRIEF}
    TrainingEngine(tmp_path).train(model, {"source": {"type": "none"}}, {"epochs": 1})
    loaded = load_model(ModelRegistry(ArtifactStore(tmp_path)), "model")
    with pytest.raises(DataError, match="not trained on a table"):
        list(predictions(loaded, table(50), 0))
    assert loaded.model.predict(np.zeros((2, 4), np.float32)).shape == (2,)
