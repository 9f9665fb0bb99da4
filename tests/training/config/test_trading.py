"""The section of the trading environment."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from training.config.trading import TradingConfig


def test_every_default_is_filled_in_and_every_field_is_described() -> None:
    """They become a form: of each section, down to the last."""
    config = TradingConfig()
    assert TradingConfig.model_validate_json(config.model_dump_json()) == config
    schema = TradingConfig.model_json_schema()
    sections = [schema, *schema["$defs"].values()]
    assert len(sections) > 12
    for section in sections:
        assert section.get("description"), section["title"]
        for name, field in section["properties"].items():
            fixed = name == "type" or section["title"] == "CustomReward"
            assert fixed or "default" in field, (section["title"], name)
            assert fixed or field.get("description"), (section["title"], name)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"actions": {"type": "weigths"}}, "needs a 'type' that is one of positions, weights"),
        ({"reward": {"type": "sharpe"}}, "log_return, differential_sharpe, drawdown_penalised"),
        ({"actions": {"type": "weights", "levels": [0, 1, 0.5]}}, "do not rise"),
        ({"actions": {"type": "weights", "levels": [1]}}, "at least 2"),
        ({"stop_loss": 1.0}, "less than 1"),
        ({"costs": {"spread": 3}}, "did you mean 'spread_bps'"),
        ({"observation": {"account": ["positions"]}}, "'position'"),
        ({"limits": {"gross": 0}}, "greater than 0"),
    ],
)
def test_what_is_wrong_is_said(given: dict[str, Any], match: str) -> None:
    with pytest.raises(ValidationError, match=match):
        TradingConfig.model_validate(given)


def test_a_reward_of_ones_own_keeps_its_keys() -> None:
    config = TradingConfig.model_validate({"reward": {"type": "mine:reward", "price": 2}})
    assert config.identity()["reward"] == {"type": "mine:reward", "price": 2}
