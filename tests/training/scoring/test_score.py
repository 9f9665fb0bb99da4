"""A registered model scores tables of any size: the same bits however they are cut."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from training.artifacts import ArtifactStore
from training.config.load import parse_config
from training.data import DataManager
from training.engine import TrainingEngine
from training.errors import DataError, InputError
from training.registry import ModelRegistry, load_model
from training.registry.load import PREDICTED_AT_ONCE, predict_in_blocks
from training.run import TrainingRun
from training.scoring import predictions, refuse_expired, score

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 15000


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    """Prices of 15000 hours, the columns in another order than they are used."""
    random = np.random.default_rng(3)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.01, ROWS)))
    volume = random.uniform(1, 2, ROWS)
    date = pd.date_range("2018-01-01", periods=ROWS, freq="h")
    return pd.DataFrame({"volume": volume, "date": date, "other": "x", "close": close})


@pytest.fixture(scope="module")
def registry(bars: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> ModelRegistry:
    """`m:1`, trained on returns, RSI, EMA and the flow of volume; one row an hour."""
    store = ArtifactStore(tmp_path_factory.mktemp("storage"))
    features = [{"type": kind, "column": "close"} for kind in ("returns", "rsi", "ema", "obv")]
    config = parse_config(
        {
            "name": "m",
            "data": {
                "source": {"type": "dataframe"},
                "features": features,
                "target": {"type": "direction", "column": "close", "horizon": 1},
            },
            "model": {"type": "mlp", "hidden": [16, 16]},
            "training": {"epochs": 1},
            "retraining": {"expire_after_days": 30},
        }
    )
    run = TrainingRun(config, store, manager=DataManager(config.data, frame=bars))
    TrainingEngine().finish(run)
    return ModelRegistry(store)


def _scored(registry: ModelRegistry, source: Any, chunk_rows: int) -> pd.DataFrame:  # noqa: ANN401 - a path or a frame
    model = load_model(registry, "m")
    return pd.concat(predictions(model, source, chunk_rows), ignore_index=True)


@pytest.mark.parametrize("chunk_rows", [1, 4096, 7000, 0])
@pytest.mark.parametrize("kind", ["frame", "csv", "parquet"])
def test_chunked_equals_unchunked(
    registry: ModelRegistry, bars: pd.DataFrame, tmp_path: Path, kind: str, chunk_rows: int
) -> None:
    """Bit for bit, from each kind of source; a row for each row, none for the warm-up."""
    source: Any = bars
    if kind == "csv":
        source = str(tmp_path / "bars.csv")
        bars.to_csv(source, index=False, float_format="%.17g")
    if kind == "parquet":
        source = str(tmp_path / "bars.parquet")
        bars.to_parquet(source, row_group_size=700)
    model = load_model(registry, "m")
    whole, warm_up = model.predict(bars), model.pipeline.warm_up
    found = _scored(registry, source, chunk_rows)["prediction"].to_numpy()
    assert np.array_equal(found[warm_up:], whole.reshape(-1))
    assert np.isnan(found[:warm_up]).all()


def test_more_rows_do_not_change_the_earlier_predictions(
    registry: ModelRegistry, bars: pd.DataFrame
) -> None:
    """To the last bit, so that tomorrow's file agrees with today's."""
    model = load_model(registry, "m")
    fewer = model.predict(bars.iloc[:-777])
    assert np.array_equal(model.predict(bars)[: len(fewer)], fewer)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_output_says_which_version_made_it(
    registry: ModelRegistry, bars: pd.DataFrame, tmp_path: Path, ending: str
) -> None:
    """In each row, beside its time; and in the metadata of a Parquet file."""
    path = tmp_path / f"out.{ending}"
    done = score(registry, "m:1", bars, path, allow_expired=True)
    assert (done.rows, done.predictions) == (
        ROWS,
        ROWS - load_model(registry, "m").pipeline.warm_up,
    )
    table = pd.read_csv(path) if ending == "csv" else pd.read_parquet(path)
    assert list(table.columns) == ["date", "prediction", "model"]
    assert set(table["model"]) == {"m:1"}
    assert list(pd.to_datetime(table["date"])) == list(bars["date"])
    if ending == "parquet":
        noted = pq.read_schema(path).metadata
        assert noted[b"digest"].decode() == registry.get("m:1").digest
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_other_columns_are_an_error_that_names_them(
    registry: ModelRegistry, bars: pd.DataFrame, tmp_path: Path
) -> None:
    """And nothing is left of the output."""
    wrong = bars.rename(columns={"close": "Close"})
    with pytest.raises(DataError, match="no column 'close'; did you mean 'Close'"):
        score(registry, "m", wrong, tmp_path / "out.csv", allow_expired=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", ["abc", ""])
def test_a_value_that_is_no_number_is_an_error(
    registry: ModelRegistry, bars: pd.DataFrame, tmp_path: Path, value: str
) -> None:
    """However far down it stands, and nothing is left of the output."""
    lines = bars.to_csv(index=False).splitlines()
    lines[14500] = ",".join([*lines[14500].split(",")[:-1], value])
    (tmp_path / "bars.csv").write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"abc|row 14500"):
        score(registry, "m", str(tmp_path / "bars.csv"), tmp_path / "out.csv", allow_expired=True)
    assert [file.name for file in tmp_path.iterdir()] == ["bars.csv"]


def test_too_few_rows_are_an_error(registry: ModelRegistry, bars: pd.DataFrame) -> None:
    """With the number of the first row that can have a prediction."""
    warm_up = load_model(registry, "m").pipeline.warm_up
    with pytest.raises(DataError, match=f"for row {warm_up + 1}"):
        _scored(registry, bars.iloc[:warm_up], 0)
    assert _scored(registry, bars.iloc[: warm_up + 1], 0)["prediction"].notna().sum() == 1


def test_an_output_of_another_kind_is_an_error(
    registry: ModelRegistry, bars: pd.DataFrame, tmp_path: Path
) -> None:
    """With the endings that there are."""
    with pytest.raises(InputError, match=r"\.parquet or \.csv"):
        score(registry, "m", bars, tmp_path / "out.xlsx", allow_expired=True)


def test_an_expired_model_is_refused(
    registry: ModelRegistry, bars: pd.DataFrame, tmp_path: Path
) -> None:
    """Counted from its newest row; on the day itself it still serves."""
    version = registry.get("m")
    newest = datetime.fromisoformat(version.card["data"]["last"]).replace(tzinfo=UTC)
    refuse_expired(version, newest + timedelta(days=30))
    with pytest.raises(DataError, match="m:1 has expired"):
        refuse_expired(version, newest + timedelta(days=30, seconds=1))
    with pytest.raises(DataError, match="--allow-expired"):
        score(registry, "m", bars, tmp_path / "out.csv")


def test_scoring_needs_nothing_that_only_training_needs(
    registry: ModelRegistry, bars: pd.DataFrame, tmp_path: Path
) -> None:
    """In a process in which the extras and Prefect cannot be imported."""
    bars.to_parquet(tmp_path / "bars.parquet")
    code = f"""
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {{"torch", "sklearn", "mlflow", "gymnasium", "prefect"}}:
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
from training.artifacts import ArtifactStore
from training.registry import ModelRegistry
from training.scoring import score
registry = ModelRegistry(ArtifactStore({registry.store.url!r}))
done = score(registry, "m", {str(tmp_path / "bars.parquet")!r},
             {str(tmp_path / "out.parquet")!r}, allow_expired=True)
print(done.rows)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == str(ROWS), done.stderr


def test_a_model_sees_blocks_of_one_size_counted_from_the_first_row() -> None:
    """The last bits of a product of matrices depend on how many rows it has."""
    seen: list[int] = []

    class Sizes:
        def predict(self, x: Any) -> Any:  # noqa: ANN401 - an array
            seen.append(len(x))
            return x[:, 0]

    model: Any = Sizes()
    x = np.random.default_rng(0).normal(size=(2 * PREDICTED_AT_ONCE + 5, 2))
    assert np.array_equal(predict_in_blocks(model, x), x[:, 0])
    assert seen == [PREDICTED_AT_ONCE] * 3
