"""Two years of monthly retrainings on the S&P 500."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from training.config.load import load_config
from training.config.sources import SampleSource
from training.data.sources.sample import read_sample
from training.retraining import Retraining, moments, retrain

if TYPE_CHECKING:
    import pandas as pd

CONFIG = Path(__file__).parents[3] / "configs" / "retrain.yaml"


def _outcome(storage: Path, frame: pd.DataFrame, moment: Any) -> dict[str, Any]:  # noqa: ANN401 - a date
    config = load_config(CONFIG, ("data.source={type: dataframe}",))
    return retrain(Retraining(config, storage, as_of=moment, frame=frame))


@pytest.mark.long
def test_no_row_after_the_moment_is_read_in_any_of_24_months(tmp_path: Path) -> None:
    """Rows of the future that are poisoned change neither weights, figures nor decisions."""
    clean = read_sample(SampleSource(name="sp500")).frame
    dates = clean["date"].astype(str)
    numbers = clean.columns.drop("date")
    months = moments("2015-01", "2016-12", "month")
    assert len(months) == 24
    found = set()
    for moment in months:
        future = (dates > moment.isoformat()).to_numpy()
        poisoned = clean.astype(dict.fromkeys(numbers, "float64"))
        for name in numbers:
            poisoned.loc[future, name] = np.where(np.arange(future.sum()) % 2, -1e300, np.nan)
        outcome = _outcome(tmp_path / "clean", clean, moment)
        assert _outcome(tmp_path / "poisoned", poisoned, moment) == outcome
        assert outcome["slot"] <= moment.isoformat()
        found.add(outcome["status"])
    assert found == {"promoted", "rejected"}
