"""Tables larger than memory: the same bits, in the same order, with little of them in memory."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from training.data import epoch_batches
from training.data.disk import goes_to_disk
from training.data.disk.table import BLOCK
from training.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.data import DataManager, Dataset
    from training.run import TrainingResult

    Manage = Callable[..., DataManager]
    Train = Callable[..., TrainingResult]

ROWS = 2 * BLOCK + 777
DISK = {"mode": "disk"}
FEATURES: list[dict[str, Any]] = [
    {"type": "returns", "lags": 3},
    {"type": "sma", "window": 30},
    {"type": "ema", "window": 9},
    {"type": "calendar", "parts": ["time_of_day", "weekday"]},
    {"type": "obv", "window": 7},
    {"type": "columns", "columns": ["volume"]},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Minutes in three files, more than fit into one block."""
    random = np.random.default_rng(8)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.001, ROWS)))
    frame = pd.DataFrame(
        {
            "time": pd.date_range("2024-01-01", periods=ROWS, freq="min"),
            "close": close,
            "volume": random.integers(1, 99, ROWS),
        }
    )
    found = tmp_path_factory.mktemp("bars")
    for number, at in enumerate(range(0, ROWS, 60_000)):
        frame[at : at + 60_000].to_parquet(found / f"{number}.parquet", row_group_size=17_000)
    return found


def both(manage: Manage, folder: Path, **keys: Any) -> tuple[Dataset, Dataset]:  # noqa: ANN401 - sections of a configuration
    asked = {key: keys.pop(key) for key in ("start", "end", "columns") if key in keys}
    source = {"type": "parquet", "path": str(folder)} | asked
    keys.setdefault("features", FEATURES)
    window = keys.pop("window", None)
    found = [
        manage(source=source, memory=memory, **keys).knowing(window=window).get_data()
        for memory in ({"mode": "memory"}, DISK)
    ]
    return found[0], found[1]


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"scaler": "minmax"},
        {"scaler": "robust", "dtype": "float64"},
        {"scaler": "none", "target": {"type": "multi_step", "steps": 3}},
        {"target": {"type": "triple_barrier", "horizon": 5, "window": 10}},
        {"target": {"type": "return", "horizon": 4}, "look_back": 4},
        {"window": 3},
        {"split": {"type": "date", "test": "2024-03-01"}},
        {"split": {"type": "walk_forward", "fold": 1, "embargo": 5}},
        {"start": "2024-01-20", "end": "2024-03-10", "columns": ["close", "volume"]},
        {
            "features": [{"type": "columns"}],
            "target": {"type": "column", "column": "volume", "task": "regression"},
        },
    ],
    ids=str,
)
def test_a_table_on_disk_is_what_it_is_in_memory(
    keys: dict[str, Any], folder: Path, manage: Manage
) -> None:
    """Inputs, labels, times, returns, scaling and fingerprint, to the last bit."""
    expected, found = both(manage, folder, **keys)
    assert found.fingerprint == expected.fingerprint
    assert found.features == expected.features
    assert (found.task, found.outputs) == (expected.task, expected.outputs)
    assert found.bars_per_year == expected.bars_per_year
    for name, value in expected.pipeline.state_dict().items():
        np.testing.assert_array_equal(found.pipeline.state_dict()[name], value)
    for part in ("train", "validation", "test"):
        ours, theirs = getattr(found, part), getattr(expected, part)
        for array in ("x", "y", "times", "forward_returns"):
            np.testing.assert_array_equal(getattr(ours, array), getattr(theirs, array))
            if getattr(theirs, array) is not None:
                assert getattr(ours, array).dtype == getattr(theirs, array).dtype
        assert (ours.readers, theirs.readers) == (2, 0)
        if theirs.prices is not None:
            np.testing.assert_array_equal(ours.prices.close, theirs.prices.close)
            assert ours.prices.at == theirs.prices.at


@pytest.mark.parametrize("look_back", [1, 3])
def test_batches_come_in_the_same_order(look_back: int, folder: Path, manage: Manage) -> None:
    expected, found = both(manage, folder, look_back=look_back)
    settings: dict[str, Any] = {"batch_size": 5_000, "seed": 3, "epoch": 2}
    pairs = zip(
        epoch_batches(expected.train, **settings),
        epoch_batches(found.train, **settings),
        strict=True,
    )
    assert all(
        one.x.tobytes() == other.x.tobytes() and one.y.tobytes() == other.y.tobytes()
        for one, other in pairs
    )


def test_the_same_weights_come_of_it(train: Train, table: pd.DataFrame, tmp_path: Path) -> None:
    table.to_parquet(tmp_path / "table.parquet")
    source = {"type": "parquet", "path": str(tmp_path / "table.parquet")}
    expected = train(storage=tmp_path / "one", data={"source": source})
    found = train(storage=tmp_path / "two", data={"source": source, "memory": DISK})
    assert found.run_id == expected.run_id
    assert found.checkpoint["digest"] == expected.checkpoint["digest"]


def test_nothing_is_left_on_the_disk(folder: Path, manage: Manage, tmp_path: Path) -> None:
    """The files have no name from the start, so nothing can be left, not even by a kill."""
    (tmp_path / "scratch").mkdir()
    memory = DISK | {"folder": str(tmp_path / "scratch")}
    source = {"type": "parquet", "path": str(folder)}
    data = manage(source=source, memory=memory).get_data()
    assert list((tmp_path / "scratch").iterdir()) == []
    assert np.isfinite(data.train.x).all()


def test_room_is_looked_for_beforehand(
    folder: Path, manage: Manage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the disk cannot hold is not begun."""
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    with pytest.raises(DataError, match=r"needs 0\.\d+ GB in .*, where 0\.00 GB are free"):
        manage(source={"type": "parquet", "path": str(folder)}, memory=DISK).get_data()


def test_large_tables_go_there_by_themselves(folder: Path, manage: Manage) -> None:
    """The size of the source decides; it can be set how much is too much."""
    source = {"type": "parquet", "path": str(folder)}
    assert not goes_to_disk(manage(source=source).config)
    assert goes_to_disk(manage(source=source, memory={"limit_gb": 0.001}).config)
    assert not goes_to_disk(manage(memory={"limit_gb": 0.001}).config)


def put(frame: pd.DataFrame) -> dict[str, Any]:
    frame.to_parquet("broken.parquet")
    return {"type": "parquet", "path": "broken.parquet"}


BROKEN: list[tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = [
    (lambda frame: frame[::-1], "row 2 is 2024-02-28 00:00:00"),
    (lambda frame: pd.concat([frame, frame[-1:]]), "row 61 is 2024-02-29 00:00:00: not later"),
    (lambda frame: frame.assign(close=frame["close"].where(frame.index != 7)), "row 8 is missing"),
    (lambda frame: frame.assign(close=frame["close"].where(frame.index != 7, -1)), "row 8 is -1.0"),
    (lambda frame: frame.assign(note="x"), "column 'note' holds no numbers"),
    (lambda frame: frame.rename(columns={"close": "Close"}), "did you mean 'Close'"),
    (lambda frame: frame[:0], "0 rows are left"),
    (lambda frame: frame[:10], "7 rows are left of 10"),
    (lambda frame: frame.assign(high=1.0), "high below the low"),
    (lambda frame: frame.assign(close=5.0, high=5.0, low=5.0, open=5.0), "constant"),
]


@pytest.mark.parametrize(("change", "words"), BROKEN)
def test_what_is_broken_is_refused_there_too(
    change: Callable[[pd.DataFrame], pd.DataFrame], words: str, prices: pd.DataFrame, manage: Manage
) -> None:
    """The same findings as in memory, with the rows counted over all batches."""
    with pytest.raises(DataError) as caught:
        manage(source=put(change(prices)), memory=DISK).get_data()
    assert words in str(caught.value)


def test_gaps_can_be_left_out_there_too(prices: pd.DataFrame, manage: Manage) -> None:
    holed = prices.assign(close=prices["close"].where(prices.index != 7))
    expected = manage(holed, on_missing="drop").get_data()
    found = manage(source=put(holed), memory=DISK, on_missing="drop").get_data()
    assert found.fingerprint == expected.fingerprint
    assert found.train.x.tobytes() == expected.train.x.tobytes()


def test_numbers_of_single_precision_stay_so_on_disk(prices: pd.DataFrame, manage: Manage) -> None:
    """Half the room, the same bits; files that differ in that are refused."""
    single = prices.assign(close=prices["close"].astype("float32"))
    expected = manage(single).get_data()
    found = manage(source=put(single), memory=DISK).get_data()
    assert found.fingerprint == expected.fingerprint
    assert found.train.x.tobytes() == expected.train.x.tobytes()
    Path("bars").mkdir()
    single[:30].to_parquet("bars/0.parquet")
    prices[30:].to_parquet("bars/1.parquet")
    with pytest.raises(DataError, match="column 'close' is float32 in the first file and float64"):
        manage(source={"type": "parquet", "path": "bars"}, memory=DISK).get_data()


def test_files_must_follow_one_another(prices: pd.DataFrame, manage: Manage) -> None:
    """The last row of a file is earlier than the first of the next."""
    Path("bars").mkdir()
    prices[29:].to_parquet("bars/1.parquet")
    prices[:30].to_parquet("bars/0.parquet")
    with pytest.raises(DataError, match="row 31 is 2024-01-30 00:00:00: not later than the row"):
        manage(source={"type": "parquet", "path": "bars"}, memory=DISK).get_data()


def test_only_parquet_can_be_kept_on_disk(prices: pd.DataFrame, manage: Manage) -> None:
    with pytest.raises(DataError, match="needs a source of type parquet, not dataframe"):
        manage(prices, memory=DISK).get_data()
