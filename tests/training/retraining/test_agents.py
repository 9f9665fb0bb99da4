"""A nightly retraining of an agent: both act on the same newest bars, and the rules decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from training.artifacts import ArtifactStore
from training.config import TrainingConfig
from training.errors import ConfigError
from training.registry import ModelRegistry, load_model

pytest.importorskip("stable_baselines3", reason="stable-baselines3 is an extra")

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from training.market.backtest import Backtest
    from training.registry import RegisteredModel

    Update = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.usefixtures("one_thread")

PPO: dict[str, Any] = {
    "type": "ppo",
    "environments": 2,
    "steps_per_epoch": 64,
    "n_steps": 32,
    "environment": {"observation": {"window": 3}},
}
DQN: dict[str, Any] = {
    "type": "dqn",
    "steps_per_epoch": 128,
    "train_freq": 16,
    "learning_starts": 32,
    "environment": {"observation": {"window": 3}},
}
TRAINING = {"batch_size": TrainingConfig().batch_size}
BY_REWARD = {"rules": [{"type": "better", "metric": "test_reward"}]}
FIRST, SECOND = "2021-03", "2021-05"


@pytest.fixture
def nightly(update: Update) -> Update:
    """`update` for a PPO that is small."""

    def run(as_of: str, **sections: Any) -> dict[str, Any]:  # noqa: ANN401 - sections of a configuration
        return update(as_of, **{"model": PPO, "training": TRAINING} | sections)

    return run


def registered(folder: Path, number: int) -> RegisteredModel:
    return load_model(ModelRegistry(ArtifactStore(folder / "storage")), f"m:{number}")


def by_hand(
    one: RegisteredModel, prices: pd.DataFrame, about: dict[str, Any], environment: dict[str, Any]
) -> Backtest:
    """An account that follows the agent from the first held-out bar on, stepped here."""
    from training.config.trading import TradingConfig
    from training.market.environment import Market, TradingEnv

    inputs = one.pipeline.transform(prices)
    window, days = inputs.shape[1], prices["date"].to_numpy()[-len(inputs) :]
    first, last = np.searchsorted(days, [np.datetime64(about[at]) for at in ("first", "last")])
    rows = slice(first - window + 1, last + 1)
    close = prices["close"].to_numpy()[-len(inputs) :][rows]
    market = Market.of_closes(
        inputs[rows, -1].astype(np.float32), close[:, np.newaxis], days[rows], 252.0
    )
    world = TradingEnv(market, TradingConfig.model_validate(environment), record=True)
    agent: Any = one.model
    seen, over = world.reset()[0], False
    while not over:
        seen, _, terminated, over, _ = world.step(agent._agent.predict(seen[np.newaxis])[0])
        assert not terminated
    return world.ledger().backtest()


def test_both_act_on_the_same_newest_bars_at_the_same_costs(
    nightly: Update, tmp_path: Path, prices: pd.DataFrame
) -> None:
    """Each sees its own window; the costs are those of tonight; the figures are those by hand."""
    nightly(FIRST)
    costs = {"commission": {"bps": 30}, "borrow_rate": 0.0}
    tonight = {"observation": {"window": 5}, "costs": costs}
    outcome = nightly(SECOND, model=PPO | {"environment": tonight}, promotion=BY_REWARD)
    metrics, about = outcome["metrics"], outcome["held_out"]
    for who, number in (("challenger", 2), ("champion", 1)):
        own = {"observation": {"window": 5 if number == 2 else 3}, "costs": costs}
        expected = by_hand(registered(tmp_path, number), prices, about, own)
        assert len(expected.returns) == about["rows"] - 1
        for name in ("total_return", "max_drawdown", "turnover"):
            found = metrics[who][f"test_backtest_{name}"]
            assert found == expected.measures(252.0)[name]
        assert metrics[who]["test_reward"] == pytest.approx(np.log1p(expected.returns).sum())
    assert metrics["champion"] != metrics["challenger"]
    assert any("backtest_turnover" in name for name in metrics["champion"])


def test_the_challenger_s_figures_are_those_of_its_own_test(
    nightly: Update, tmp_path: Path
) -> None:
    outcome = nightly(FIRST)
    known = registered(tmp_path, 1).version.metrics
    found = outcome["metrics"]["challenger"]
    assert {"test_reward", "test_sharpe", "test_backtest_max_drawdown"} <= set(found)
    assert {name: known[name] for name in found} == found
    baselines = {f"test_{name}": value for name, value in outcome["baselines"].items()}
    assert {name: known[name] for name in baselines} == baselines
    assert {"test_buy_and_hold_sharpe", "test_random_total_return"} <= set(baselines)


@pytest.mark.parametrize(
    ("rule", "status", "champion"),
    [
        ({"type": "not_worse", "than": 10}, "promoted", 2),
        ({"type": "better", "by": 10}, "rejected", 1),
    ],
)
def test_the_rules_decide_by_the_figures(
    nightly: Update, tmp_path: Path, rule: dict[str, Any], status: str, champion: int
) -> None:
    nightly(FIRST)
    metric = "test_backtest_total_return"
    rules = {"rules": [rule | {"metric": metric}]}
    outcome = nightly(SECOND, promotion=rules, training=TRAINING | {"seed": 8})
    figures = [outcome["metrics"][who][metric] for who in ("challenger", "champion")]
    assert figures[0] != figures[1]
    assert f"{metric} {figures[0]:.6g} against {figures[1]:.6g}" in outcome["reason"]
    assert outcome["status"] == status
    registry = ModelRegistry(ArtifactStore(tmp_path / "storage"))
    assert registry.alias("m", "champion") == champion


def test_returns_of_the_same_bars_are_resampled_in_pairs(nightly: Update) -> None:
    nightly(FIRST)
    rule = {"type": "significant", "of": "returns", "samples": 200}
    outcome = nightly(SECOND, promotion={"rules": [rule]}, training=TRAINING | {"seed": 8})
    assert f"bootstrap samples over {outcome['held_out']['rows'] - 1} rows" in outcome["reason"]


@pytest.mark.parametrize("model", [PPO, DQN], ids=["ppo", "dqn"])
def test_it_goes_on_from_the_champion_s_weights(nightly: Update, model: dict[str, Any]) -> None:
    """With steps too small to move a weight it ends with them; from new weights it does not."""
    still = model | {"learning_rate": 1e-60}
    first = nightly(FIRST, model=still)
    seed = TRAINING | {"seed": 8}
    warm = nightly(SECOND, model=still, training=seed, retraining={"start": "champion"})
    assert warm["start"] == "from the weights of v1"
    assert warm["model"]["digest"] == first["model"]["digest"]
    fresh = nightly("2021-06", model=still, training=seed)
    assert fresh["model"]["digest"] != first["model"]["digest"]


def test_the_report_shows_portfolios_beside_the_market_and_the_reward(
    nightly: Update, tmp_path: Path
) -> None:
    nightly(FIRST)
    outcome = nightly(SECOND)
    (report,) = (
        path.read_text()
        for path in (tmp_path / "storage").rglob("report.md")
        if path.read_text().startswith("# m:2 ")
    )
    head = "| after costs | challenger | champion | buy and hold | flat | moving average | random |"
    assert head in report
    for name in ("total_return", "sharpe", "max_drawdown"):
        title = {"total_return": "return", "max_drawdown": "drawdown"}.get(name, "Sharpe")
        (row,) = (line for line in report.splitlines() if line.startswith(f"| {title} |"))
        cells = [cell.strip() for cell in row.split("|")[2:5]]
        shown = [
            outcome["metrics"][who][f"test_backtest_{name}"] for who in ("challenger", "champion")
        ]
        shown.append(outcome["baselines"][f"buy_and_hold_{name}"])
        assert cells == [f"{value:.6g}" for value in shown]
    assert "![reward by epoch]" in report
    assert set(outcome["curves"]) == {"challenger", "champion", "buy_and_hold"}


def test_of_several_seeds_the_one_with_the_best_validation_is_the_challenger(
    nightly: Update, tmp_path: Path
) -> None:
    alone = {}
    for seed in (4, 5, 6):
        one = nightly(FIRST, storage=tmp_path / str(seed), training=TRAINING | {"seed": seed})
        card = ModelRegistry(ArtifactStore(tmp_path / str(seed))).get("m:1").card
        alone[seed] = (card["metrics"]["val_reward"], one["model"]["digest"])
    best = max(alone, key=lambda seed: alone[seed][0])
    outcome = nightly(FIRST, training=TRAINING | {"seed": 4}, retraining={"seeds": 3})
    assert outcome["seeds"]["chosen"] == best
    assert outcome["model"]["digest"] == alone[best][1]


def test_a_champion_that_earns_less_on_new_bars_than_it_promised_has_decayed(
    nightly: Update,
) -> None:
    """New bars are those after its data; a little less reward is enough here, or more is not."""
    decay = {"metric": "test_reward", "by": 0.0, "rows": 5}
    policy = {"start": "champion", "fresh_after": ["decay"], "decay": decay}
    first = nightly(FIRST, retraining=policy)
    outcome = nightly(SECOND, retraining=policy)
    promised = first["metrics"]["challenger"]["test_reward"]
    (sentence,) = (one for one in outcome["signs"]["sentences"] if "test_reward of m:1" in one)
    assert f"was {promised:.6g} when it was promoted" in sentence
    live = float(sentence.split(" is ")[1].split(" on ")[0])
    assert ("decay" in outcome["signs"]["seen"]) == (live < promised)


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        (
            {"model": PPO | {"environment": {"type": "gymnasium", "id": "CartPole-v1"}}},
            r"'gymnasium': a retraining compares agents on the newest bars",
        ),
        ({"promotion": {"rules": [{"type": "better"}]}}, r"'test_loss' is not .*set test_reward"),
        (
            {"promotion": {"rules": [{"type": "any_of", "rules": [{"type": "significant"}]}]}},
            r"significant: of = 'loss'",
        ),
        (
            {"promotion": {"rules": [{"type": "beats", "baseline": "majority"}]}},
            r"beats: baseline = 'majority'",
        ),
        ({"retraining": {"only_after": ["decay"]}}, r"decay\.metric = 'test_loss' is not"),
    ],
)
def test_what_agents_are_not_measured_by_is_refused(
    nightly: Update, tmp_path: Path, sections: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        nightly(FIRST, **sections)
    assert not (tmp_path / "storage").exists()


def test_an_agent_is_not_compared_with_a_model_that_predicts(update: Update) -> None:
    update(FIRST)
    with pytest.raises(ConfigError, match=r"m:1 is of task binary.*is an agent that trades"):
        update(SECOND, model=PPO, training=TRAINING, promotion=BY_REWARD)
