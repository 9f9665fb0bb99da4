"""Each rule on both sides of its edge, and how rules combine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from training.config import PromotionConfig
from training.config.promotion import PromotionRule
from training.errors import ConfigError
from training.registry.promotion import Candidate, Contest, Gate, decide
from training.registry.promotion.rules import build_rules


def _contest(
    new: dict[str, float],
    old: dict[str, float] | None = None,
    **more: Any,  # noqa: ANN401 - fields of a contest
) -> Contest:
    champion = None if old is None else Candidate("m:1", old)
    return Contest(Candidate("m:2", new), champion, **more)


def _judge(rule: dict[str, Any], contest: Contest) -> Any:  # noqa: ANN401 - a judgement
    config: Any = TypeAdapter(PromotionRule).validate_python(rule)
    (built,) = build_rules([config])
    return built.judge(contest)


@pytest.mark.parametrize(
    ("rule", "new", "old", "passed"),
    [
        ({"by": 0.0}, 0.49, 0.5, True),
        ({"by": 0.0}, 0.5, 0.5, False),
        ({"by": 0.25}, 0.25, 0.5, True),
        ({"by": 0.25}, 0.2500001, 0.5, False),
        ({"by": 0.5, "relative": True}, 0.25, 0.5, True),
        ({"by": 0.5, "relative": True}, 0.2500001, 0.5, False),
        ({"metric": "test_accuracy", "by": 0.25}, 0.75, 0.5, True),
        ({"metric": "test_accuracy", "by": 0.25}, 0.7499, 0.5, False),
        ({"metric": "test_accuracy", "mode": "min"}, 0.75, 0.5, False),
        ({"metric": "test_backtest_sharpe", "by": 0.5, "relative": True}, -0.5, -1.0, True),
        ({"metric": "test_backtest_sharpe", "by": 0.5, "relative": True}, -0.51, -1.0, False),
        ({"metric": "test_backtest_max_drawdown"}, -0.1, -0.2, True),
        ({"metric": "test_backtest_max_drawdown"}, -0.2, -0.1, False),
    ],
)
def test_better_by_at_least(rule: dict[str, Any], new: float, old: float, passed: bool) -> None:
    """Absolute or as a share of the champion's value; nothing at all is no improvement."""
    name = rule.get("metric", "test_loss")
    judgement = _judge({"type": "better", **rule}, _contest({name: new}, {name: old}))
    assert judgement.passed is passed
    assert f"{new:.6g}" in judgement.sentence
    assert judgement.figures["champion"] == old


@pytest.mark.parametrize(
    ("seeds", "old", "passed"),
    [
        ("chosen", 0.25, True),
        ("chosen", 0.2, False),
        ("median", 0.4, True),
        ("median", 0.3, False),
        ("worst", 0.6, True),
        ("worst", 0.5, False),
    ],
)
def test_which_of_several_seeds_must_be_better(seeds: str, old: float, passed: bool) -> None:
    """The chosen one, the median, or all of them."""
    each = {"test_loss": (0.2, 0.5, 0.3), "test_accuracy": (0.8, 0.5, 0.7)}
    contest = _contest({"test_loss": 0.2, "test_accuracy": 0.8}, {"test_loss": old}, seeds=each)
    judgement = _judge({"type": "better", "seeds": seeds}, contest)
    assert judgement.passed is passed
    accuracy = _contest(contest.challenger.metrics, {"test_accuracy": 1 - old}, seeds=each)
    rule = {"type": "not_worse", "metric": "test_accuracy", "seeds": seeds}
    assert (
        _judge(rule, accuracy).figures["challenger"]
        == {
            "chosen": 0.8,
            "median": 0.7,
            "worst": 0.5,
        }[seeds]
    )


def test_with_one_seed_each_of_them_is_the_chosen_one() -> None:
    """There is no spread to speak of."""
    for seeds in ("chosen", "median", "worst"):
        contest = _contest({"test_loss": 0.4}, {"test_loss": 0.5})
        assert _judge({"type": "better", "seeds": seeds}, contest).figures["challenger"] == 0.4


@pytest.mark.parametrize(
    ("rule", "new", "passed"),
    [
        ({"than": 0.0}, 0.5, True),
        ({"than": 0.0}, 0.5000001, False),
        ({"than": 0.25}, 0.75, True),
        ({"than": 0.25}, 0.7500001, False),
        ({"than": 0.5, "relative": True}, 0.75, True),
        ({"than": 0.5, "relative": True}, 0.7500001, False),
    ],
)
def test_not_worse_than(rule: dict[str, Any], new: float, passed: bool) -> None:
    contest = _contest({"test_loss": new}, {"test_loss": 0.5})
    found = _judge({"type": "not_worse", "metric": "test_loss", **rule}, contest)
    assert found.passed is passed


@pytest.mark.parametrize(
    ("rule", "metric", "baseline", "value", "base", "passed"),
    [
        ({"baseline": "majority"}, "test_accuracy", "majority_accuracy", 0.51, 0.5, True),
        ({"baseline": "majority"}, "test_accuracy", "majority_accuracy", 0.5, 0.5, False),
        ({"baseline": "last_value"}, "test_loss", "last_value_loss", 0.4, 0.5, True),
        ({"baseline": "last_value"}, "test_loss", "last_value_loss", 0.5, 0.5, False),
        ({"baseline": "buy_and_hold"}, "test_backtest_sharpe", "buy_and_hold_sharpe", 2, 1, True),
        ({"baseline": "buy_and_hold", "by": 0.5}, "test_backtest_sharpe", "buy_and_hold_sharpe",
         1.5, 1, False),
        ({"baseline": "buy_and_hold", "by": -0.5}, "test_backtest_sharpe", "buy_and_hold_sharpe",
         0.51, 1, True),
        ({"baseline": "buy_and_hold", "measure": "max_drawdown"}, "test_backtest_max_drawdown",
         "buy_and_hold_max_drawdown", -0.1, -0.2, True),
        ({"baseline": "moving_average"}, "test_backtest_sharpe", "moving_average_sharpe", 2, 1,
         True),
        ({"baseline": "random"}, "test_backtest_sharpe", "random_sharpe", 1, 2, False),
        ({"baseline": "random"}, "test_backtest_sharpe", "buy_and_hold_sharpe", 2, 1, False),
    ],
)  # fmt: skip
def test_beats_a_baseline(
    rule: dict[str, Any], metric: str, baseline: str, value: float, base: float, passed: bool
) -> None:
    contest = _contest({metric: value}, baselines={baseline: base})
    assert _judge({"type": "beats", **rule}, contest).passed is passed


@pytest.mark.parametrize(("fall", "passed"), [(-0.2, True), (-0.2000001, False), (0.0, True)])
def test_no_drawdown_beyond(fall: float, passed: bool) -> None:
    contest = _contest({"test_backtest_max_drawdown": fall})
    assert _judge({"type": "drawdown", "at_most": 0.2}, contest).passed is passed


def test_what_was_not_measured_never_passes() -> None:
    nothing, some = _contest({}, {}), _contest({"test_loss": 1.0}, {})
    for rule in (
        {"type": "better"},
        {"type": "not_worse", "metric": "test_loss"},
        {"type": "beats", "baseline": "majority"},
        {"type": "drawdown"},
        {"type": "significant"},
    ):
        found = _judge(rule, nothing)
        assert found.passed is False
        assert "was not measured" in found.sentence
    assert _judge({"type": "better"}, some).passed is False


def test_a_metric_whose_direction_nobody_knows_is_wrong_configuration() -> None:
    with pytest.raises(ConfigError, match="say it with mode"):
        _judge({"type": "better", "metric": "test_wonder"}, _contest({}))


def _rows(gain: float, rows: int = 400, noise: float = 1.0) -> tuple[Candidate, Candidate]:
    random = np.random.default_rng(5)
    old = random.normal(5.0, 1.0, rows)
    new = old - gain + random.normal(0.0, noise, rows)
    return Candidate("m:2", {}, losses=new), Candidate("m:1", {}, losses=old)


def test_significance_is_a_paired_bootstrap_with_a_stated_seed() -> None:
    """A clear gain passes, none does not; the same seed gives the same share."""
    for gain, passed in ((0.2, True), (0.0, False), (-0.2, False)):
        contest = Contest(*_rows(gain))
        first = _judge({"type": "significant", "seed": 3}, contest)
        assert first.passed is passed
        assert first == _judge({"type": "significant", "seed": 3}, contest)
        assert "seed 3" in first.sentence


def test_significance_at_the_edge_of_its_confidence() -> None:
    contest = Contest(*_rows(0.07))
    share = _judge({"type": "significant"}, contest).figures["share"]
    assert 0.55 < share < 0.999
    at, above = ({"type": "significant", "confidence": c} for c in (share, share + 1e-6))
    assert _judge(at, contest).passed is True
    assert _judge(above, contest).passed is False


def test_significance_of_returns_wants_the_higher_ones() -> None:
    new, old = _rows(0.3)
    contest = Contest(
        Candidate("m:2", {}, returns=-new.losses if new.losses is not None else None),
        Candidate("m:1", {}, returns=-old.losses if old.losses is not None else None),
    )
    assert _judge({"type": "significant", "of": "returns"}, contest).passed is True
    assert _judge({"type": "significant", "of": "loss"}, contest).passed is False


def _gate(first: str = "rules", *rules: dict[str, Any]) -> Gate:
    return Gate.of(PromotionConfig.model_validate({"first": first, "rules": list(rules)}))


LOSS = {"type": "better"}
FALL = {"type": "drawdown", "at_most": 0.2}


def test_all_rules_must_hold_and_the_reason_names_those_that_do_not() -> None:
    gate = _gate("rules", LOSS, FALL)
    old = {"test_loss": 1.0}
    good = _contest({"test_loss": 0.5, "test_backtest_max_drawdown": -0.1}, old)
    bad = _contest({"test_loss": 0.5, "test_backtest_max_drawdown": -0.3}, old)
    assert gate.judge(good)[0] == "promote"
    verdict, reason, judgements = gate.judge(bad)
    assert (verdict, reason) == ("reject", "the deepest fall 30.00% is beyond 20.00%")
    assert [one.passed for one in judgements] == [True, False]


def test_any_of_and_all_of_combine() -> None:
    either = {"type": "any_of", "rules": [LOSS, FALL]}
    old = {"test_loss": 1.0}
    for loss, fall, any_passes in ((0.5, -0.5, True), (1.5, -0.1, True), (1.5, -0.5, False)):
        contest = _contest({"test_loss": loss, "test_backtest_max_drawdown": fall}, old)
        assert _judge(either, contest).passed is any_passes
        assert _judge({"type": "all_of", "rules": [LOSS, FALL]}, contest).passed is False


@pytest.mark.parametrize(
    ("first", "rules", "verdict"),
    [
        ("promote", [FALL], "promote"),
        ("rules", [LOSS], "promote"),
        ("rules", [LOSS, FALL], "reject"),
        ("rules", [], "promote"),
        ("rules", [LOSS, {"type": "approval"}], "await-approval"),
        ("approval", [LOSS], "await-approval"),
        ("approval", [FALL], "reject"),
    ],
)
def test_the_first_model_ever(first: str, rules: list[dict[str, Any]], verdict: str) -> None:
    """Rules that need a champion do not speak; the others do, unless it is promoted anyway."""
    contest = _contest({"test_loss": 1.0, "test_backtest_max_drawdown": -0.5})
    assert _gate(first, *rules).judge(contest)[0] == verdict


def test_approval_is_asked_for_only_by_what_passes_all_else() -> None:
    gate = _gate("rules", LOSS, {"type": "approval"})
    assert gate.judge(_contest({"test_loss": 0.5}, {"test_loss": 1.0}))[0] == "await-approval"
    assert gate.judge(_contest({"test_loss": 1.5}, {"test_loss": 1.0}))[0] == "reject"
    inner = _gate("rules", {"type": "all_of", "rules": [LOSS, {"type": "approval"}]})
    assert inner.judge(_contest({"test_loss": 0.5}, {"test_loss": 1.0}))[0] == "await-approval"


def test_a_decision_has_every_figure_and_the_notes() -> None:
    contest = _contest(
        {"test_loss": 0.5},
        {"test_loss": 1.0},
        baselines={"b": 2.0},
        about={"rows": 7},
        notes=("n",),
    )
    found = decide(_gate("rules", LOSS), contest, 1, "run r")
    assert (found.version, found.champion, found.alias) == (2, 1, "champion")
    assert found.reason.endswith("; n")
    assert found.metrics == {"challenger": {"test_loss": 0.5}, "champion": {"test_loss": 1.0}}
    assert found.judgements[0]["figures"]["gain"] == 0.5
    assert (found.baselines, found.about, found.who) == ({"b": 2.0}, {"rows": 7}, "run r")
