"""Tables of runs: an interrupted run goes on with its own, a later one is held against it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from training.callbacks import CallbackBase
from training.config.load import parse_config
from training.data.kept import kept_tables
from training.engine import TrainingEngine
from training.errors import ConfigError, DataError
from training.run import TrainingRun

if TYPE_CHECKING:
    from pathlib import Path

    from training.callbacks import EpochRecord


class Killed(CallbackBase):
    """Ends a run after its first epoch, the first time."""

    armed = True

    def on_epoch_end(self, record: EpochRecord) -> None:
        if self.armed:
            raise KeyboardInterrupt


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Prices in a database that goes on changing."""
    close = 100 * np.exp(np.cumsum(np.random.default_rng(3).normal(0, 0.01, 120)))
    days = pd.date_range("2024-01-01", periods=120).strftime("%Y-%m-%d")
    path = tmp_path / "prices.db"
    write(path, pd.DataFrame({"date": days, "close": close}))
    return path


def write(path: Path, frame: pd.DataFrame) -> None:
    with closing(sqlite3.connect(path)) as connection:
        frame.to_sql("prices", connection, index=False, if_exists="replace")


def read(path: Path) -> pd.DataFrame:
    with closing(sqlite3.connect(path)) as connection:
        return pd.read_sql("SELECT * FROM prices", connection)


def add_a_day(path: Path) -> None:
    frame = read(path)
    day = pd.DataFrame({"date": ["2024-04-30"], "close": frame["close"].tail(1) * 1.01})
    write(path, pd.concat([frame, day], ignore_index=True))


def revise(path: Path) -> None:
    frame = read(path)
    frame["close"] *= np.where(frame.index == 7, 1.001, 1)
    write(path, frame)


def run_of(database: Path, **settings: Any) -> TrainingRun:  # noqa: ANN401 - a run's own
    data: dict[str, Any] = {
        "source": {"type": "sql", "url": f"sqlite:///{database}", "query": "SELECT * FROM prices"},
        "features": [{"type": "returns", "lags": 2}],
    }
    data |= settings.pop("data", {})
    config = parse_config({"name": "m", "data": data, "training": {"epochs": 3}})
    storage = settings.pop("storage", database.parent / "storage")
    return TrainingRun(config, storage, **settings)


def finish(run: TrainingRun) -> Any:  # noqa: ANN401 - of a run
    run.load_data()
    with run.held():
        run.create_model()
        with run.watching():
            TrainingEngine().advance(run.session, run.config.training.epochs)
        return run.register(run.evaluate())


def interrupt(run: TrainingRun) -> None:
    with pytest.raises(KeyboardInterrupt):
        finish(run)


@pytest.mark.parametrize("named", [False, True])
def test_an_interrupted_run_goes_on_with_the_rows_that_it_began_with(
    named: bool, database: Path, tmp_path: Path
) -> None:
    """Though the database has other rows by now; it ends with the weights of a run left in peace.

    It is found by its slot, or is named.
    """
    calm = Killed()
    calm.armed = False
    expected = finish(run_of(database, slot="monday", storage=tmp_path / "other", callbacks=[calm]))
    interrupt(began := run_of(database, slot="monday", callbacks=[Killed()]))
    add_a_day(database)
    revise(database)
    again = run_of(
        database, slot="monday", callbacks=[calm], expect=began.run_id if named else None
    )
    found = finish(again)
    assert found.resumed_from is not None
    assert found.run_id == began.run_id == expected.run_id
    assert found.checkpoint["digest"] == expected.checkpoint["digest"]


def test_the_next_slot_reads_the_source_again(database: Path) -> None:
    interrupt(first := run_of(database, slot="monday", callbacks=[Killed()]))
    add_a_day(database)
    second = run_of(database, slot="tuesday", callbacks=[Killed()])
    second.load_data()
    assert second.data.description["rows"] == first.data.description["rows"] + 1


def test_without_a_kept_table_the_change_is_refused(database: Path) -> None:
    """What is not kept cannot be read again; the named run is not continued with other rows."""
    interrupt(began := run_of(database, data={"keep": "never"}, callbacks=[Killed()]))
    assert kept_tables(began.store) == []
    revise(database)
    with pytest.raises(ConfigError, match="data changed"):
        run_of(database, data={"keep": "never"}, expect=began.run_id).load_data()


def test_looking_keeps_nothing(database: Path) -> None:
    run = run_of(database)
    run.check()
    assert not (database.parent / "storage").exists()


def test_a_kept_table_says_what_made_it(database: Path) -> None:
    """Source, window, code and run; and nothing is kept twice."""
    result = finish(run_of(database, slot="one"))
    finish(run_of(database, slot="two"))
    (kept,) = kept_tables(run_of(database).store)
    assert kept["lineage"]["run_id"] == result.run_id
    assert kept["lineage"]["source"]["query"] == "SELECT * FROM prices"
    assert kept["lineage"]["code"]["libraries"]["numpy"] == np.__version__
    assert kept["description"]["rows"] == 120


def test_history_that_was_revised_since_an_earlier_run_is_told(database: Path) -> None:
    """By the run that sees it first, and by each attempt of it; new rows alone are no revision."""
    finish(run_of(database))
    add_a_day(database)
    later = run_of(database)
    assert "findings" not in later.load_data()
    finish(later)
    revise(database)
    for _ in range(2):
        run = run_of(database)
        (finding,) = run.load_data()["findings"]
        assert finding["check"] == "revised"
        finish(run)


def test_revised_history_can_end_the_run(database: Path) -> None:
    finish(run_of(database))
    revise(database)
    checks = [{"type": "revised", "level": "error"}]
    with pytest.raises(DataError, match="an earlier run saw"):
        run_of(database, data={"checks": checks}).load_data()


def test_all_rows_that_the_champion_has_not_seen_are_looked_at_for_drift(database: Path) -> None:
    """Not only the latest few: drift that began after its training is found."""
    calm = 100 * np.exp(np.cumsum(np.random.default_rng(3).normal(0, 0.01, 900)))
    days = pd.date_range("2020-01-01", periods=900).strftime("%Y-%m-%d")
    frame = pd.DataFrame({"date": days, "close": calm})
    write(database, frame[:860])
    run = run_of(database)
    finish(run)
    run.registry.set_alias("m", "champion", 1, expect=None)
    wild = np.exp(np.cumsum(np.random.default_rng(4).normal(0, 0.05, 40)))
    frame.loc[860:, "close"] = calm[859] * wild
    write(database, frame)
    checks = [{"type": "drift", "level": "warning", "rows": 2}]
    later = run_of(database, data={"checks": checks})
    (finding,) = [row for row in later.load_data()["findings"] if row["check"] == "drift"]
    assert finding["finding"].startswith("the last 40 rows")
