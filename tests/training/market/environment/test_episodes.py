"""Where episodes begin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("gymnasium", reason="gymnasium is an extra")

from training.errors import ConfigError
from training.market.environment import TradingEnv, TradingVectorEnv
from training.market.environment.episodes import Episodes, draw

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.config.trading import TradingConfig
    from training.market.environment import Market
    from training.types import Array

    MakeMarket = Callable[..., Market]
    Configure = Callable[..., TradingConfig]

RANDOM = {"type": "random", "length": 10}


def _bars(environment: TradingVectorEnv) -> Array:
    found: Array = environment.state_dict()["bar"]
    return found


def test_every_start_that_leaves_room_is_drawn_about_as_often(configure: Configure) -> None:
    """Of 60 bars, window 5 and length 10: the first decision at 4 to 49; chi-square, 45 degrees."""
    episodes = Episodes(configure(episodes=RANDOM, observation={"window": 5}), 60)
    numbers = np.arange(46 * 400, dtype=np.int64)
    starts = episodes.starts(np.full_like(numbers, 7), numbers, np.zeros_like(numbers))
    drawn, often = np.unique(starts, return_counts=True)
    np.testing.assert_array_equal(drawn, np.arange(4, 50))
    assert np.square(often - 400).sum() / 400 < 90


@pytest.mark.parametrize("key", [0, 1, 2])
def test_seed_environment_and_episode_each_change_the_start(key: int) -> None:
    keys = [np.zeros(1000, dtype=np.int64) for _ in range(3)]
    keys[key] = np.arange(1000)
    found = draw(*keys)
    assert len(np.unique(found)) == 1000
    assert abs(np.mean(found / 2.0**64) - 0.5) < 0.05


def test_the_draw_is_that_of_splitmix() -> None:
    """For one key of 0: the first output of SplitMix64 seeded with 0 (Vigna's reference code)."""
    assert int(draw(np.zeros(1, dtype=np.int64))[0]) == 0xE220A8397B1DCDAF


def test_reset_goes_on_to_the_next_episode_and_a_seed_begins_anew(
    make_market: MakeMarket, configure: Configure
) -> None:
    environment = TradingVectorEnv(make_market(rows=900), configure(episodes=RANDOM), 8, seed=3)
    environment.reset()
    first = _bars(environment)
    assert len(set(first.tolist())) > 4
    environment.reset()
    second = _bars(environment)
    assert (first != second).any()
    environment.reset(seed=3)
    np.testing.assert_array_equal(_bars(environment), first)
    environment.reset(seed=4)
    assert (_bars(environment) != first).any()
    environment.reset(seed=[3] * 8)
    np.testing.assert_array_equal(_bars(environment), first)


def test_an_episode_that_ends_by_itself_is_followed_by_the_same_one_as_after_reset(
    make_market: MakeMarket, configure: Configure
) -> None:
    market, config = make_market(rows=900), configure(episodes=RANDOM)
    one, other = (TradingVectorEnv(market, config, 3) for _ in range(2))
    one.reset()
    for _ in range(10):
        one.step(np.array([1, 1, 1]))
    other.reset()
    other.reset()
    np.testing.assert_array_equal(_bars(one), _bars(other))


def test_a_part_of_the_environments_has_the_numbers_that_it_is_given(
    make_market: MakeMarket, configure: Configure
) -> None:
    market, config = make_market(rows=900), configure(episodes=RANDOM)
    whole, part = TradingVectorEnv(market, config, 8), TradingVectorEnv(market, config, 3, first=5)
    for environment in (whole, part):
        environment.reset()
    np.testing.assert_array_equal(_bars(whole)[5:], _bars(part))


def test_a_whole_window_goes_from_the_first_whole_observation_to_the_last_bar(
    make_market: MakeMarket, configure: Configure
) -> None:
    market = make_market(rows=30)
    environment = TradingEnv(market, configure(observation={"window": 8}), record=True)
    environment.reset()
    steps, over = 0, False
    while not over:
        over = environment.step(2)[3]
        steps += 1
    assert steps == 22
    np.testing.assert_array_equal(environment.ledger().bars, np.arange(8, 30))


@pytest.mark.parametrize("episodes", [{"type": "whole"}, {"type": "random", "length": 30}])
def test_a_market_that_is_too_short_is_refused(
    make_market: MakeMarket, configure: Configure, episodes: dict[str, object]
) -> None:
    config = configure(episodes=episodes, observation={"window": 20})
    with pytest.raises(ConfigError, match="the market has 20"):
        TradingEnv(make_market(rows=20), config)


def test_a_negative_seed_is_refused(make_market: MakeMarket, configure: Configure) -> None:
    with pytest.raises(ValueError, match="seed -1"):
        TradingVectorEnv(make_market(), configure(), 1, seed=-1)
