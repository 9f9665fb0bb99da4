"""The larger pipeline on real databases: killed between any two steps, it does each thing once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import sqlalchemy as sa
import yaml

from training.artifacts import ArtifactStore
from training.config.load import parse_pipeline
from training.config.sources import SampleSource
from training.data.sources import read_rows
from training.errors import DataError
from training.registry import ModelRegistry
from training.registry.promotion import DecisionLog
from training.run import RunRecord, run_ids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Do = Callable[..., dict[str, Any]]

HERE = Path(__file__).parent
FIRST, SECOND = "2001-06-29", "2001-07-31"
STEPS = (
    ("training.etl.pipeline:Pipeline.extract", "after"),
    ("training.etl.pipeline:Pipeline.transform", "after"),
    ("training.retraining.retraining:Retraining.finish", "after"),
    ("training.etl.pipeline:Pipeline.predict", "after"),
    ("training.etl.publish.sql:_records", "before"),
    ("training.etl.pipeline:Pipeline.publish", "after"),
    ("training.etl.pipeline:Pipeline.finish", "after"),
)
"""After each step; `_records` is within the transaction, between DELETE and INSERT."""
WITHIN = (
    ("training.etl.pipeline:Pipeline.check", "after"),
    ("training.etl.pipeline:keep_rows", "before"),
    ("training.etl.record:SlotOfPipeline.of", "before"),
    ("training.retraining.retraining:Retraining.validate", "after"),
    ("training.retraining.retraining:Retraining.decide", "before"),
)


def config(name: str, url: str) -> dict[str, Any]:
    """A pipeline that reads prices and writes predictions in one database, in tables of its own."""
    return {
        "extract": {"type": "sql", "url": url, "query": "SELECT date, close FROM prices"},
        "transform": {"type": "own_etl:momentum", "days": 5},
        "retrain": {
            "name": name,
            "data": {"features": [{"type": "columns", "columns": ["momentum"]}]},
            "model": {"type": "mlp", "hidden": [4]},
            "training": {"epochs": 2, "batch_size": 128},
            "promotion": {"rules": []},
        },
        "publish": {"type": "sql", "url": url, "table": f"of_{name}"},
    }


@pytest.fixture(autouse=True)
def _own_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(HERE))


@pytest.fixture(scope="module")
def prices() -> pd.DataFrame:
    """Three years of the packaged S&P 500."""
    return read_rows(SampleSource(end=pd.Timestamp("2001-12-31"))).frame.head(756)


@pytest.fixture
def sqlite(tmp_path: Path, prices: pd.DataFrame) -> str:
    """A database file with the table `prices`."""
    return _filled(f"sqlite:///{tmp_path}/etl.db", prices)


def _filled(url: str, prices: pd.DataFrame) -> str:
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        prices.to_sql("prices", connection, index=False, if_exists="replace")
    return url


def _published(url: str, name: str) -> pd.DataFrame:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return pd.read_sql_query(
            sa.text(f"SELECT * FROM of_{name} ORDER BY slot"),  # noqa: S608 - a name of this test
            connection,
            parse_dates=["date"],
        )


def _run(tree: dict[str, Any], storage: Path, as_of: str) -> dict[str, Any]:
    from flows.pipeline import pipeline

    done: dict[str, Any] = pipeline(parse_pipeline(tree), str(storage), as_of)
    return done


def test_from_a_database_into_one_and_again_does_nothing(
    server: str, sqlite: str, tmp_path: Path
) -> None:
    """Each slot a version and a row; the rows of the source after the moment are never seen."""
    tree = config("nights", sqlite)
    outcomes = [_run(tree, tmp_path / "storage", at) for at in (FIRST, SECOND, SECOND)]
    assert [one["status"] for one in outcomes] == ["completed", "completed", "already-complete"]
    assert [one["slot"] for one in outcomes] == [FIRST, SECOND, SECOND]
    assert outcomes[0]["rows"]["last"] == FIRST
    rows = _published(sqlite, "nights")
    assert rows["slot"].tolist() == [FIRST, SECOND]
    assert rows["model"].tolist() == ["nights:1", "nights:2"]
    assert rows["date"].dt.date.astype(str).tolist() == [FIRST, SECOND]


def test_sqlite_and_postgresql_give_equal_weights_and_predictions(
    server: str,
    sqlite: str,
    postgres: str,
    prices: pd.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The digest of the weights, the publication's, every row of it."""
    monkeypatch.setenv("ETL_URL", _filled(postgres, prices))
    places = {"sqlite": sqlite, "postgres": "${ETL_URL}"}
    one, other = (
        _run(config("both", url), tmp_path / kind, SECOND) for kind, url in places.items()
    )
    assert one["model"] == other["model"]
    assert one["features"]["fingerprint"] == other["features"]["fingerprint"]
    assert one["published"] == other["published"]
    left, right = (_published(url, "both") for url in (sqlite, postgres))
    pd.testing.assert_frame_equal(left, right, check_dtype=False)
    assert len(left) == 1


@pytest.fixture(scope="module")
def children(server: str) -> Iterator[Do]:
    """Pipelines in forked children of one process, with a fault or without."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "crashing.py")],
        cwd=HERE.parents[1],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )

    def do(tree: dict[str, Any], storage: Path, fault: tuple[str, str] | None = None) -> Any:  # noqa: ANN401 - what the child told
        assert process.stdin is not None
        assert process.stdout is not None
        struck = fault and {"at": fault[0], "when": fault[1], "nth": 1, "how": "kill"}
        job = {"config": tree, "storage": str(storage), "as_of": SECOND, "seconds": None}
        process.stdin.write(json.dumps({**job, "via": "pipeline", "fault": struck}) + "\n")
        process.stdin.flush()
        told = json.loads(process.stdout.readline())
        assert told["error"] is None, told["error"]
        return told

    with process:
        yield do
        assert process.stdin is not None
        process.stdin.close()


def _watched(url: str, name: str) -> None:
    """Whatever is inserted into the table of predictions is written down by the database itself."""
    columns = "name TEXT, slot TEXT, publication TEXT, date TIMESTAMP, prediction FLOAT, model TEXT"
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        connection.execute(sa.text(f"CREATE TABLE of_{name} ({columns})"))
        connection.execute(sa.text(f"CREATE TABLE seen_{name} (publication TEXT)"))
        connection.execute(
            sa.text(
                f"CREATE TRIGGER t_{name} AFTER INSERT ON of_{name} BEGIN "  # noqa: S608 - as above
                f"INSERT INTO seen_{name} VALUES (new.publication); END"
            )
        )


def _seen(url: str, name: str) -> list[str]:
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        return list(connection.scalars(sa.text(f"SELECT publication FROM seen_{name}")))  # noqa: S608 - as above


@pytest.mark.slow
def test_killed_between_any_two_steps_it_trains_once_and_publishes_once(
    children: Do, sqlite: str, tmp_path: Path
) -> None:
    """The database itself counts what is inserted: once, with a kill right after the commit too."""
    _kill_at(STEPS, children, sqlite, tmp_path)


@pytest.mark.long
def test_killed_within_a_step_it_trains_once_and_publishes_once(
    children: Do, sqlite: str, tmp_path: Path
) -> None:
    """The same at other places."""
    _kill_at(WITHIN, children, sqlite, tmp_path)


def _kill_at(places: Iterable[tuple[str, str]], children: Do, sqlite: str, tmp_path: Path) -> None:
    whole = children(config("whole", sqlite), tmp_path / "whole")["result"]
    for number, place in enumerate(places):
        name, storage = f"m{number}", tmp_path / str(number)
        tree = config(name, sqlite)
        _watched(sqlite, name)
        assert children(tree, storage, place)["signal"] == signal.SIGKILL, place
        done = children(tree, storage)["result"]
        _require_once(sqlite, storage, done, place)
        assert done["model"]["digest"] == whole["model"]["digest"], place
    assert children(tree, storage)["result"]["status"] == "already-complete"
    assert len(_seen(sqlite, name)) == 1


def _require_once(url: str, storage: Path, done: dict[str, Any], place: tuple[str, str]) -> None:
    name, store = done["name"], ArtifactStore(storage)
    registry = ModelRegistry(store)
    assert registry.numbers(name) == [1], place
    assert len(run_ids(store)) == 1, place
    assert len(RunRecord(store, run_ids(store)[0]).attempts()) <= 2, place
    assert len(registry.alias_history(name, "champion")) == 1, place
    assert len(DecisionLog(registry, registry.get(name))) == 1, place
    for step in ("rows", "features", "predictions"):
        assert store.versions("datasets", f"{name}-{step}") == [1], (place, step)
    rows = _published(url, name)
    assert rows["publication"].tolist() == [done["published"]["publication"]], place
    assert _seen(url, name) == rows["publication"].tolist(), place


@pytest.mark.slow
def test_an_unfinished_slot_goes_on_with_the_rows_that_it_began_with(
    children: Do, sqlite: str, tmp_path: Path
) -> None:
    """Rows that were revised meanwhile are those of the next time."""
    tree, storage = config("revised", sqlite), tmp_path / "storage"
    place = ("training.etl.pipeline:Pipeline.transform", "after")
    assert children(tree, storage, place)["signal"] == signal.SIGKILL
    with sa.create_engine(sqlite, poolclass=sa.NullPool).begin() as connection:
        connection.execute(sa.text("UPDATE prices SET close = close * 2 WHERE volume % 2 = 0"))
    done = children(tree, storage)["result"]
    whole = children(config("other", sqlite), tmp_path / "other")["result"]
    assert done["rows"]["path"].endswith("00000001")
    assert done["rows"]["fingerprint"] != whole["rows"]["fingerprint"]
    again = children(tree, storage)["result"]
    assert again["rows"]["fingerprint"] == whole["rows"]["fingerprint"]
    assert again["model"]["version"] == 2
    assert len(_published(sqlite, "revised")) == 1


def test_the_lineage_is_recorded_as_assets(server: str, sqlite: str, tmp_path: Path) -> None:
    """Source → features → model → predictions, each materialized once a slot, with its upstream."""
    tree, storage = config("lineage", sqlite), tmp_path / "storage"
    outcome = _run(tree, storage, SECOND)
    _run(tree, storage, SECOND)
    source, target = (f"{sqlite}/{table}" for table in ("prices", "of_lineage"))
    features, model = "retrain://lineage/features", "retrain://lineage/model"
    expected = {features: {source}, model: {features}, target: {features, model}}
    found = _materialized(expected)
    assert {key: upstream for key, upstream, _ in found} == expected
    assert len(found) == len(expected)
    told = {key: payload for key, _, payload in found}
    assert told[features] == outcome["features"]
    assert told[model]["digest"] == outcome["model"]["digest"]
    assert told[target] == outcome["published"]


def _materialized(keys: dict[str, set[str]]) -> list[tuple[str, set[str], dict[str, Any]]]:
    """Key, upstream keys and metadata of each; the server writes its events every few seconds."""
    from prefect.client.orchestration import get_client

    from flows.train import deliver

    deliver()
    wanted = {
        "event": {"name": ["prefect.asset.materialization.succeeded"]},
        "resource": {"id": list(keys)},
    }
    deadline = time.monotonic() + 30
    while True:
        with get_client(sync_client=True) as client:
            events = client.request("POST", "/events/filter", json={"filter": wanted}).json()
        if len(events["events"]) >= len(keys) or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    return [
        (
            one["resource"]["prefect.resource.id"],
            {
                other["prefect.resource.id"]
                for other in one["related"]
                if other["prefect.resource.role"] == "asset"
            },
            one["payload"],
        )
        for one in events["events"]
    ]


def test_a_database_that_is_away_for_a_moment_costs_an_attempt_and_no_more(
    server: str,
    postgres: str,
    prices: pd.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At the source and at the target; what is wrong for good is not tried again."""
    from training.data.databases import database_url
    from training.data.sources import sql
    from training.etl.publish import sql as target

    monkeypatch.setenv("ETL_URL", _filled(postgres, prices))
    asked: dict[str, list[str]] = {"extract": [], "publish": []}

    def away_at_first(key: str, url: sa.URL) -> sa.URL:
        asked[key].append(str(url))
        return url.set(host="127.0.0.1", port=1) if len(asked[key]) in {1, 3} else url

    find = database_url
    monkeypatch.setattr(sql, "database_url", lambda p, _: away_at_first("extract", find(p, "")))
    monkeypatch.setattr(target, "database_url", lambda p, _: away_at_first("publish", find(p, "")))
    tree = config("away", "${ETL_URL}")
    tree["retrain"]["execution"] = {"retries": 2, "retry_delay_seconds": 0}
    assert _run(tree, tmp_path / "storage", FIRST)["status"] == "completed"
    assert (len(asked["extract"]), len(asked["publish"])) == (2, 4)
    assert len(_published(postgres, "away")) == 1
    tree["extract"]["query"] = "SELECT nothing FROM prices"
    with pytest.raises(DataError, match="nothing"):
        _run(tree, tmp_path / "storage", SECOND)
    assert len(asked["extract"]) == 4  # the third was away again, the fourth is final


@pytest.mark.slow
def test_the_command_is_stopped_and_goes_on(server: str, sqlite: str, tmp_path: Path) -> None:
    """SIGTERM within an epoch: its exit code, the command that goes on, one version in the end."""
    tree = config("stopped", sqlite)
    tree["retrain"]["training"] |= {"epochs": 60, "batch_size": 4}
    (tmp_path / "p.yaml").write_text(yaml.safe_dump(tree))
    words = [
        str(Path(sys.executable).with_name("retrain")),
        "pipeline",
        "p.yaml",
        "--as-of",
        SECOND,
    ]
    words += ["--storage", "storage", "--json"]
    environment = os.environ | {"PREFECT_API_URL": server, "PYTHONPATH": str(HERE)}
    stopped = subprocess.Popen(
        words, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert stopped.stderr is not None
    while "epoch 2/60" not in stopped.stderr.readline():
        assert stopped.poll() is None
    stopped.send_signal(signal.SIGTERM)
    out, err = stopped.communicate(timeout=60)
    assert stopped.returncode == 143, err
    assert json.loads(out)["status"] == "interrupted"
    assert f"continue with: retrain pipeline p.yaml --as-of {SECOND}" in err
    wrong = subprocess.run(
        [*words, "--set", "extract.query=SELECT 1 FROM no_such"], cwd=tmp_path, env=environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert wrong.returncode == 2
    assert "no such table: no_such; see extract.url and query" in wrong.stderr
    done = subprocess.run(
        words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["status"] == "completed"
    assert "continuing run" in done.stderr
    assert ModelRegistry(ArtifactStore(tmp_path / "storage")).numbers("stopped") == [1]
