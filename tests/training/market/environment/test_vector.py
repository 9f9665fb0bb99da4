"""Many environments are as many single ones, and go on exactly from a saved state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("gymnasium", reason="gymnasium is an extra")

from gymnasium.vector import AutoresetMode

from training.errors import IntegrityError
from training.market.environment import TradingEnv, TradingVectorEnv

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.config.trading import TradingConfig
    from training.market.environment import Market
    from training.types import Array

    MakeMarket = Callable[..., Market]
    Configure = Callable[..., TradingConfig]

COUNT, STEPS = 7, 60
DEAR = {"costs": {"commission": {"bps": 5}, "borrow_rate": 0.1}}
SHORT_EPISODES = {"episodes": {"type": "random", "length": 13}}
ACCOUNT = {"window": 3, "account": ["position", "cash", "unrealised", "drawdown"]}
KINDS: list[tuple[int, dict[str, Any]]] = [
    (1, {}),
    (1, {"stop_loss": 0.03, "take_profit": 0.04, "observation": ACCOUNT}),
    (3, {"actions": {"type": "weights"}, "reward": {"type": "differential_sharpe"}}),
    (12, {"actions": {"type": "continuous"}, "reward": {"type": "drawdown_penalised"}}),
    (9, {"actions": {"type": "continuous", "rebalance": 0}, "stop_loss": 0.02}),
    (2, {"actions": {"type": "positions", "joint": True, "rebalance": 0.1}}),
    (1, {"episodes": {"type": "whole"}, "ruin": 0.9}),
]


@pytest.mark.parametrize(("symbols", "keys"), KINDS)
def test_many_are_as_many_single_ones_bit_by_bit(
    make_market: MakeMarket, configure: Configure, symbols: int, keys: dict[str, Any]
) -> None:
    """Observations, rewards, ends, the last observation of each episode and its facts."""
    market, config = make_market(symbols=symbols), configure(**(DEAR | SHORT_EPISODES | keys))
    many = TradingVectorEnv(market, config, COUNT, seed=5)
    singles = [TradingEnv(market, config, seed=5, number=number) for number in range(COUNT)]
    seen, _ = many.reset()
    np.testing.assert_array_equal(seen, [single.reset()[0] for single in singles])
    many.action_space.seed(3)
    ended = 0
    for _ in range(STEPS):
        actions = many.action_space.sample()
        seen, rewards, terminated, truncated, infos = many.step(actions)
        np.testing.assert_array_equal(many.observe(), seen)
        for number, single in enumerate(singles):
            own, reward, ruined, over, facts = single.step(actions[number])
            assert (reward, ruined, over) == (
                rewards[number],
                terminated[number],
                truncated[number],
            )
            if ruined or over:
                ended += 1
                np.testing.assert_array_equal(infos["final_obs"][number], own)
                assert facts == {name: infos["final_info"][name][number] for name in facts}
                own, _ = single.reset()
            np.testing.assert_array_equal(seen[number], own)
    assert ended >= COUNT


@pytest.mark.parametrize(("symbols", "keys"), KINDS)
def test_a_saved_state_goes_on_bit_by_bit(
    make_market: MakeMarket, configure: Configure, symbols: int, keys: dict[str, Any]
) -> None:
    """In the middle of episodes, in an environment that was elsewhere, of another seed."""
    market, config = make_market(symbols=symbols), configure(**(DEAR | SHORT_EPISODES | keys))
    first, second = (TradingVectorEnv(market, config, COUNT, seed=seed) for seed in (5, 6))
    first.action_space.seed(4)
    actions = [first.action_space.sample() for _ in range(2 * STEPS)]
    for environment, steps in ((first, STEPS), (second, 9)):
        environment.reset()
        for action in actions[:steps]:
            environment.step(action)
    second.load_state_dict(first.state_dict())
    np.testing.assert_array_equal(second.observe(), first.observe())
    for action in actions[STEPS:]:
        (*one, told), (*other, said) = first.step(action), second.step(action)
        for value, same in zip(one, other, strict=True):
            np.testing.assert_array_equal(value, same)
        np.testing.assert_equal(told.get("final_info"), said.get("final_info"))


def test_a_single_ones_state_goes_on_too(make_market: MakeMarket, configure: Configure) -> None:
    market = make_market()
    first, second = TradingEnv(market, configure()), TradingEnv(market, configure())
    first.reset()
    for _ in range(5):
        first.step(2)
    second.load_state_dict(first.state_dict())
    for _ in range(54):
        one, other = first.step(0), second.step(0)
        np.testing.assert_array_equal(one[0], other[0])
        assert one[1:4] == other[1:4]
    assert one[3]


def test_a_state_is_a_copy(make_market: MakeMarket, configure: Configure) -> None:
    """What is done to it, or by later steps, changes nothing elsewhere."""
    environment = TradingVectorEnv(
        make_market(), configure(reward={"type": "differential_sharpe"}), 2
    )
    environment.reset()
    environment.step(np.array([2, 0]))
    state, again = environment.state_dict(), environment.state_dict()
    parts = [(state, again), *((state[name], again[name]) for name in ("portfolio", "rewards"))]
    for part, other in parts:
        for name in [name for name, value in part.items() if isinstance(value, np.ndarray)]:
            assert not np.shares_memory(part[name], other[name]), name
            part[name] += 1
    after = environment.state_dict()
    parts = [(after, again), *((after[name], again[name]) for name in ("portfolio", "rewards"))]
    for part, other in parts:
        for name in [name for name, value in part.items() if isinstance(value, np.ndarray)]:
            np.testing.assert_array_equal(part[name], other[name])
    environment.load_state_dict(again)
    before = environment.observe()
    again["portfolio"]["weights"] += 1
    np.testing.assert_array_equal(environment.observe(), before)


def test_a_state_of_other_environments_is_refused(
    make_market: MakeMarket, configure: Configure
) -> None:
    market = make_market()
    state = TradingVectorEnv(market, configure(), 3).state_dict()
    with pytest.raises(IntegrityError, match=r"\(3, 1\)"):
        TradingVectorEnv(market, configure(), 2).load_state_dict(state)
    state["bar"] += 60
    with pytest.raises(IntegrityError, match="60 bars"):
        TradingVectorEnv(market, configure(), 3).load_state_dict(state)


def test_two_environments_share_nothing(make_market: MakeMarket, configure: Configure) -> None:
    """Steps of one do not move the other, and what is handed out is the caller's."""
    market = make_market(symbols=2)
    one, other = (TradingVectorEnv(market, configure(), 4) for _ in range(2))
    first, _ = one.reset()
    there, _ = other.reset()
    kept = other.state_dict()
    for _ in range(10):
        seen, rewards, *_ = one.step(np.full((4, 2), 2))
        expected = one.observe()
        for handed in (first, seen, rewards):
            handed[...] = -1
        np.testing.assert_array_equal(one.observe(), expected)
    np.testing.assert_array_equal(other.observe(), there)
    for name, value in other.state_dict()["portfolio"].items():
        np.testing.assert_array_equal(value, kept["portfolio"][name])


def test_ends_are_told_as_gymnasium_does(make_market: MakeMarket, configure: Configure) -> None:
    """Only where and when an episode ends; the next begins in the same step."""
    environment = TradingVectorEnv(make_market(rows=10), configure(), 2)
    assert environment.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP
    first, _ = environment.reset()
    for _ in range(8):
        *_, infos = environment.step(np.array([2, 0]))
        assert infos == {}
    seen, _, terminated, truncated, infos = environment.step(np.array([2, 0]))
    assert truncated.all()
    assert not terminated.any()
    np.testing.assert_array_equal(seen, first)
    assert infos["_final_obs"].all()
    assert infos["final_obs"][0].shape == environment.single_observation_space.shape
    np.testing.assert_array_equal(infos["final_info"]["length"], [9, 9])
    np.testing.assert_array_equal(infos["final_info"]["episode"], [0, 0])
    log_return = np.log(infos["final_info"]["equity"] / 1000)
    np.testing.assert_allclose(infos["final_info"]["reward"], log_return)


def test_ruin_is_terminated_and_not_truncated(
    make_market: MakeMarket, configure: Configure
) -> None:
    """Whoever stays in cash goes on."""
    environment = TradingVectorEnv(make_market(rows=30), configure(ruin=0.97), 2)
    environment.reset()
    ruined = np.zeros(2, dtype=bool)
    for _ in range(28):
        _, _, terminated, truncated, _ = environment.step(np.array([0, 1]))
        assert not truncated.any()
        ruined |= terminated
    np.testing.assert_array_equal(ruined, [True, False])


def test_ruin_in_the_last_bar_is_ruin(
    bars: Callable[[list[list[float]]], Market], configure: Configure
) -> None:
    """An episode ends in one way: there is nothing after it that a value could be guessed of."""
    market = bars([[100, 100, 100, 100], [100, 300, 100, 300]])
    environment = TradingVectorEnv(market, configure(), 2)
    environment.reset()
    _, _, terminated, truncated, _ = environment.step(np.array([0, 1]))
    np.testing.assert_array_equal(terminated, [True, False])
    np.testing.assert_array_equal(truncated, [False, True])


@pytest.mark.parametrize(
    ("actions", "match"),
    [
        (np.array([0, 3]), "expected 0 to 2"),
        (np.array([0, -1]), "expected 0 to 2"),
        (np.array([0.0, 1.0]), "whole numbers"),
        (np.array([0, 1, 1]), "2 environments"),
        (np.array([[0], [1]]), "one for each environment"),
    ],
)
def test_actions_outside_the_space_are_refused(
    make_market: MakeMarket, configure: Configure, actions: Array, match: str
) -> None:
    environment = TradingVectorEnv(make_market(), configure(), 2)
    environment.reset()
    with pytest.raises(ValueError, match=match):
        environment.step(actions)


def test_an_action_that_is_no_number_is_refused(
    make_market: MakeMarket, configure: Configure
) -> None:
    environment = TradingVectorEnv(make_market(), configure(actions={"type": "continuous"}), 2)
    environment.reset()
    with pytest.raises(ValueError, match="finite"):
        environment.step(np.array([[0.0], [np.nan]]))


def test_a_step_needs_an_episode(make_market: MakeMarket, configure: Configure) -> None:
    market = make_market(rows=4)
    with pytest.raises(ValueError, match="call reset"):
        TradingVectorEnv(market, configure(), 2).step(np.array([0, 0]))
    single = TradingEnv(market, configure())
    with pytest.raises(ValueError, match="call reset"):
        single.step(0)
    single.reset()
    for _ in range(3):
        single.step(0)
    with pytest.raises(ValueError, match="call reset"):
        single.step(0)
