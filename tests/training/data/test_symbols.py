"""Several symbols in one table: each by itself, parts cut by time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from training.artifacts import ArtifactStore
from training.data import FeaturePipeline
from training.data.kept import keep_table, kept_table
from training.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from training.data import DataManager, Dataset

    Manage = Callable[..., DataManager]

KEYS: dict[str, Any] = {
    "features": [{"type": "returns", "lags": 2}, {"type": "ema", "window": 5}],
    "target": {"type": "return", "horizon": 3},
    "scaler": "none",
    "dtype": "float64",
}
MANY = KEYS | {"symbol_column": "symbol"}
SYMBOLS = ("AAA", "BBB", "CCC")


def one(symbol: str) -> pd.DataFrame:
    random = np.random.default_rng(SYMBOLS.index(symbol))
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.02, 80)))
    return pd.DataFrame(
        {
            "date": pd.date_range("2024-01-01", periods=80),
            "symbol": symbol,
            "close": close,
            "volume": random.integers(1, 9, 80).astype("float64"),
        }
    )


def together() -> pd.DataFrame:
    """By time, as such tables mostly come; one symbol begins later, one has a gap."""
    rows = [one("AAA"), one("BBB")[20:], one("CCC").drop(index=range(38, 44))]
    return pd.concat(rows).sort_values(["date", "symbol"], ignore_index=True)


def rows_of(data: Dataset, part: str) -> dict[bytes, tuple[bytes, float]]:
    """Inputs with time and label of each row."""
    found = getattr(data, part)
    pairs = zip(found.x, found.times, found.y, strict=True)
    return {np.ascontiguousarray(x).tobytes(): (time.tobytes(), y) for x, time, y in pairs}


@pytest.mark.parametrize("look_back", [1, 4])
def test_each_symbol_is_what_it_is_alone(look_back: int, manage: Manage) -> None:
    """Features, windows and labels of a symbol know nothing of the others."""
    keys = {"look_back": look_back, "split": {"validation": 0, "test": 0}}
    found = rows_of(manage(together(), **MANY, **keys).get_data(), "train")
    expected: dict[bytes, Any] = {}
    for symbol in SYMBOLS:
        rows = together().query(f"symbol == '{symbol}'").reset_index(drop=True)
        expected |= rows_of(manage(rows, **KEYS, **keys).get_data(), "train")
    assert found == expected
    assert len(found) == 80 + 60 + 74 - 3 * (4 + look_back - 1 + 3)


@pytest.mark.parametrize(
    "split",
    [
        {"validation": 0.2, "test": 0.2},
        {"type": "date", "validation": "2024-02-10", "test": "2024-02-25"},
        {"type": "walk_forward", "folds": 3, "validation": 10, "test": 12, "embargo": 2},
        {"type": "kfold", "fold": 1, "folds": 4, "stratified": False},
    ],
    ids=lambda split: str(split.get("type", "share")),
)
def test_parts_are_cut_by_time(split: dict[str, Any], manage: Manage) -> None:
    """No moment is in two parts, and no label looks from one into another, over a gap neither."""
    frame = together()
    data = manage(frame, **MANY, split=split).get_data()
    times = {name: getattr(data, name).times for name in ("train", "validation", "test")}
    assert all(len(found) for found in times.values())
    for name, found in times.items():
        assert (np.diff(found) >= np.timedelta64(0)).all()
        others = np.concatenate([times[other] for other in times if other != name])
        assert not np.isin(found, others).any()
        ends = reach(frame, getattr(data, name).x)
        for start, end in ends:
            assert not ((others > start) & (others <= end)).any()


def reach(frame: pd.DataFrame, x: Any) -> list[tuple[np.datetime64, np.datetime64]]:  # noqa: ANN401 - inputs
    """First and last moment that a row and its label know of, found by the row's return."""
    known: dict[float, Any] = {}
    for _, rows in frame.groupby("symbol"):
        times = rows["date"].to_numpy()
        returns = np.log(rows["close"]).diff().to_numpy()
        known |= {round(returns[at], 12): (times[at], times[at + 3]) for at in range(len(rows) - 3)}
    return [known[round(float(row[0]), 12)] for row in x]


def test_the_order_of_the_rows_makes_no_difference(manage: Manage) -> None:
    """By time, by symbol, newest first: the same table, the same data."""
    frame = together()
    expected = manage(frame, **MANY).get_data()
    by_symbol = frame.sort_values(["symbol", "date"])
    for other in (by_symbol, by_symbol[::-1]):
        found = manage(other, **MANY).get_data()
        assert found.fingerprint == expected.fingerprint
        assert found.train.x.tobytes() == expected.train.x.tobytes()


def test_one_symbol_alone_is_the_table_without_the_column(manage: Manage) -> None:
    frame = one("AAA")
    expected = manage(frame.drop(columns="symbol"), **KEYS).get_data()
    found = manage(frame, **MANY).get_data()
    for part in ("train", "validation", "test"):
        assert getattr(found, part).x.tobytes() == getattr(expected, part).x.tobytes()
        assert getattr(found, part).y.tobytes() == getattr(expected, part).y.tobytes()


def test_scoring_gives_rows_in_the_order_of_the_table(manage: Manage) -> None:
    """Each symbol after its own warm-up, by a pipeline that was stored."""
    frame = together()
    data = manage(frame, **MANY, split={"validation": 0, "test": 0}).get_data()
    pipeline = FeaturePipeline.from_state(data.pipeline.state_dict())
    scored, inputs = pipeline.scored_rows(frame), pipeline.transform(frame)
    assert len(scored) == len(inputs) == len(frame) - 3 * pipeline.warm_up
    for symbol in SYMBOLS:
        alone = frame[frame["symbol"] == symbol]
        chosen = inputs[(frame["symbol"] == symbol).to_numpy()[scored]]
        assert chosen.tobytes() == pipeline.transform(alone).tobytes()
    with pytest.raises(DataError, match="has no column 'symbol'"):
        pipeline.transform(frame.drop(columns="symbol"))


def test_checks_look_at_each_symbol_by_itself(manage: Manage) -> None:
    """Where one ends and the next begins is no jump and no gap."""
    frame = together()
    frame["close"] *= frame["symbol"].map({"AAA": 1, "BBB": 100, "CCC": 10_000})
    told = manage(frame, **MANY).load().description
    assert told["symbols"] == list(SYMBOLS)
    (gap,) = told["findings"]
    assert gap["check"] == "gaps"
    twice = pd.concat([frame, frame.tail(1)])
    with pytest.raises(DataError, match="stands again further down"):
        manage(twice, **MANY).load()


def test_a_kept_table_has_its_symbols(manage: Manage, tmp_path: Path) -> None:
    store, manager = ArtifactStore(tmp_path / "storage"), manage(together(), **MANY)
    table = manager.load()
    keep_table(store, table)
    again = manager.get_data(kept_table(store, table.fingerprint))
    assert again.train.x.tobytes() == manager.get_data(table).train.x.tobytes()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda frame: frame.rename(columns={"symbol": "Symbol"}), "did you mean 'Symbol'"),
        (lambda frame: frame.assign(symbol=frame["symbol"].where(frame.index != 3)), "no symbol"),
        (lambda frame: frame.drop(columns="date"), "several symbols need times"),
    ],
)
def test_what_is_broken_is_refused(
    change: Callable[[pd.DataFrame], pd.DataFrame], said: str, manage: Manage
) -> None:
    with pytest.raises(DataError, match=said):
        manage(change(together()), **MANY).load()


def test_a_network_trains_on_several_symbols(train: Callable[..., Any]) -> None:
    keys = {"symbol_column": "symbol", "target": {"type": "direction"}, "look_back": 3}
    keys["features"] = [{"type": "returns"}, {"type": "columns", "columns": ["volume"]}]
    assert train(data=keys, frame=together()).metrics["test_loss"] > 0
