"""What an agent acts in: made of the table, of Gymnasium, of a class; and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from training.artifacts import ArtifactStore
from training.config import DataConfig
from training.config.load import parse_config
from training.data import DataManager
from training.engine import TrainingEngine
from training.errors import ConfigError, DataError
from training.registry import ModelRegistry, load_model
from training.run import TrainingRun

gym = pytest.importorskip("gymnasium", reason="gymnasium is an extra")
pytest.importorskip("stable_baselines3", reason="stable-baselines3 is an extra")

if TYPE_CHECKING:
    from pathlib import Path

    from training.data import Part

pytestmark = pytest.mark.usefixtures("one_thread")

CARTPOLE = {"type": "gymnasium", "id": "CartPole-v1"}
BRIEF = {"type": "a2c", "steps_per_epoch": 60, "evaluation_episodes": 2}
TRADING = {"type": "trading", "observation": {"window": 3}}


class Rows(gym.Env):  # type: ignore[misc, name-defined] # gymnasium is optional, so it has no types here
    """Shows the rows of its part, one after the other."""

    def __init__(self, part: Part, scale: float = 1.0) -> None:
        self.rows, self.scale, self.at = len(part.x), scale, 0
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, (1,), np.float32)
        self.action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401 - as gymnasium has it
        super().reset(seed=seed)
        self.at = 0
        return np.zeros(1, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:  # noqa: ANN401 - as gymnasium has it
        self.at += 1
        return np.full(1, self.at, np.float32), self.scale, False, self.at >= self.rows, {}


def prices(rows: int = 300) -> pd.DataFrame:
    """Bars of a walk, with a volume."""
    random = np.random.default_rng(4)
    close = 100 * np.exp(np.cumsum(0.01 * random.normal(size=rows)))
    opened = np.concatenate([[100.0], close[:-1]])
    return pd.DataFrame(
        {
            "date": pd.date_range("2020-01-01", periods=rows),
            "open": opened,
            "high": np.maximum(opened, close) * 1.001,
            "low": np.minimum(opened, close) * 0.999,
            "close": close,
        }
    )


def manager(frame: pd.DataFrame | None = None, **data: Any) -> DataManager:  # noqa: ANN401 - of a YAML
    """A table that is handed over."""
    section = {"source": {"type": "dataframe"}, "features": [{"type": "returns", "lags": 2}]}
    config = DataConfig.model_validate(section | data)
    return DataManager(config, frame=prices() if frame is None else frame)


def run_of(model: dict[str, Any], folder: Path, given: DataManager, **further: Any) -> TrainingRun:  # noqa: ANN401 - of a YAML
    """A run with its data read."""
    config = parse_config({"model": model, "data": given.config, **further})
    run = TrainingRun(config, folder, manager=given)
    run.load_data()
    return run


def test_each_part_trades_its_own_bars_and_looks_back_before_them(tmp_path: Path) -> None:
    from training.data.tradable import market_of

    run = run_of({**BRIEF, "environment": TRADING}, tmp_path, manager())
    assert run.table is not None
    frame, window = run.table.frame, 3
    for part in (run.data.train, run.data.validation, run.data.test):
        market = market_of(part, run.table, window, run.data.bars_per_year)
        assert part.prices is not None
        assert isinstance(part.prices.at, slice)
        first = part.prices.at.start - window + 1
        assert market.rows == len(part.x) + window - 1
        for name in ("open", "high", "low", "close"):
            expected = frame[name].to_numpy()[first : first + market.rows]
            assert np.array_equal(getattr(market, name)[:, 0], expected)
        assert np.array_equal(market.features[window - 1 :], part.x[:, -1].astype(np.float32))
        assert np.array_equal(market.features[:window], part.x[0].astype(np.float32))


def two_symbols() -> pd.DataFrame:
    """Bars of two walks; the second has no bar on some days, and begins later."""
    first, second = prices(), prices(400).iloc[100:].reset_index(drop=True)
    second["date"] = first["date"]
    both = [first.assign(symbol="A"), second.drop([0, 1, 2, 150, 280]).assign(symbol="B")]
    return pd.concat(both, ignore_index=True)


def test_several_symbols_are_traded_on_the_bars_that_all_have(tmp_path: Path) -> None:
    from training.data.tradable import MOST_BEFORE, closes_before, market_of

    frame, window = two_symbols(), 3
    given = manager(frame, symbol_column="symbol")
    run = run_of({**BRIEF, "environment": TRADING}, tmp_path, given)
    assert run.table is not None
    by_date = {name: rows.set_index("date") for name, rows in frame.groupby("symbol")}
    common = by_date["A"].index.intersection(by_date["B"].index)
    seen = []
    for part in (run.data.train, run.data.validation, run.data.test):
        market = market_of(part, run.table, window, run.data.bars_per_year)
        at = pd.DatetimeIndex(market.times)
        seen.append(at)
        assert market.symbols == 2
        assert list(at) == [day for day in common if at[0] <= day <= at[-1]]
        for name in ("open", "high", "low", "close"):
            expected = [by_date[symbol].loc[at, name].to_numpy() for symbol in ("A", "B")]
            assert np.array_equal(getattr(market, name), np.array(expected).T)
        returns = [np.log(by_date[symbol]["close"]).diff().loc[at] for symbol in ("A", "B")]
        moved = np.corrcoef(market.features[:, 0], returns[0])[0, 1]
        assert moved == pytest.approx(1.0)  # scaled, else the return of A, then that of B
        assert np.corrcoef(market.features[:, 2], returns[1])[0, 1] == pytest.approx(1.0)
        before = closes_before(part, run.table, window)
        early = common[common < at[0]][-MOST_BEFORE:]
        expected = [by_date[symbol].loc[early, "close"].to_numpy() for symbol in ("A", "B")]
        assert np.array_equal(before, np.array(expected).T)
    assert seen[0][-1] < seen[1][window - 1]  # the lead-in of a part is all that it shares
    assert seen[1][-1] < seen[2][window - 1]


def test_an_agent_learns_on_several_symbols_and_is_measured_on_them(tmp_path: Path) -> None:
    given = manager(two_symbols(), symbol_column="symbol")
    model = {**BRIEF, "environment": TRADING}
    result = TrainingEngine(tmp_path).train(model, given, {"epochs": 2})
    assert "test_buy_and_hold_total_return" in result.metrics
    agent = load_model(ModelRegistry(ArtifactStore(tmp_path)), "model:1")
    with pytest.raises(ConfigError, match="several symbols at once"):
        agent.model.predict(np.zeros((1, 3, 2), np.float32))


def test_several_symbols_for_one_choice_among_all_combinations(tmp_path: Path) -> None:
    given = manager(two_symbols(), symbol_column="symbol")
    joint = {**TRADING, "actions": {"type": "weights", "levels": [0, 1], "joint": True}}
    model = {"type": "dqn", "steps_per_epoch": 60, "learning_starts": 10, "environment": joint}
    result = TrainingEngine(tmp_path).train(model, given, {"epochs": 1})
    assert result.status == "completed"


def test_symbols_without_bars_in_common_are_refused(tmp_path: Path) -> None:
    late = prices().assign(symbol="B")
    late["date"] += pd.Timedelta(hours=12)
    frame = pd.concat([prices().assign(symbol="A"), late], ignore_index=True)
    given = manager(frame, symbol_column="symbol")
    with pytest.raises(DataError, match=r"0 bars of all its 2 symbol\(s\)"):
        run_of({**BRIEF, "environment": TRADING}, tmp_path, given)


def test_buy_and_hold_stands_beside_and_pays_the_same_costs(tmp_path: Path) -> None:
    dear = {
        **TRADING,
        "costs": {"commission": {"bps": 100}, "spread_bps": 0, "slippage": {"bps": 0}},
    }
    found = {}
    for name, environment in (("cheap", TRADING), ("dear", dear)):
        model = {**BRIEF, "environment": environment}
        result = TrainingEngine(tmp_path / name).train(model, manager(), {"epochs": 1})
        found[name] = result.metrics["test_buy_and_hold_total_return"]
        assert result.metrics["test_backtest_sharpe"] == pytest.approx(
            result.metrics["test_sharpe"]
        )
        for other in ("flat", "moving_average", "random"):
            assert f"test_{other}_total_return" in result.metrics
    assert found["cheap"] - found["dear"] == pytest.approx(0.01, abs=0.002)


def test_an_environment_of_one_s_own_gets_its_part(tmp_path: Path) -> None:
    model = {**BRIEF, "environment": {"type": f"{__name__}:Rows", "scale": 0.5}}
    given = manager()
    result = TrainingEngine(tmp_path).train(model, given, {"epochs": 1})
    rows = given.get_data().description["parts"]
    assert result.metrics["val_episode_length"] == rows["validation"]
    assert result.metrics["test_reward"] == rows["test"] * 0.5


def test_gymnasium_needs_no_table(tmp_path: Path) -> None:
    config = parse_config({"model": {**BRIEF, "environment": CARTPOLE}, "training": {"epochs": 2}})
    assert config.data.source.type == "none"
    result = TrainingEngine(tmp_path).finish(TrainingRun(config, tmp_path))
    assert result.epochs_completed == 2
    assert result.best_epoch in {1, 2}
    again = TrainingEngine(tmp_path).finish(TrainingRun(config, tmp_path))
    assert again.status == "already-complete"


def test_the_best_epoch_is_the_one_with_the_highest_validation_reward(tmp_path: Path) -> None:
    model = {**BRIEF, "environment": CARTPOLE, "steps_per_epoch": 200, "learning_rate": 0.01}
    result = TrainingEngine(tmp_path).train(model, {"source": {"type": "none"}}, {"epochs": 4})
    rewards = [row["metrics"]["val_reward"] for row in result.rows]
    assert result.best_epoch == 1 + int(np.argmax(rewards))


@pytest.mark.parametrize(
    ("model", "data", "said"),
    [
        ({"type": "mlp"}, {"source": {"type": "none"}}, "learns from rows"),
        ({**BRIEF, "environment": TRADING}, {"source": {"type": "none"}}, "learns from rows"),
        ({**BRIEF, "environment": {"type": "gymnasium", "id": "Nowhere-v0"}}, {}, "Nowhere"),
        ({**BRIEF, "environment": {**CARTPOLE, "arguments": {"x": 1}}}, {}, "CartPole"),
        ({**BRIEF, "environment": {"type": f"{__name__}:Rows", "scal": 1}}, {}, "refused by"),
        ({**BRIEF, "environment": {"type": "pandas:DataFrame"}}, {}, "expected a gymnasium.Env"),
    ],
)
def test_what_cannot_be_is_said_before_training(
    model: dict[str, Any], data: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=said):
        TrainingRun(parse_config({"model": model, "data": data}), tmp_path).check()


@pytest.mark.parametrize(
    ("data", "error", "said"),
    [
        ({"split": {"type": "kfold", "folds": 5, "fold": 2}}, DataError, "leaves gaps"),
        (
            {
                "target": {"type": "column", "column": "close"},
                "features": [{"type": "returns", "lags": 2, "column": "open"}],
            },
            ConfigError,
            "trades the price",
        ),
    ],
)
def test_rows_that_cannot_be_traded_are_refused(
    data: dict[str, Any], error: type[Exception], said: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=said):
        run_of({**BRIEF, "environment": TRADING}, tmp_path, manager(**data))


def test_a_split_without_gaps_is_traded_whatever_it_is_called(tmp_path: Path) -> None:
    given = manager(split={"type": "kfold", "folds": 3, "fold": 1})
    run = run_of({**BRIEF, "environment": TRADING}, tmp_path, given)
    for part in (run.data.train, run.data.validation, run.data.test):
        assert part.prices is not None
        assert not isinstance(part.prices.at, slice)
        assert (np.diff(part.prices.at) == 1).all()


def test_a_backtest_section_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"environment\.costs"):
        run_of({**BRIEF, "environment": TRADING}, tmp_path, manager(), evaluation={"backtest": {}})


def test_an_environment_of_a_stored_file_is_only_imported_when_trusted() -> None:
    model = {**BRIEF, "environment": {"type": "somebody.elses:World"}}
    assert parse_config({"model": model}).custom_modules() == ["somebody.elses"]
