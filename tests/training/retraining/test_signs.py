"""Drift and decay: calibrated on their own past, shown in the report, deciding what is trained."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from training.artifacts import ArtifactStore
from training.config.load import load_config
from training.config.retraining import DriftSign
from training.data import DataManager
from training.registry import ModelRegistry
from training.retraining import slots
from training.retraining.signs import drift_signs
from training.retraining.verdict import verdict_about

if TYPE_CHECKING:
    from collections.abc import Callable

    Update = Callable[..., dict[str, Any]]

CONFIG = Path(__file__).parents[3] / "configs" / "retrain.yaml"


def test_drift_on_twenty_years_of_the_sp500_fires_seldom_and_in_autumn_2008() -> None:
    """At the end of each month, with what was known then, on the features of the example."""
    config = load_config(CONFIG, ())
    data = DataManager(config.data)
    table = data.load()
    pipeline = data.get_data(table).pipeline
    values = pipeline.compute(table.frame, table.time)
    assert table.times is not None
    days = pd.DatetimeIndex(table.times)
    ends = pd.Series(np.arange(len(days)), index=days).groupby(days.to_period("M")).last()
    fired, judged = [], 0
    for month, last in ends.items():
        known = values[pipeline.warm_up : last + 1]
        signs = drift_signs(known, pipeline.names, config.retraining.drift)
        judged += bool(signs.features)
        if "drift" in signs.seen:
            fired.append(str(month))
    assert (len(ends), judged) == (240, 216)
    assert len(fired) <= 0.05 * judged
    assert {"2008-10", "2008-11"} <= set(fired)


def test_a_past_that_is_too_short_says_nothing() -> None:
    """No drift by chance of a few stretches."""
    config = DriftSign(rows=10)
    values = np.random.default_rng(0).normal(size=(219, 2))
    values[-10:] += 100
    assert drift_signs(values, "ab", config).seen == ()
    longer = np.concatenate((values[:1], values))
    assert drift_signs(longer, "ab", config).seen == ("drift",)


def test_warm_on_weekdays_fresh_on_sundays(update: Update) -> None:
    """The day is that of the moment, not that of the last bar."""
    policy = {"start": "champion", "fresh_on": ["sunday"]}
    starts = [
        update(moment, retraining=policy)["start"]
        for moment in ("2020-12-31", "2021-01-30", "2021-02-28")
    ]
    assert starts == [
        "from new weights: there is no champion yet",
        "from the weights of v1",
        "from new weights: it is Sunday",
    ]


def test_after_drift_it_starts_fresh(update: Update, prices: pd.DataFrame) -> None:
    """And trains at all only then, where the policy says so."""
    policy = {
        "start": "champion",
        "fresh_after": ["drift"],
        "only_after": ["drift"],
        "drift": {"rows": 10},
        "decay": {"rows": 1000},
    }
    assert update("2020-12-31", retraining=policy)["status"] == "promoted"
    calm = update("2021-01-29", retraining=policy)
    assert (calm["status"], calm["reason"]) == ("skipped", "skipped: no drift since v1")
    wild = prices["date"] > "2021-01-29"
    prices.loc[wild, "close"] = 100 * 1.1 ** np.arange(wild.sum())
    outcome = update("2021-02-26", retraining=policy)
    assert outcome["start"] == "from new weights: drift since v1"
    assert outcome["signs"]["seen"] == ["drift"]


def test_a_champion_that_breaks_its_promise_has_decayed(
    update: Update, prices: pd.DataFrame
) -> None:
    """Measured on the rows that came after its own; with the figures in the report."""
    policy = {"only_after": ["decay"], "decay": {"rows": 15, "by": 0.0}}
    sure = {"epochs": 60, "optimizer": {"type": "adam", "learning_rate": 0.05}}
    update("2020-12-31", retraining=policy, training=sure)
    allowed = policy | {"decay": {"rows": 15, "by": 1000.0}}
    assert update("2021-01-29", retraining=allowed, training=sure)["status"] == "skipped"
    outcome = update("2021-01-29", retraining=policy, training=sure)
    (sentence,) = [one for one in outcome["signs"]["sentences"] if "of m:1" in one]
    assert "worse is allowed" in sentence
    assert (outcome["status"] == "skipped") == ("decay" not in outcome["signs"]["seen"])


def test_the_report_compares_the_two_and_says_what_changed(update: Update, tmp_path: Path) -> None:
    """Verdict, return and risk of all three, equity, learning, data, age, configuration."""
    backtest: dict[str, Any] = {"evaluation": {"backtest": {"cost_bps": 5}}}
    backtest["retraining"] = {"drift": {"rows": 10}}
    update("2020-12-31", **backtest)
    outcome = update("2021-01-29", training={"epochs": 3}, **backtest)
    store = ArtifactStore(tmp_path / "storage")
    reports = {one.plan.slot: one.report() for one in slots(store, "m") if one.plan}
    report = reports["2021-01-29"]
    assert report is not None
    assert report.startswith("# m:2 is the new champion\n\nAs of **2021-01-29**")
    for part in (
        "| after costs | challenger | champion | buy and hold | flat | moving average | random |",
        "| return |",
        "| Sharpe |",
        "| Sortino |",
        "| drawdown |",
        "| turnover |",
        "| cost |",
        "![equity over the held-out rows]",
        "![loss by epoch]",
        "features of the last 10 rows are unlike those before",
        "## What changed since m:1",
        "Its newest row is 29 days older.",
        "| training.epochs | 2 | 3 |",
    ):
        assert part in report, part
    assert len(report) < 500_000
    verdict = verdict_about(store, "m", outcome["run_id"])
    assert verdict is not None
    (measured, *_) = verdict.tables
    assert [row[0] for row in measured.rows] == ["test_accuracy", "test_loss"]
    held_out = outcome["held_out"]
    assert held_out["moments"][0] == held_out["first"]
    assert held_out["moments"][-1] == held_out["last"]
    picture = report.split("![equity over the held-out rows](data:image/svg+xml;base64,")[1]
    assert f">{held_out['first']}<" in base64.b64decode(picture.split(")")[0]).decode()
    assert ModelRegistry(store).numbers("m") == [1, 2]
